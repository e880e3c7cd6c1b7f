"""firmware/app/orphans.py: what a life of the daemon leaves behind is ended and reaped by the next, a camera's program above all."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.daemon import ROOT, Daemon
from tests.outlets.rtsp.test_rtsp_conversation import KNOWN
from tests.outlets.rtsp.test_rtsp_server import Player
from tests.ports import free_port

FILM = ROOT / "tests" / "data" / "camera" / "door.h264"
CONFIG = """
[network]
bind = "127.0.0.1"
sip_port = 0
[[lock]]
name = "gate"
gpio = 5
[camera]
source = "rpicam"
path = "{folder}/pictures"
[rtsp]
port = {port}
bind = "127.0.0.1"
password = "{password}"
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control"
"""
# A camera's program, which notes its number, and what it is told to heed.
PROGRAM = """#!/bin/sh
{heed}
echo $$ >> {folder}/programs
while cat {film}; do sleep 0.05; done
"""
# A life that leaves two behind, and the one that follows it in the same process.
LIVES = """
import os, subprocess, sys
from firmware.app.orphans import end_orphans
if len(sys.argv) == 1:
    short = subprocess.Popen(["true"])  # by a name: one that is forgotten is reaped by the next that begins
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done"], stdout=subprocess.PIPE)
    stubborn.stdout.readline()
    os.execv(sys.executable, [*sys.orig_argv, "again"])
print(end_orphans(), end_orphans())
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nobody is left")
"""


def test_a_life_ends_what_the_one_before_has_left_even_one_that_does_not_heed() -> None:
    told = subprocess.run([sys.executable, "-c", LIVES], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.splitlines() == ["2 0", "nobody is left"]


@pytest.mark.parametrize("heed", ["", "trap '' TERM PIPE"])
def test_neither_reload_nor_end_while_somebody_sees_leaves_a_program_of_the_camera(tmp_path: Path, heed: str) -> None:
    port = free_port()
    program = tmp_path / "rpicam-vid"
    program.write_text(PROGRAM.format(folder=tmp_path, film=FILM, heed=heed))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "portero.toml").write_text(CONFIG.format(folder=tmp_path, port=port, password=KNOWN.password))

    async def signalled_while_somebody_sees(daemon: Daemon, number: signal.Signals) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        player = Player(reader, writer, port)
        try:
            await player.play()
            await player.packet()
            daemon.send(number)
            assert await player.at_end()
        finally:
            await player.close()

    with Daemon(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}") as daemon:
        daemon.until_said("ready on SIP port")
        for life in (1, 2):
            asyncio.run(signalled_while_somebody_sees(daemon, signal.SIGHUP))
            daemon.until(lambda life=life: daemon.log.count("ready on SIP port") > life, "the next life is ready")  # type: ignore[misc]  # mypy cannot infer a lambda with a bound default
        begun = (tmp_path / "programs").read_text().split()
        assert len(begun) == 2
        assert [pid for pid in begun if is_there(pid)] == []
        asyncio.run(signalled_while_somebody_sees(daemon, signal.SIGTERM))
        assert daemon.exit_code() == 0
        begun = (tmp_path / "programs").read_text().split()
        assert len(begun) == 3
        assert [pid for pid in begun if is_there(pid)] == [], "nor does the end leave any"


def is_there(pid: str) -> bool:
    """Whether the process is, alive or a zombie, and still the program: numbers come again."""
    try:
        return Path("/proc", pid, "comm").read_text().strip() == "rpicam-vid"
    except FileNotFoundError:
        return False
