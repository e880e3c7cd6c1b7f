"""Makes tests/interop/MATRIX.md: which peer was proven for which feature, from the outcome of the tests that say so.

A test (or one of its parameters) names its cells with `@pytest.mark.matrix("baresip", "call out", "digits")`. The table is written only
when the whole folder ran; a cell without a test says so, and no row is left out.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

MATRIX = Path(__file__).parent / "MATRIX.md"
PEERS = {  # how each tells its version
    "Kamailio, UDP": ["kamailio", "-v"],
    "Kamailio, TCP": ["kamailio", "-v"],
    "Kamailio, TLS": ["kamailio", "-v"],
    "Kamailio, WebSocket": ["kamailio", "-v"],
    "Kamailio, SCTP": ["kamailio", "-v"],
    "baresip": ["baresip", "-h"],
    "SIPp": ["sipp", "-v"],
    "sipsak": ["sipsak", "-V"],
    "linphone": ["linphonec", "--version"],
    "Chromium": ["chromium", "--version"],
}
FEATURES = (
    "register", "call out", "call in", "hold", "transfer", "early media", "session timer", "digits", "codecs", "video", "name check",
    "MESSAGE", "SUBSCRIBE", "SDES", "DTLS", "ICE",
)  # fmt: skip
A_PAGE = "a page that calls, talks and looks, and does no more"
NO_CERTIFICATES, A_PHONE, A_TOOL = "no certificates without TLS", "a phone, no registrar", "a tool that sends single requests"
NONE = {  # what a peer does not have, and why; every other cell needs a test
    ("Kamailio, UDP", "name check"): NO_CERTIFICATES,
    ("Kamailio, TCP", "name check"): NO_CERTIFICATES,
    ("Kamailio, SCTP", "name check"): NO_CERTIFICATES,
    ("baresip", "register"): A_PHONE,
    ("baresip", "session timer"): "baresip knows no session timer",
    ("SIPp", "name check"): "Debian builds it without TLS",
    ("linphone", "register"): A_PHONE,
    **{("sipsak", feature): A_TOOL for feature in FEATURES if feature != "MESSAGE"},
    **{("Chromium", feature): A_PAGE for feature in FEATURES if feature not in ("call in", "codecs", "video", "SDES", "DTLS", "ICE")},
    ("Chromium", "SDES"): "browsers know DTLS alone",
}
HEAD = """\
# Interoperability matrix

Written by `make interop` from the outcome of its tests against the peers of Debian's packages. A number stands where the peer has no such
thing, and says why; `·` where no test ran.

"""

Cells = dict[tuple[str, str], bool]
CELL = "matrix"  # the name under which a test's report carries "peer/feature", also from one process to another


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "matrix(peer, *features): the cells of MATRIX.md that this test proves")
    config.addinivalue_line("markers", "alone: no other test of this folder runs at that time, in whatever process")
    if not hasattr(config, "workerinput"):  # where the reports of all workers come together
        config.pluginmanager.register(Writer(), "matrix")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("matrix"):
            peer, *features = mark.args
            assert peer in PEERS, peer
            for feature in features:
                assert feature in FEATURES, feature
                item.user_properties.append((CELL, f"{peer}/{feature}"))
    items.sort(key=is_alone, reverse=True)  # one after the other, before any other: nobody waits for the end of what runs


class Room:
    """Where the tests of several processes are side by side, but for one that wants the machine alone; it is not overtaken."""

    def __init__(self) -> None:
        here = Path(__file__)  # two files that every process finds: the locks are on them
        self._door, self._inside = os.open(here, os.O_RDONLY), os.open(here.parent, os.O_RDONLY)
        self._is_in = False

    def enter(self, *, alone: bool) -> None:
        """Wait for it; who is still in, is in."""
        if not self._is_in:
            fcntl.flock(self._door, fcntl.LOCK_EX)
            fcntl.flock(self._inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            fcntl.flock(self._door, fcntl.LOCK_UN)
            self._is_in = True

    def leave(self) -> None:
        fcntl.flock(self._inside, fcntl.LOCK_UN)
        self._is_in = False

    def close(self) -> None:
        os.close(self._door)
        os.close(self._inside)


ROOM = pytest.StashKey[Room]()


def pytest_sessionstart(session: pytest.Session) -> None:
    room = Room()
    session.config.add_cleanup(room.close)
    session.config.stash[ROOM] = room


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-timeout's: to wait for the room is no part of the test
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    room = item.config.stash[ROOM]
    room.enter(alone=is_alone(item))
    try:
        return (yield)
    finally:
        if not (is_alone(item) and nextitem is not None and is_alone(nextitem)):
            room.leave()


def is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


class Writer:
    """Gathers what the tests' reports say, and writes the table when the whole folder has run."""

    def __init__(self) -> None:
        self._cells: Cells = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.failed:
            for name, cell in report.user_properties:
                if name == CELL:
                    peer, _, feature = str(cell).partition("/")
                    self._cells[peer, feature] = self._cells.get((peer, feature), True) and report.passed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        folder = Path(__file__).parent
        whole = [Path(argument).resolve() for argument in session.config.args] == [folder]
        if whole and not session.config.option.keyword and not session.config.option.collectonly:
            MATRIX.write_text(HEAD + table(self._cells))


def table(cells: Cells) -> str:
    """The Markdown table; `yes`, **no**, the number of the reason why the peer has none, or · for a cell without a test."""
    words = {True: "yes", False: "**no**", None: "·"}
    reasons = list(dict.fromkeys(NONE.values()))

    def cell(peer: str, feature: str) -> str:
        reason = NONE.get((peer, feature))
        return words[cells.get((peer, feature))] if reason is None else f"({reasons.index(reason) + 1})"

    lines = [f"| peer | {' | '.join(FEATURES)} |", f"| --- |{' --- |' * len(FEATURES)}"]
    for peer, command in PEERS.items():
        row = " | ".join(cell(peer, feature) for feature in FEATURES)
        lines.append(f"| {peer} ({version(command)}) | {row} |")
    lines += ["", *[f"({number}) {reason}  " for number, reason in enumerate(reasons, 1)]]
    return "\n".join(lines) + "\n"


def version(command: list[str]) -> str:
    """The first number that looks like a version in what the peer says of itself."""
    try:
        said = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        return "not installed"
    found = re.search(rb"\d+\.\d+(\.\d+)*", said.stdout + said.stderr)
    return found[0].decode() if found else "version unknown"
