"""A resident calls the door and hears a menu: a whole station with a simulated board, a real user agent, sound over loopback."""

from __future__ import annotations

import asyncio
import struct
import wave
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware.app.calls import Calls
from firmware.app.sound import SoundSystem
from firmware.app.voicexml import voice
from firmware.config.schema import Button, Incoming, Menu, Settings, Target, VoiceXml
from firmware.door import events as door
from firmware.sip import events as sip
from tests.app.house import CODE, House, Phone, house, phones, settings

DOCUMENT = Path(__file__).resolve().parents[2] / "data" / "voicexml" / "house.vxml"
CALLER = "door@127.0.0.1"  # a phone of the tests says so
OUT = sip.CallKey("out")


def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls has proved who it is. How, tests of the user agent show."""
    plain = Calls.on_event

    def on_event(self: Calls, event: sip.Event) -> None:
        plain(self, event._replace(is_authenticated=True) if isinstance(event, sip.IncomingCall) else event)

    monkeypatch.setattr(Calls, "on_event", on_event)


class Spoken:
    """What espeak-ng would have said, in a moment each."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.seconds = 0.1

    def __call__(self, text: str, _voice: str) -> bytes:
        self.said.append(text)
        return b"\x10\x10" * round(8000 * self.seconds)


def wanted(folder: Path, document: Path = DOCUMENT, opens: tuple[str, ...] = (), calls: tuple[str, ...] = ()) -> Settings:
    base = settings(folder)
    return base._replace(
        target=(Target(name="anna", uri=f"sip:{CALLER}"),),
        incoming=Incoming(allow=("*@127.0.0.1",), may_open=True),
        call=base.call._replace(hangup_after_open_s="never"),
        voicexml=VoiceXml(speech=str(folder / "speech"), recordings=str(folder / "kept")),
        menu=(Menu(name="house", document=str(document), callers=(CALLER,), opens=opens, calls=calls),),
    )


Scenario = Callable[[House, Phone, Spoken], Awaitable[None]]


def in_menu(monkeypatch: pytest.MonkeyPatch, config: Settings, scenario: Scenario, *, proved: bool = True) -> None:
    """Anna has called and is answered."""
    said = Spoken()
    if proved:
        believed(monkeypatch)
    monkeypatch.setattr(voice.Voice.__init__, "__kwdefaults__", {"speak": said})

    async def run() -> None:
        async with phones("anna") as (anna,), house(config) as lived:
            anna.dial(lived.station)
            await lived.until(door.Answered)
            await scenario(lived, anna, said)

    asyncio.run(run())


async def hears(lived: House, said: Spoken, words: str) -> None:
    """Until these words are spoken."""
    async with asyncio.timeout(60):
        while not any(words in each for each in said.said):
            await asyncio.sleep(0.02)


def test_one_key_opens_the_gate_that_the_menu_may_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await hears(lived, said, "For the gate, press 1.")
        await anna.dial_digits("1", OUT)
        await lived.until(door.Unlocked)
        (unlocked,) = lived.of(door.Unlocked)
        assert isinstance(unlocked, door.Unlocked)
        assert (unlocked.lock, unlocked.grant, unlocked.who, unlocked.party) == ("gate", door.Grant.MENU, "house", CALLER)
        await hears(lived, said, "The gate is open.")

    in_menu(monkeypatch, wanted(tmp_path, opens=("gate",)), scenario)


def test_a_caller_who_has_proved_nothing_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await anna.dial_digits("1", OUT)
        await hears(lived, said, "It stays shut: not_allowed.")
        await anna.dial_digits("9", OUT)
        await hears(lived, said, "Your bell is not known here.")
        assert lived.of(door.Unlocked) == []

    in_menu(monkeypatch, wanted(tmp_path, opens=("gate",)), scenario, proved=False)


def test_a_code_opens_and_a_wrong_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await anna.dial_digits("1", OUT)
        await hears(lived, said, "It stays shut: not_allowed.")  # the menu has no lock of its own
        await anna.dial_digits("2", OUT)
        await hears(lived, said, "Type your code")
        await anna.dial_digits("000000#", OUT)
        await hears(lived, said, "That was not right.")
        await anna.dial_digits(f"{CODE}#", OUT)
        await lived.until(door.Unlocked)
        (unlocked,) = lived.of(door.Unlocked)
        assert isinstance(unlocked, door.Unlocked)
        assert (unlocked.grant, unlocked.who) == (door.Grant.CODE, "family")
        faults = [each.fault for each in lived.of(door.CodeRefused) if isinstance(each, door.CodeRefused)]
        assert faults == [door.CodeFault.NOT_ALLOWED, door.CodeFault.WRONG]

    in_menu(monkeypatch, wanted(tmp_path), scenario)


