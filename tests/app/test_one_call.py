"""`portero call`: one call over loopback to a phone of the test, as a person at a terminal sees it."""

from __future__ import annotations

import asyncio
import sys
import wave
from pathlib import Path

import pytest

from firmware.app.one_call import EXIT_NOT_REACHED, EXIT_OK, EXIT_UNUSABLE
from firmware.cli import main
from firmware.sip import events as sip
from tests.app.house import phones

ROOT = Path(__file__).resolve().parents[2]


async def portero_call(*words: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "firmware", "call", *words)
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)


def steps(output: bytes) -> list[str]:
    """The lines without their times."""
    return [line.partition(" s  ")[2] for line in output.decode().splitlines()]


def test_an_answered_call_prints_its_steps_and_keeps_what_was_heard(tmp_path: Path) -> None:
    async def scenario() -> tuple[int | None, list[str]]:
        async with phones("anna") as (anna,):
            command = await portero_call(anna.uri, "--seconds", "1", "--record", str(tmp_path / "heard.wav"))
            await anna.heard(sip.IncomingCall)
            anna.answer()
            await anna.heard(sip.CallEnded)
            output, _ = await asyncio.wait_for(command.communicate(), 60)
            return command.returncode, steps(output)

    code, printed = asyncio.run(scenario())
    assert code == EXIT_OK
    assert printed[0].startswith("calling sip:anna@127.0.0.1:")
    assert printed[1:4] == ["ringing", "answered; Ctrl-C hangs up", "hanging up"]
    with wave.open(str(tmp_path / "heard.wav")) as heard:
        assert heard.getnframes() > 0


def test_a_busy_phone_is_said_and_exits_as_not_reached() -> None:
    async def scenario() -> tuple[int | None, list[str]]:
        async with phones("anna") as (anna,):
            anna.busy = True
            command = await portero_call(anna.uri, "--simulate")
            output, _ = await asyncio.wait_for(command.communicate(), 60)
            return command.returncode, steps(output)

    code, printed = asyncio.run(scenario())
    assert (code, printed[-1]) == (EXIT_NOT_REACHED, "busy: 486 Busy Here")


def test_what_cannot_be_called_is_said_before_anything_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "nonsense"]) == EXIT_UNUSABLE
    assert "nonsense" in capsys.readouterr().err
    config = tmp_path / "portero.toml"
    config.write_text("")
    assert main(["call", "sip:a@b", "--config", str(config), "--account", "home"]) == EXIT_UNUSABLE
    assert "no account named 'home'" in capsys.readouterr().err
