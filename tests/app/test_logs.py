"""Log lines: priorities for journald, no secrets, no forged lines."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from firmware.app.logs import LINE_LENGTH_MAX, OURS, set_up

log = logging.getLogger("portero.test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in ("", *OURS)}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def journal() -> io.StringIO:
    stream = io.StringIO()
    set_up({"JOURNAL_STREAM": "8:1"}, stream=stream)
    return stream


def test_each_level_has_its_syslog_priority(journal: io.StringIO) -> None:
    log.info("one")
    log.warning("two")
    log.error("three")
    assert journal.getvalue() == "<6>portero.test: one\n<4>portero.test: two\n<3>portero.test: three\n"


def test_every_line_of_a_traceback_keeps_the_priority(journal: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it happened")
    lines = journal.getvalue().splitlines()
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


def test_raw_bytes_show_their_length_only(journal: io.StringIO) -> None:
    log.info("received %s from %s", b"Authorization: Digest response=42", "a phone")
    assert journal.getvalue() == "<6>portero.test: received <33 bytes> from a phone\n"


def test_a_value_is_shown_by_its_own_str_which_hides_its_secret(journal: io.StringIO) -> None:
    class Password:
        def __str__(self) -> str:
            return "****"

    log.info("password %s", Password())
    assert journal.getvalue() == "<6>portero.test: password ****\n"


def test_a_peers_name_cannot_forge_a_line(journal: io.StringIO) -> None:
    log.info("call from %s", "Eve\n<0>portero: door open\x1b[2J")
    assert journal.getvalue() == "<6>portero.test: call from Eve\\n<0>portero: door open\\x1b[2J\n"


def test_a_line_is_cut_at_its_limit(journal: io.StringIO) -> None:
    log.info("%s", "x" * (LINE_LENGTH_MAX * 2))
    assert len(journal.getvalue()) < LINE_LENGTH_MAX + 40


def test_a_terminal_gets_the_time_and_the_level() -> None:
    stream = io.StringIO()
    set_up({}, stream=stream)
    log.info("hello %d", 3)
    assert stream.getvalue().endswith(" INFO    portero.test: hello 3\n")


def test_a_quiet_level_hides_the_rest() -> None:
    stream = io.StringIO()
    set_up({}, level="warning", stream=stream)
    log.info("not shown")
    assert stream.getvalue() == ""


def test_libraries_are_heard_from_warnings_on(journal: io.StringIO) -> None:
    logging.getLogger("asyncio").info("chatter")
    logging.getLogger("asyncio").warning("trouble")
    logging.getLogger("firmware.net").info("ours")
    assert journal.getvalue() == "<4>asyncio: trouble\n<6>firmware.net: ours\n"