def test_the_call_is_apart_until_its_caller_wants_the_panel_and_digits_are_a_code_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []
    plain = SoundSystem.keep_apart

    def keep_apart(self: SoundSystem, call: str, *, apart: bool) -> None:
        kept.append(apart)
        plain(self, call, apart=apart)

    monkeypatch.setattr(SoundSystem, "keep_apart", keep_apart)

    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await hears(lived, said, "For the gate")
        assert kept == [True]
        await anna.dial_digits("5", OUT)
        await lived.until(door.Admitted)
        await anna.dial_digits(CODE, OUT)
        await lived.until(door.Unlocked)
        assert kept == [True, False]
        assert len(lived.station.calls.legs) == 1, "the call goes on"

    in_menu(monkeypatch, wanted(tmp_path), scenario)


def test_the_bell_is_asked_about_and_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await anna.dial_digits("9", OUT)
        await hears(lived, said, "Your bell is on.")
        await anna.dial_digits("2", OUT)
        await lived.until(door.QuietChanged)
        await hears(lived, said, "It is off now.")
        assert lived.of(door.QuietChanged) == [door.QuietChanged(target="anna", quiet=True, by="menu house")]

    in_menu(monkeypatch, wanted(tmp_path), scenario)


def test_what_a_caller_says_is_kept_for_visitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await anna.dial_digits("3", OUT)
        await hears(lived, said, "Speak after the tone")
        async with talking(lived, anna):
            async with asyncio.timeout(60):
                while not (tmp_path / "kept" / "word.both").exists():
                    await asyncio.sleep(0.02)
            await asyncio.sleep(1.0)  # the length of a word
            await anna.dial_digits("#", OUT)
            await hears(lived, said, "Visitors will hear:")
        with wave.open(str(tmp_path / "kept" / "word.wav")) as word:
            assert word.getnchannels() == 1
            assert word.getnframes() > 4000
            assert max(array("h", word.readframes(word.getnframes()))) > 1000

    in_menu(monkeypatch, wanted(tmp_path), scenario)


@asynccontextmanager
async def talking(lived: House, anna: Phone) -> AsyncIterator[None]:
    """Anna speaks, loudly, 20 ms after 20 ms."""
    (leg,) = lived.station.calls.legs
    assert leg.media is not None
    place = ("127.0.0.1", leg.media.rtp_port)
    with anna.ear() as mouth:

        async def speak() -> None:
            for number in range(100_000):
                header = struct.pack(">BBHII", 0x80, 8, number & 0xFFFF, 160 * number, 5)
                mouth.sendto(header + b"\x2a\xaa" * 80, place)
                await asyncio.sleep(0.02)

        task = asyncio.create_task(speak())
        try:
            yield
        finally:
            task.cancel()


def test_a_target_is_called_into_the_conversation_if_the_menu_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = menu_file(
        tmp_path,
        """<form><transfer name='t' dest='portero:bob' type='bridge'/>
        <catch event='error.connection.noauthorization'>You may not.<exit/></catch></form>""",
    )

    async def run(*calls: str) -> House:
        async with phones("anna", "bob") as (anna, bob):
            config = wanted(tmp_path, document, calls=calls)
            config = config._replace(target=(*config.target, Target(name="bob", uri=bob.uri)))
            async with house(config) as lived:
                anna.dial(lived.station)
                if calls:
                    await bob.heard(sip.IncomingCall)
                await lived.until(door.CallPlaced if calls else door.CallEnded)
                return lived

    believed(monkeypatch)
    monkeypatch.setattr(voice.Voice.__init__, "__kwdefaults__", {"speak": Spoken()})
    assert [each.party for each in asyncio.run(run("bob")).of(door.CallPlaced) if isinstance(each, door.CallPlaced)] == ["bob"]
    assert asyncio.run(run()).of(door.CallPlaced, door.Admitted) == []


def menu_file(folder: Path, content: str) -> Path:
    path = folder / "menu.vxml"
    path.write_text(f'<vxml version="2.1">{content}</vxml>')
    return path


@pytest.mark.parametrize("content", ["<form>", "<form><block><exit/></block></form>"], ids=["none", "one that ends at once"])
def test_a_menu_that_has_nothing_to_say_hangs_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    async def scenario(lived: House, anna: Phone, _said: Spoken) -> None:
        await anna.heard(sip.CallEnded)
        await lived.until(door.CallEnded)

    in_menu(monkeypatch, wanted(tmp_path, menu_file(tmp_path, content)), scenario)


