"""What a daemon at work keeps loaded: memory of a small board that no call needs is lost for good, so the list is closed here."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.app.commands import FURTHER, OWN, parser
from firmware.app.control.client import EXIT_OK, control
from firmware.app.lean_asyncio import load_asyncio
from tests.app.registrar import Registrar, registrar

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 60.0

CONFIG = """
[network]
bind = "127.0.0.1"
sip_port = 0
[[account]]
name = "house"
uri = "sip:door@127.0.0.1:{registrar}"
password = "a long test secret"
[[target]]
name = "anna"
uri = "sip:anna@127.0.0.1:{registrar}"
[[button]]
name = "bell"
targets = ["anna"]
[[lock]]
name = "gate"
gpio = 5
[[code]]
name = "residents"
code = "7305"
[journal]
path = "{folder}/journal.db"
[users]
path = "{folder}/users.db"
key = "{folder}/users.key"
[control]
socket = "{folder}/control"
"""
# The daemon itself, which tells at its end what it has loaded.
DAEMON = """
import json, sys
from firmware.cli import main
code = main(sys.argv[1:])
loaded = [name for name, module in sys.modules.items() if type(module).__name__ != "StandIn" or "__file__" in vars(module)]
print(json.dumps(sorted(loaded)))
sys.exit(code)
"""
# Each with what would need it.
NOT_LOADED = {
    "ssl", "_ssl", "hashlib", "_hashlib", "hmac",  # OpenSSL: TLS, SHA-512-256, users
    "argparse", "gettext", "getpass",  # the command line
    "dns", "gpiozero", "hw.pins", "hw.lines", "alsaaudio", "serial",  # a real board, and names that must be looked up
    "http", "urllib.request", "email", "xml", "csv", "html",  # webhooks, bodies, lists of users
    "multiprocessing", "concurrent.futures.process", "decimal", "fractions", "statistics",
    "inspect", "ast", "dis", "locale", "asyncio.sslproto", "random", "dataclasses",  # what we, or asyncio, do without
    "shutil", "tempfile", "bz2", "lzma", "zipfile", "unittest", "pdb", "importlib.metadata", "pkg_resources",
    "firmware.app.commands", "firmware.app.doctor", "firmware.app.update", "firmware.app.users.store", "firmware.app.users.seal",
    "firmware.demo",
    "firmware.media.srtp", "firmware.media.dtls", "firmware.media.keying",  # libsrtp2, OpenSSL: calls that are encrypted
    "firmware.app.outlets", "firmware.media.certificate", "h11", "aiomqtt", "paho",  # web server and MQTT
    "firmware.net.tls", "firmware.net.tls_layers", "firmware.outlets", "firmware.sip.body.pidf", "firmware.stun",
    "firmware.ice", "firmware.media.mapping", "firmware.app.pages", "firmware.media.multicast", "firmware.config.paging",
    "firmware.app.voicexml", "firmware.config.menus",  # spoken menus
    "firmware.config.flats", "firmware.csv_rows", "firmware.app.flats",  # numbers that visitors dial
    "firmware.app.setup",
    "firmware.media.relay", "firmware.media.relays", "firmware.media.relay_datagrams",  # a TURN server
    "firmware.app.relay_server", "firmware.app.relay_stream",
    "ctypes", "firmware.media.ogg_opus",  # recordings in Opus
    "firmware.app.pictures", "firmware.app.picture_keying", "firmware.app.ring_pictures",
    "firmware.config.camera", "firmware.outlets.rtsp", "firmware.sdp.video",
    "firmware.sdp.video_session",
    "firmware.sdp.h264", "firmware.media.picture_stream", "firmware.media.h264_payload", "firmware.media.picture_reports",
    "hw.camera", "hw.camera_file", "hw.camera_commands", "hw.decode.annex_b",  # a camera

}  # fmt: skip


async def ready(daemon: asyncio.subprocess.Process) -> None:
    assert daemon.stderr is not None
    said = b""
    async with asyncio.timeout(LIMIT_S):
        async for line in daemon.stderr:
            said += line
            if b"ready on SIP port" in line:
                return
    raise AssertionError(f"the daemon has ended, having said:\n{said.decode()}")


async def press_and_end(daemon: asyncio.subprocess.Process, house: Registrar, folder: Path) -> list[str]:
    """Registered and then rung: what was loaded for it."""
    await ready(daemon)
    await house.until(1)
    answer = io.StringIO()
    assert await asyncio.to_thread(control, folder / "control", "press", ("bell",), answer) == EXIT_OK, answer.getvalue()
    daemon.terminate()
    out, log = await daemon.communicate()
    assert daemon.returncode == 0, log.decode()
    modules: list[str] = json.loads(out)
    return modules


async def loaded(folder: Path) -> list[str]:
    async with registrar() as house:
        (folder / "portero.toml").write_text(CONFIG.format(folder=folder, registrar=house.port))
        (folder / "portero.toml").chmod(0o600)
        daemon = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", DAEMON, "run", "--simulate", "--config", str(folder / "portero.toml")),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            return await press_and_end(daemon, house, folder)
        finally:
            if daemon.returncode is None:
                daemon.kill()
                await daemon.wait()


def test_a_registered_daemon_that_rings_has_loaded_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    modules = asyncio.run(loaded(tmp_path))
    assert {"asyncio", "firmware.app.journal.journal", "firmware.media.engine", "firmware.sip.agent"} <= set(modules)  # it was at work
    assert [name for name in modules if any(name == other or name.startswith(other + ".") for other in NOT_LOADED)] == []


def test_asyncio_is_loaded_without_openssl_and_openssl_can_still_be_had_afterwards() -> None:
    script = """
