"""The command line: what each command prints, and how it exits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.app import release, simulation
from firmware.app.control.protocol import Json, Request
from firmware.app.control.server import ControlServer
from firmware.cli import _plain_run, main
from firmware.config.load import load
from hw.api import HardwareError
from hw.settings import BoardSettings, RelaySettings

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
[[target]]
name = "anna"
uri = "sip:anna@192.0.2.1"
[[button]]
name = "bell"
gpio = 17
targets = ["anna"]
[[lock]]
name = "gate"
gpio = 27
active_high = false
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "portero.toml"
    path.write_text(GOOD)
    return path


def test_check_approves_of_a_good_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config)]) == 0
    assert capsys.readouterr().out == f"{config}: no mistakes\n"


def test_check_names_file_line_key_and_remedy_of_every_mistake(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(GOOD.replace("gpio = 27", "gpio = 17").replace('targets = ["anna"]', 'targets = ["bert"]'))
    assert main(["check", str(config)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{config}:8", "button[bell].targets[1]"],
        [f"{config}:11", "lock[gate].gpio"],
    ]
    assert all(line.endswith(".") for line in lines)


def test_check_says_when_there_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.toml")]) == 1
    assert capsys.readouterr().out.startswith(f"{tmp_path}/none.toml: the file cannot be read")


def test_ctl_without_a_daemon_exits_with_its_own_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ctl", "--socket", str(tmp_path / "none"), "status"]) == 2
    assert "Is `portero run` up" in capsys.readouterr().err


def test_run_with_a_broken_file_exits_as_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "portero.toml").write_text("[network]\nsip_prot = 1\n")
    command = [sys.executable, "-m", "firmware", "run", "--config", str(tmp_path / "portero.toml")]
    verdict = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert verdict.returncode == 78
    assert "network.sip_prot" in verdict.stderr
    assert "Traceback" not in verdict.stderr


def test_the_daemons_way_in_does_not_load_the_command_line(config: Path) -> None:
    # The service starts with exactly these words; what they must not load is time that a REGISTER waits
    code = (
        "import sys; from firmware import cli; import firmware.app.main as m; m.run = lambda options: 0; "
        f"cli.main(['run', '--config', {str(config)!r}]); "
        "print(sorted({'argparse', 'sqlite3', 'hw.api', 'firmware.media.engine', 'firmware.app.station', 'dns'} & set(sys.modules)))"
    )
    verdict = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert verdict.stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["run", "--config", "a"], {"--config": "a"}),
        (["run", "--simulate", "--speaker", "s", "--config", "a"], {"--simulate": "", "--speaker": "s", "--config": "a"}),
        (["run"], None),
        (["run", "--simulate"], None),
        (["run", "--config"], None),
        (["run", "--config", ""], {"--config": ""}),
        (["run", "--config", "--simulate"], None),
        (["run", "--config", "a", "--log-level", "debug"], None),
        (["run", "--config=a"], None),
        (["run", "--config", "a", "more"], None),
        (["check", "--config", "a"], None),
        ([], None),
    ],
)
def test_a_run_that_says_all_needs_no_parser_and_any_other_has_one(words: list[str], given: dict[str, str] | None) -> None:
    assert _plain_run(words) == given


def test_a_command_that_does_not_exist_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2
    assert "dance" in capsys.readouterr().err


def test_ctl_ends_quietly_when_nobody_reads_it_any_more(tmp_path: Path) -> None:
    async def tell(_request: Request) -> Json:
        return "x" * 1000

    async def scenario() -> tuple[int | None, bytes]:
        server = ControlServer(tmp_path / "control", tell, lambda: 0.0)
        await server.start()
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "firmware", "ctl", "--socket", str(tmp_path / "control"), "status"]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=writing, stderr=asyncio.subprocess.PIPE)
        os.close(writing)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        await server.close()
        return process.returncode, errors

    assert asyncio.run(scenario()) == (0, b"")


def test_a_simulated_door_needs_no_configuration_and_overwrites_none(tmp_path: Path) -> None:
    path = simulation.configuration({"XDG_STATE_HOME": str(tmp_path)})
    settings = load(path)
    assert (settings.control.socket, settings.warnings) == (str(tmp_path / "portero" / "control.sock"), ())
    path.write_text("# mine")
    assert simulation.configuration({"XDG_STATE_HOME": str(tmp_path)}).read_text() == "# mine"


# --- release-relays


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[BoardSettings]:
    boards: list[BoardSettings] = []
    monkeypatch.setattr("hw.build.release_relays", boards.append)
    return boards


def lines(board: BoardSettings) -> list[tuple[str, int, bool]]:
    return [(relay.name, relay.gpio, relay.active_high) for relay in board.relays]


def test_release_drives_the_configured_lines(config: Path, released: list[BoardSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert main(["release-relays", "--config", str(config)]) == 0
    assert [lines(board) for board in released] == [[("gate", 27, False)]]


def test_release_needs_no_secret(config: Path, released: list[BoardSettings]) -> None:
    config.write_text(GOOD + '[[code]]\nname = "family"\ncode_credential = "family"\n')
    assert release.release(config, None) == 0
    assert [lines(board) for board in released] == [[("gate", 27, False)]]


def test_release_prefers_what_the_dead_daemon_noted_over_a_file_changed_since(
    config: Path, released: list[BoardSettings], tmp_path: Path
) -> None:
    release.note_relays((RelaySettings(name="old", gpio=5, active_high=True),), tmp_path)
    config.write_text("broken = [")
    assert release.release(config, str(tmp_path)) == 0
    assert [lines(board) for board in released] == [[("old", 5, True)]]


@pytest.mark.parametrize("note", ["", "[", "{}", '[{"name": "x"}]', "[1]", '[{"name": "x", "gpio": "y", "active_high": true}]'])
def test_a_broken_note_is_no_note(config: Path, released: list[BoardSettings], tmp_path: Path, note: str) -> None:
    (tmp_path / release.NOTE).write_text(note)
    assert release.release(config, str(tmp_path)) == 0
    assert [relay.name for board in released for relay in board.relays] == ([] if note == "{}" else ["gate"])


def test_a_line_that_cannot_be_released_is_said(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_board: BoardSettings) -> None:
        raise HardwareError("no pins here")

    monkeypatch.setattr("hw.build.release_relays", refuse)
    assert release.release(config, None) == 1
    assert capsys.readouterr().err == "portero release-relays: no pins here\n"
