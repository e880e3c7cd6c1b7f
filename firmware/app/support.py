"""`portero support`: one file with what somebody needs who helps from afar, and without what he must not know.

The configuration goes in without its secrets, and wherever one of them stood in another part, it is struck out as well. Numbers and
addresses stay: without them nobody can tell why a call went nowhere.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus

from firmware.config.load import load
from firmware.config.schema import Settings
from firmware.config.secrets import Secret
from firmware.errors import PorteroError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

PART_BYTES_MAX = 2 << 20  # of each part its newest end: a bundle goes into a mail
TOOL_S_MAX = 30.0
SECRET_CHARS_MIN = 4  # shorter ones, struck out everywhere, would leave nothing readable
STRUCK_OUT = b"(secret)"


class Part(NamedTuple):
    """One file of the bundle."""

    name: str
    data: bytes


def add_support_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `support` to the command line; returns its parser for further options."""
    parser = commands.add_parser("support", help="pack what a helper needs into one file, without secrets")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where it goes (default: portero-support-TIME.tar.gz here)")
    parser.set_defaults(command=lambda options: support(options.config, options.out))
    return parser


def support(config: Path, out: Path | None, now_s: float | None = None) -> int:
    """Write the bundle; the exit code."""
    now_s = time.time() if now_s is None else now_s
    file = out or Path(time.strftime("portero-support-%Y%m%d-%H%M%S.tar.gz", time.localtime(now_s)))
    try:
        pack(file, list(struck(parts(config), secrets_of(config))), now_s)
    except (OSError, PorteroError) as error:
        print(f"portero support: {error}", file=sys.stderr)
        return 1
    print(f"{file}: look at it before you send it: tar -tzf {file}")
    return 0


def parts(config: Path) -> Iterator[Part]:
    """Everything, as it is found; a part that cannot be had says why."""
    from firmware.app.doctor.examination import findings
    from firmware.app.doctor.findings import in_words

    yield Part("version.txt", "\n".join((_version(), platform.platform(), sys.version)).encode())
    yield Part("portero.toml", _tried(lambda: _without_secrets(config)))
    yield Part("doctor.txt", _tried(lambda: "\n".join(in_words(each) for each in findings(config))))
    yield Part("status.json", _tried(lambda: _status(config)))
    yield Part("journal.txt", _tool(sys.executable, "-m", "firmware", "log", "--config", str(config), "--since", "7d"))
    yield Part("log.txt", _tool("journalctl", "--no-pager", "-b", "-u", "portero*", "-n", "5000"))
    yield Part("system.txt", _tool("journalctl", "--no-pager", "-b", "-p", "warning", "-n", "1000"))
    yield Part("network.txt", _tool("ip", "address") + _tool("ip", "route") + _tool("ip", "-6", "route"))
    yield Part("sound.txt", _tool("cat", "/proc/asound/cards"))


def _version() -> str:
    from importlib.metadata import version

    return f"portero {version('portero')}"


def _without_secrets(config: Path) -> str:
    from firmware.app.appliance.moved_secrets import concealed

    return concealed(config.read_text(encoding="utf-8-sig"))


def _status(config: Path) -> str:
    from firmware.app.doctor.network import daemon_status

    return json.dumps(daemon_status(load(config, outside_service=True)), indent=1)


def _tried(make: Callable[[], str]) -> bytes:
    try:
        return make().encode()
    except (OSError, ValueError, PorteroError) as error:
        return f"not to be had: {error}\n".encode()


def _tool(*words: str) -> bytes:
    try:
        done = subprocess.run(words, capture_output=True, timeout=TOOL_S_MAX, check=False)  # noqa: S603 -- words of our own
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not to be had: {error}\n".encode()
    return _newest(done.stdout + done.stderr)


def _newest(data: bytes) -> bytes:
    """The newest whole lines: of half a line the half of a secret would not be known."""
    return data if len(data) <= PART_BYTES_MAX else data[-PART_BYTES_MAX:].partition(b"\n")[2]


def secrets_of(config: Path) -> list[bytes]:
    """Every secret of the configuration in every way in which a part may spell it, the longest first.

    Of a file with mistakes those that stand in it: the daemon may have been started before the mistake was made.
    """
    found = {spelling for secret in _known_secrets(config) if len(secret) >= SECRET_CHARS_MIN for spelling in _spellings(secret)}
    return sorted(found, key=lambda each: (-len(each), each))


def _known_secrets(config: Path) -> list[str]:
    from firmware.app.appliance.moved_secrets import stated

    try:
        return [each.reveal() for each in _secrets(load(config, outside_service=True))]
    except PorteroError:
        pass
    try:
        return stated(config.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):  # not there, or no TOML
        return []


def _spellings(secret: str) -> Iterator[bytes]:
    """As it is, as JSON writes it, as an address does, and as Python shows a text."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield repr(secret)[1:-1].encode()


def _secrets(settings: Settings) -> Iterator[Secret]:
    """Every secret, however deep the tables lie: they are all tuples."""
    todo: list[object] = [settings]
    while todo:
        value = todo.pop()
        if isinstance(value, Secret):
            yield value
        elif isinstance(value, tuple):
            todo += value


def struck(given: Iterator[Part], secrets: list[bytes]) -> Iterator[Part]:
    """The parts with every secret struck out."""
    for part in given:
        data = part.data
        for secret in secrets:
            data = data.replace(secret, STRUCK_OUT)
        yield Part(part.name, data)


def pack(file: Path, bundle: list[Part], now_s: float) -> None:
    """Write the archive, for its owner alone, into a file that was not there. Raises OSError.

    Root calls this in folders where others may write: nothing that they have laid there is followed, overwritten or read along.
    """
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for part in bundle:
            entry = tarfile.TarInfo(f"{file.name.removesuffix('.tar.gz')}/{part.name}")
            entry.size, entry.mtime, entry.mode = len(part.data), int(now_s), 0o600
            archive.addfile(entry, io.BytesIO(part.data))
