"""The button inside the case: what it takes away, what it leaves, and that nobody does it by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.app.appliance import reset as under_test
from firmware.app.appliance.moved_secrets import PLACEHOLDER
from firmware.app.appliance.reset import LINE, Places, beep, forget, reset
from firmware.app.update.ledger import Ledger, News
from hw.api import Board, HardwareError, SoundCard
from hw.settings import BoardSettings, SoundSettings
from hw.simulated import SimulatedBoard
from hw.simulated_sound import SimulatedSound
from tests.app.update.flashed import OLD, flashed

CARD = """\
[system]
reset_gpio = 26
[[lamp]]
name = "ring"
gpio = 6
shows = "ring"
[[lock]]
name = "door"
gpio = 27
[audio]
device = "USB"
"""
SECRET = "a long test secret"


class Panel:
    """A board whose reset line is held from the beginning, or let go after a while, or never touched."""

    def __init__(self, *, held: bool, let_go: bool = False, stuck: bool = False) -> None:
        self._held, self._let_go, self._stuck = held, let_go, stuck
        self._board: SimulatedBoard | None = None
        self.wires: list[BoardSettings] = []
        self.lamps: list[tuple[bool, float | None]] = []
        self.beeps = 0

    def build(self, wires: BoardSettings) -> Board:
        self.wires.append(wires)
        board = self._board = SimulatedBoard(wires)
        if self._held:
            board.set_contact(LINE, active=True)
        lamp = board.lamp("ring")
        was = lamp.set

        def noted(*, on: bool, blink_period_s: float | None = None) -> None:
            self.lamps.append((on, blink_period_s))
            was(on=on, blink_period_s=blink_period_s)
            if self._let_go and on:
                board.set_contact(LINE, active=False)

        lamp.set = noted  # type: ignore[method-assign]  # to see what it shows
        return board

    def beep(self, _card: SoundCard) -> None:
        self.beeps += 1
        if self._board is not None and not self._stuck:
            self._board.set_contact(LINE, active=False)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setattr(under_test, "FIRST_S", 60.0)  # ends with the line's first level
    monkeypatch.setattr(under_test, "HOLD_S", 0.2)
    monkeypatch.setattr(under_test, "RELEASE_S", 60.0)  # ends with the release
    device = flashed(tmp_path)._replace(data=tmp_path / "data/update")
    for name in ("config/portero.toml", "portero/users.db", "portero/recordings/1.wav", "ssh/key", "timesync/clock", "update/ledger.json"):
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SECRET)
    device.remember(Ledger(newest=OLD))
    (device.boot / "portero.toml").write_text(CARD)
    return Places(data=tmp_path / "data", files=(device.boot / "portero.toml", tmp_path / "data/config/portero.toml"), device=device)


def left(places: Places) -> set[str]:
    return {str(path.relative_to(places.data)) for path in places.data.rglob("*") if path.is_file()}


def test_who_holds_the_button_takes_everything_off_the_device_but_its_card_and_the_memory_of_updates(places: Places) -> None:
    panel = Panel(held=True)
    assert reset(places, panel.build, panel.beep) == 0
    assert left(places) == {"timesync/clock", "update/ledger.json"}
    assert (places.data / "portero").is_dir()  # it is mounted elsewhere as well
    assert places.device.ledger == Ledger(newest=OLD, untold=(News("reset", OLD, "by the button inside the case"),))
    assert (places.device.boot / "portero.toml").read_text() == CARD
    assert panel.lamps[:2] == [(True, under_test.BLINK_S), (True, None)]
    assert panel.beeps == 1
    assert panel.wires[0].relays == ()  # nothing opens meanwhile
    assert panel.wires[0].contacts[0].gpio == 26


@pytest.mark.parametrize("panel", [Panel(held=False), Panel(held=True, let_go=True)], ids=["never", "too short"])
def test_a_button_that_is_not_held_takes_nothing(places: Places, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "HOLD_S", 60.0)
    before = left(places)
    assert reset(places, panel.build, panel.beep) == 0
    assert left(places) == before
    assert panel.beeps == 0


def test_a_wire_that_is_shorted_takes_nothing(places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(under_test, "RELEASE_S", 0.2)
    before = left(places)
    panel = Panel(held=True, stuck=True)
    assert reset(places, panel.build, panel.beep) == 0
    assert left(places) == before
    assert panel.beeps == 1
    assert "is its wire shorted?" in capsys.readouterr().err


def test_without_a_line_in_the_settings_nothing_is_looked_at(places: Places) -> None:
    (places.device.boot / "portero.toml").write_text("[station]\n")
    panel = Panel(held=True)
    assert reset(places, panel.build, panel.beep) == 0
    assert panel.wires == []


def test_the_devices_own_file_counts_when_the_card_has_mistakes(places: Places) -> None:
    (places.device.boot / "portero.toml").write_text("[[[")
    (places.data / "config/portero.toml").write_text(CARD)
    panel = Panel(held=True)
    assert reset(places, panel.build, panel.beep) == 0
    assert panel.beeps == 1
    for file in places.files:
        file.unlink(missing_ok=True)
    assert reset(places, panel.build, panel.beep) == 0
    assert panel.beeps == 1


def test_a_button_named_on_a_card_whose_secrets_have_moved_counts_at_once(places: Places) -> None:
    code = '[[code]]\nname = "family"\ncode = "{}"\n'
    (places.data / "config/portero.toml").write_text(code.format("583216"))
    (places.device.boot / "portero.toml").write_text(CARD + code.format(PLACEHOLDER))
    panel = Panel(held=True)
    assert reset(places, panel.build, panel.beep) == 0
    assert panel.wires[0].contacts[0].gpio == 26
    assert panel.beeps == 1


def test_a_power_cut_in_the_middle_is_made_good_at_the_next_start_though_nobody_holds_the_button(places: Places) -> None:
    (places.data / LINE).touch()
    panel = Panel(held=False)
    assert reset(places, panel.build, panel.beep) == 0
    assert left(places) == {"timesync/clock", "update/ledger.json"}
    assert panel.wires == []


def test_a_board_without_pins_is_told_and_takes_nothing(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    before = left(places)

    def none(_wires: BoardSettings) -> Board:
        raise HardwareError("no GPIO pins")

    assert reset(places, none, Panel(held=True).beep) == 1
    assert left(places) == before
    assert "no GPIO pins" in capsys.readouterr().err


def test_a_damaged_memory_of_updates_keeps_nothing_else_alive(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    (places.device.data / "ledger.json").write_text("{")
    forget(places)
    assert left(places) == {"timesync/clock", "update/ledger.json"}
    assert "is damaged" in capsys.readouterr().err


def test_a_tone_where_there_is_a_card_and_a_word_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(under_test, "TONE_S", 0.1)
    card = SimulatedSound(SoundSettings(), sleep=None)
    beep(card)
    assert any(card.heard())
    card.unplug()
    beep(card)
    assert "not plugged in" in capsys.readouterr().err


def test_the_unit_looks_once_a_boot_whatever_comes_of_it() -> None:
    text = (Path(__file__).parents[3] / "image/board/files/usr/lib/systemd/system/portero-reset.service").read_text()
    assert "\nRemainAfterExit=yes\n" in text
    assert "\nSuccessExitStatus=1\n" in text
    assert "\nCondition" not in text  # a unit that was skipped is started again with the next one that wants sysinit.target
    assert "\nExecCondition" not in text
