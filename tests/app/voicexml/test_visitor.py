"""A visitor at the keypad hears a menu from the panel's speaker: a whole station with a simulated board, and phones to ring."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware.app.sound import SoundSystem
from firmware.app.voicexml import voice
from firmware.config.schema import Button, Keypad, Menu, Settings, Target, VoiceXml
from firmware.door import events as door
from firmware.sip import events as sip
from tests.app.house import House, Phone, house, phones, settings
from tests.app.voicexml.test_menu_in_call import Spoken, hears, menu_file

DOCUMENT = Path(__file__).resolve().parents[2] / "data" / "voicexml" / "flats.vxml"
PAD = Keypad(name="pad", gpio_rows=(1, 2, 3, 4), gpio_columns=(7, 8, 9), lock="gate")

Scenario = Callable[[House, Phone, Spoken], Awaitable[None]]


def wanted(folder: Path, anna: Phone, document: Path = DOCUMENT) -> Settings:
    return settings(folder)._replace(
        target=(Target(name="meyer", uri=anna.uri), Target(name="doe", uri="sip:doe@127.0.0.1:9")),
        button=(Button(name="bell", targets=("meyer",)), Button(name="info", menu="flats")),
        keypad=(PAD,),
        voicexml=VoiceXml(speech=str(folder / "speech"), recordings=str(folder / "kept")),
        menu=(Menu(name="flats", document=str(document), keypad="pad", calls=("meyer",)),),
    )


def at_panel(
    monkeypatch: pytest.MonkeyPatch, folder: Path, scenario: Scenario, document: Path = DOCUMENT, silence_s: float = 60.0
) -> House:
    said = Spoken()
    monkeypatch.setattr(voice.Voice.__init__, "__kwdefaults__", {"speak": said})

    async def run() -> House:
        async with phones("anna") as (anna,):
            config = wanted(folder, anna, document)
            async with house(config._replace(voicexml=config.voicexml._replace(silence_s=silence_s))) as lived:
                await scenario(lived, anna, said)
                return lived

    return asyncio.run(run())


def keys(lived: House, text: str) -> None:
    for key in text:
        lived.board.key("pad", key)


def test_a_visitor_chooses_a_flat_and_its_phone_rings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        keys(lived, "#")
        await hears(lived, said, "For Meyer, press 1.")
        assert lived.station.sound.running, "it is heard at the panel"
        assert lived.station.calls.legs == ()
        keys(lived, "1")
        await anna.heard(sip.IncomingCall)
        anna.answer()
        await lived.until(door.Answered)

    lived = at_panel(monkeypatch, tmp_path, scenario)
    assert lived.of(door.MenuBegun) == [door.MenuBegun(call=door.CallName("v1"), menu="flats", keypad="pad")]
    assert lived.of(door.Pressed) == [door.Pressed(press=door.PressId(1), button=door.ButtonName("flats"))]
    assert [each.party for each in lived.of(door.Answered) if isinstance(each, door.Answered)] == ["meyer"]


def test_a_button_begins_it_and_a_bell_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []
    plain = SoundSystem.stop_prompt

    def stop_prompt(self: SoundSystem, name: str) -> None:
        stopped.append(name)
        plain(self, name)

    monkeypatch.setattr(SoundSystem, "stop_prompt", stop_prompt)

    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        said.seconds = 20.0
        lived.board.press("info")
        await hears(lived, said, "For Meyer")
        await lived.until(door.PressEnded)
        lived.board.press("bell")
        await anna.heard(sip.IncomingCall)
        attendant = lived.station._attendant
        assert attendant is not None
        async with asyncio.timeout(60):
            while attendant._sessions:
                await asyncio.sleep(0.02)

    lived = at_panel(monkeypatch, tmp_path, scenario)
    outcomes = [each.outcome for each in lived.of(door.PressEnded) if isinstance(each, door.PressEnded)]
    assert outcomes[0] is door.Outcome.MENU
    assert stopped in ([], ["v1 says 1"]), "words that had begun are broken off"


def test_who_says_nothing_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, _anna: Phone, said: Spoken) -> None:
        keys(lived, "#")
        await hears(lived, said, "For Meyer")
        async with asyncio.timeout(60):
            while lived.station.bridge.state.visit is not None:
                await asyncio.sleep(0.02)

    lived = at_panel(monkeypatch, tmp_path, scenario, silence_s=0.3)
    assert lived.of(door.Pressed) == []


def test_a_pin_that_the_menu_asks_for_opens_and_a_wrong_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, _anna: Phone, said: Spoken) -> None:
        keys(lived, "#")
        await hears(lived, said, "For Meyer")
        keys(lived, "0")
        await hears(lived, said, "Type your PIN")
        keys(lived, "0000#")
        await hears(lived, said, "That was not right: wrong.")

    lived = at_panel(monkeypatch, tmp_path, scenario)
    refused = lived.of(door.KeypadRefused)
    assert [each.fault for each in refused if isinstance(each, door.KeypadRefused)] == [door.CodeFault.WRONG]
    assert lived.of(door.Unlocked) == []


@pytest.mark.parametrize(
    ("element", "event"),
    [
        ("<object name='o' classid='portero:status'/>", "error.connection.noauthorization"),
        ("<object name='o' classid='portero:ring'/>", "error.connection.noauthorization"),
        ("<object name='o' classid='portero:sing'/>", "error.unsupported.objectname"),
        ("<transfer name='o' dest='portero:doe'/>", "error.connection.noauthorization"),
        ("<transfer name='o' dest='portero:attic'/>", "error.connection.baddestination"),
        ("<record name='o'/>", "error.noresource"),
    ],
)
def test_what_is_not_for_visitors_is_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, element: str, event: str) -> None:
    async def scenario(lived: House, _anna: Phone, said: Spoken) -> None:
        keys(lived, "#")
        await hears(lived, said, f"Not done: {event}.")

    document = menu_file(tmp_path, f"<form>{element}<error>Not done: <value expr='_event'/>.<exit/></error></form>")
    lived = at_panel(monkeypatch, tmp_path, scenario, document)
    assert lived.of(door.CallPlaced, door.Unlocked) == []


def test_a_lock_opens_for_no_visitor_by_a_key_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, _anna: Phone, said: Spoken) -> None:
        keys(lived, "#")
        await hears(lived, said, "refused not_allowed false")

    document = menu_file(
        tmp_path,
        """<form><object name='o' classid='portero:open'><param name='lock' value='gate'/></object>
        <block><value expr="o + ' ' + o.reason + ' ' + session.portero.proved"/></block></form>""",
    )
    lived = at_panel(monkeypatch, tmp_path, scenario, document)
    assert lived.of(door.Unlocked) == []