def test_a_document_that_is_not_there_hangs_up_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(lived: House, anna: Phone, _said: Spoken) -> None:
        await anna.heard(sip.CallEnded)
        assert "nowhere.vxml" in caplog.text

    in_menu(monkeypatch, wanted(tmp_path, tmp_path / "nowhere.vxml"), scenario)


def test_a_caller_who_hangs_up_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await hears(lived, said, "For the gate")
        anna.line.command(sip.HangUp(call=OUT))
        await lived.until(door.CallEnded)
        attendant = lived.station._attendant
        assert attendant is not None
        async with asyncio.timeout(60):
            while attendant._sessions:
                await asyncio.sleep(0.02)

    in_menu(monkeypatch, wanted(tmp_path), scenario)


def test_a_visitor_who_rings_ends_the_menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await hears(lived, said, "For the gate")
        lived.board.press("bell")
        await anna.heard(sip.CallEnded)
        await lived.until(door.CallPlaced)

    config = wanted(tmp_path)
    in_menu(monkeypatch, config._replace(button=(Button(name="bell", targets=("anna",)),)), scenario)


def test_nobody_stays_in_a_menu_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(lived: House, anna: Phone, _said: Spoken) -> None:
        await anna.heard(sip.CallEnded)
        await lived.until(door.CallEnded)
        assert "was in its menu for too long" in caplog.text

    config = wanted(tmp_path)
    in_menu(monkeypatch, config._replace(voicexml=config.voicexml._replace(session_s=0.2)), scenario)


def test_a_phone_that_will_not_call_elsewhere_leaves_its_caller_in_the_menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await hears(lived, said, "No way: error.connection.noroute.")
        assert lived.of(sip.TransferProgress) != [], "the phone was asked"
        await anna.heard(sip.CallEnded)

    document = menu_file(
        tmp_path,
        """<form><transfer name='t' dest='portero:bob'/>
        <error>No way: <value expr='_event'/>.<exit/></error></form>""",
    )
    config = wanted(tmp_path, document, calls=("bob",))
    in_menu(monkeypatch, config._replace(target=(*config.target, Target(name="bob", uri="sip:bob@127.0.0.1:9"))), scenario)


def test_the_station_is_asked_how_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, anna: Phone, said: Spoken) -> None:
        await hears(lived, said, "First: well, true, none.")
        lived.station.observe(door.HealthChanged(part="camera", working=False, detail="gone"))
        lived.station.inbox.put(door.OpenLock(lock=door.LockName("gate"), by="test"))
        await lived.until(door.Unlocked)
        await anna.dial_digits("1", OUT)
        await hears(lived, said, "Then: ill, camera, gate.")

    document = menu_file(
        tmp_path,
        """<form><object name='a' classid='portero:status'/>
        <field name='go' type='digits?length=1'>
        <prompt>First: <value expr='a'/>, <value expr='a.registered'/>, <value expr="a.open + a.wrong || 'none'"/>.</prompt></field>
        <object name='b' classid='portero:status'/>
        <block>Then: <value expr='b'/>, <value expr='b.wrong'/>, <value expr='b.open'/>.</block></form>""",
    )
    config = wanted(tmp_path, document)
    in_menu(monkeypatch, config._replace(lock=(config.lock[0]._replace(pulse_s=30.0, max_closed_s=30.0),)), scenario)


@pytest.mark.parametrize(
    ("element", "event"),
    [
        ("<object name='o' classid='portero:sing'/>", "error.unsupported.objectname"),
        ("<object name='o' classid='portero:open'/>", "error.semantic"),
        ("<object name='o' classid='portero:open'><param name='lock' value='attic'/></object>", "error.semantic"),
        ("<transfer name='o' dest='portero:attic'/>", "error.connection.baddestination"),
        ("<record name='o'/>", "error.noresource"),
    ],
)
def test_what_cannot_be_done_is_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, element: str, event: str) -> None:
    async def scenario(lived: House, _anna: Phone, said: Spoken) -> None:
        await hears(lived, said, f"Not done: {event}.")

    document = menu_file(tmp_path, f"<form>{element}<error>Not done: <value expr='_event'/>.<exit/></error></form>")
    config = wanted(tmp_path, document)
    config = config._replace(recording=config.recording._replace(calls="always", path=str(tmp_path / "calls")))
    in_menu(monkeypatch, config, scenario)