from firmware.app.lean_asyncio import load_asyncio
load_asyncio()
import sys
assert "asyncio" in sys.modules and "ssl" not in sys.modules and "_ssl" not in sys.modules
import ssl
assert ssl.create_default_context().check_hostname
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=LIMIT_S)


def test_what_asyncio_leaves_for_later_is_there_when_somebody_wants_it() -> None:
    script = """
from firmware.app.lean_asyncio import LATER, load_asyncio
load_asyncio()
import asyncio, asyncio.coroutines, sys
assert not any("__file__" in vars(sys.modules[name]) for name in LATER)
async def main() -> None: ...
assert asyncio.coroutines.iscoroutinefunction(main)  # by the real one
import inspect, locale
from inspect import isawaitable
assert inspect is sys.modules["inspect"] and inspect.unwrap and "__file__" in vars(inspect) and "locale" in locale.__file__
assert asyncio.base_events.sslproto.SSLProtocol
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=LIMIT_S)


@pytest.mark.parametrize("present", ["asyncio", "ssl"])
def test_asyncio_or_ssl_that_are_there_stay_as_they_are(present: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    monkeypatch.setitem(sys.modules, "ssl", ssl)
    before = sys.modules[present]
    load_asyncio()
    assert sys.modules[present] is before


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("ctl status", ("firmware.config", "firmware.sip", "sqlite3", "tarfile", "asyncio")),
        ("log", ("firmware.app.users", "firmware.app.support", "tarfile", "asyncio")),
        ("appliance --help", ("firmware.app.users", "firmware.app.support", "sqlite3", "asyncio")),
    ],
)
def test_a_command_waits_for_no_part_of_another(words: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    """On a board each part that is loaded in vain is a moment of somebody's patience."""
    asked = "import sys\nfrom firmware.cli import main\ntry: main(sys.argv[1:])\nfinally: print(*sys.modules, file=sys.stderr)"
    place = {"PORTERO_CONTROL": str(tmp_path / "nobody"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", asked, *words.split()], env=place, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "firmware.app.commands" in loaded
    assert not {name for name in loaded for part in parts if name == part or name.startswith(f"{part}.")}


def test_the_command_line_knows_every_command_whichever_is_wanted() -> None:
    known = [*OWN, *FURTHER]
    assert sorted(known) == sorted(set(known))
    text = parser("/nowhere").format_help()
    assert [name for name in known if f"\n    {name}" not in text] == []
    for name in known:
        with pytest.raises(SystemExit) as ended:
            parser("/nowhere", name).parse_args([name, "--help"])
        assert ended.value.code == 0
