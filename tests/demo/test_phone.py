"""The demo's phone as a process: it ends quietly, whatever has happened to the call or to whoever watches."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from firmware.demo.phone import Orders
from firmware.ids import SystemIds
from firmware.net.runner import Runner
from firmware.sdp.codec import PCMU
from firmware.sdp.media_session import LocalMedia
from firmware.sip import events as sip
from firmware.sip.agent import Agent, AgentSettings
from firmware.sip.uri import Uri

GIVE_UP_S = 60.0
CALL = sip.CallKey("call")


def orders(folder: Path) -> Orders:
    """Answers at once, and would speak and press keys in an hour."""
    return Orders("127.0.0.1", "resident", "", "", 0.0, 3600.0, 3600.0, "1", 3600.0, str(folder / "phone.wav"), str(folder / "frames"))


async def started(folder: Path) -> tuple[Process, int]:
    """The phone, and where it listens."""
    command = (sys.executable, "-m", "firmware.demo.phone", json.dumps(orders(folder)._asdict()))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    listening = json.loads(await asyncio.wait_for(process.stdout.readline(), GIVE_UP_S))
    assert listening["kind"] == "listening"
    return process, listening["port"]


async def ended(process: Process) -> tuple[int, list[str], str]:
    """Close its input: its exit code, the kinds of what it still reported, and its complaints."""
    out, complaints = await asyncio.wait_for(process.communicate(b""), GIVE_UP_S)
    assert process.returncode is not None
    return process.returncode, [json.loads(line)["kind"] for line in out.splitlines()], complaints.decode()


async def called(port: int) -> Runner:
    """A call to the phone that it has answered, and that nobody will end."""
    answered = asyncio.Event()
    ids = SystemIds()
    agent = Agent(AgentSettings(user="door", user_agent="test"), ids, asyncio.get_running_loop().time())
    caller = Runner(
        agent,
        bind_host="127.0.0.1",
        sip_port=0,
        on_event=lambda event: answered.set() if isinstance(event, sip.CallAnswered) else None,
    )
    await caller.start()
    media = LocalMedia(rtp_port=40_000, codecs=(PCMU,), session_id=1)
    caller.command(sip.Invite(call=CALL, target=Uri.parse(f"sip:resident@127.0.0.1:{port}"), account=None, media=media))
    await asyncio.wait_for(answered.wait(), GIVE_UP_S)
    return caller


def test_a_phone_that_nobody_has_called_ends_with_its_input(tmp_path: Path) -> None:
    async def scene() -> tuple[int, list[str], str]:
        process, _ = await started(tmp_path)
        process.send_signal(signal.SIGINT)  # Ctrl-C at the terminal is for who started it
        return await ended(process)

    assert asyncio.run(scene()) == (0, [], "")


def test_a_door_that_loses_its_power_in_the_call_leaves_a_phone_that_ends_quietly(tmp_path: Path) -> None:
    async def scene() -> tuple[int, list[str], str]:
        process, port = await started(tmp_path)
        caller = await called(port)
        try:
            return await ended(process)
        finally:
            await caller.close()

    code, kinds, complaints = asyncio.run(scene())
    assert (code, complaints) == (0, "")
    assert {"quality", "recorded"} <= set(kinds)


@pytest.mark.parametrize("is_called", [False, True])
def test_a_phone_whose_watcher_has_died_ends_quietly(tmp_path: Path, is_called: bool) -> None:
    async def scene() -> tuple[int, str]:
        process, port = await started(tmp_path)
        caller = await called(port) if is_called else None
        assert process.stdin is not None
        assert process.stderr is not None
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # asyncio has no way to hang up on a reader
        process.stdin.close()
        complaints = await asyncio.wait_for(process.stderr.read(), GIVE_UP_S)
        code = await asyncio.wait_for(process.wait(), GIVE_UP_S)
        if caller is not None:
            await caller.close()
        return code, complaints.decode()

    assert asyncio.run(scene()) == (0, "")
