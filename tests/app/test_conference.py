"""A conversation of several at a whole station: real user agents, sound over loopback, the door's rules, the verbs of `portero ctl`."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.app.control.protocol import ControlError, Json, Request
from firmware.app.control.verbs import VERBS, perform
from firmware.door import events as door
from firmware.sip import events as sip
from firmware.sip.body import conference_info
from firmware.sip.notices import Notified, Subscribe
from firmware.sip.replaces import Join
from firmware.sip.uri import Uri
from tests.app.house import CODE, LIMIT_S, House, Phone, house, phones, settings

Scenario = Callable[[House, Phone, Phone, Phone], Coroutine[None, None, None]]
LOUD, SILENT = b"\x2a\xaa" * 80, 0xD5  # PCMA: full scale up and down each sample; the code of no sound (G.711 table 1a)


def with_three(tmp_path: Path, scenario: Scenario) -> None:
    """The bell rings Anna; Bob and Carol are targets, and may call. Every side lets the others transfer and refer."""

    async def run() -> None:
        async with phones("anna", "bob", "carol") as (anna, bob, carol):
            wanted = settings(tmp_path, anna, bob, carol, allow=("*@127.0.0.1",))
            bell = wanted.button[0]._replace(targets=("anna",))
            wanted = wanted._replace(
                button=(bell,),
                incoming=wanted.incoming._replace(conference="talk", conference_for=("*@127.0.0.1",)),
                call=wanted.call._replace(transfers="call", hangup_after_open_s="never"),
                target=wanted.target,
            )
            async with house(wanted) as lived:
                await scenario(lived, anna, bob, carol)

    asyncio.run(run())


async def ask(lived: House, verb: str, *args: str) -> Json:
    return await perform(lived.station, VERBS, Request(verb=verb, args=args, id=None))


async def refused(lived: House, verb: str, *args: str) -> str:
    with pytest.raises(ControlError) as caught:
        await ask(lived, verb, *args)
    return caught.value.code


def field(value: Json, *names: str) -> Json:
    for name in names:
        assert isinstance(value, dict)
        value = value[name]
    return value


async def talk(lived: House, anna: Phone) -> None:
    await ask(lived, "press", "bell")
    await lived.until(door.Ringing)
    anna.answer()
    await lived.until(door.Answered)


async def add(lived: House, phone: Phone) -> str:
    """Bring somebody in, who answers; the name of the leg."""
    before = len(lived.of(door.Answered))
    call = field(await ask(lived, "add", phone.name), "call")
    await phone.heard(sip.IncomingCall)
    phone.answer()
    await lived.until(door.Answered, times=before + 1)
    assert isinstance(call, str)
    return call


async def soon(what: Callable[[], bool]) -> None:
    """For what comes over a socket and is no event."""
    async with asyncio.timeout(LIMIT_S):
        while not what():
            await asyncio.sleep(0.005)


class Ear:
    """A phone's sound, spoken and heard at its own socket."""

    def __init__(self, phone: Phone) -> None:
        session = [event.session for event in phone.events if isinstance(event, sip.MediaAgreed)][-1]
        self._to = (session.remote_host, session.remote_rtp_port)
        self._socket = phone.ear()
        self._sent = 0

    def speak(self) -> None:
        self._sent += 1
        self._socket.sendto(struct.pack("!BBHII", 0x80, 8, self._sent, self._sent * 160, 7) + LOUD, self._to)

    def hears_something(self) -> bool:
        """Whether any packet that waits here holds more than silence; takes all of them."""
        loud = False
        while True:
            try:
                packet = self._socket.recv(2048)
            except BlockingIOError:
                return loud
            loud = loud or (packet[1] & 0x7F == 8 and sum(abs((code ^ SILENT) & 0x70) for code in packet[12:]) > 40 * len(packet))

    def close(self) -> None:
        self._socket.close()


async def reaches(speaker: Ear, listener: Ear) -> None:
    """Speak until the other hears it."""
    async with asyncio.timeout(LIMIT_S):
        while not listener.hears_something():
            speaker.speak()
            await asyncio.sleep(0.02)


def test_two_phones_at_the_door_hear_each_other_and_either_may_open(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, bob: Phone, _carol: Phone) -> None:
        await talk(lived, anna)
        second = await add(lived, bob)
        call = field(await ask(lived, "status"), "call")
        assert field(call, "parties") == {"p1.1": "anna", second: "bob"}
        ears = Ear(anna), Ear(bob)
        try:
            await reaches(ears[0], ears[1])
            await reaches(ears[1], ears[0])
        finally:
            for ear in ears:
                ear.close()
        await bob.dial_digits(CODE)
        await lived.until(door.Unlocked)
        (opened,) = lived.of(door.Unlocked)
        assert isinstance(opened, door.Unlocked)
        assert (opened.party, opened.call) == ("bob", second)

    with_three(tmp_path, scenario)


def test_one_leaves_and_the_rest_go_on_until_the_last(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, bob: Phone, _carol: Phone) -> None:
        await talk(lived, anna)
        await add(lived, bob)
        anna.line.command(sip.HangUp(call=anna.call))
        await lived.until(door.CallEnded)
        assert field(await ask(lived, "status"), "call", "party") == "bob"
        await bob.dial_digits(CODE)
        await lived.until(door.Unlocked)
        bob.line.command(sip.HangUp(call=bob.call))
        await lived.until(door.PressEnded)
        (ended,) = lived.of(door.PressEnded)
        assert isinstance(ended, door.PressEnded)
        assert ended.outcome is door.Outcome.OPENED

    with_three(tmp_path, scenario)


def test_each_phone_is_told_that_it_is_in_a_conference_and_may_see_who_takes_part(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, bob: Phone, _carol: Phone) -> None:
        await talk(lived, anna)
        await add(lived, bob)
        target = Uri.parse(f"sip:door@127.0.0.1:{lived.station.line.port}")
        bob.line.command(Subscribe(key="who", target=target, package="conference", accept=(conference_info.CONTENT_TYPE,)))

        def seen() -> set[str | None]:
            documents = [event.body for event in bob.events if isinstance(event, Notified) and event.body]
            users = conference_info.decode(documents[-1]).users if documents else ()
            return {user.endpoints[0].status for user in users}

        await bob.until(lambda: seen() == {"connected"})
        assert field(await ask(lived, "drop", "p1.1"), "party") == "anna"
        await bob.until(lambda: any(isinstance(event, Notified) and b"<active>false" in event.body for event in bob.events))

    with_three(tmp_path, scenario)


def test_a_phone_in_the_conference_asks_for_a_third(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, bob: Phone, carol: Phone) -> None:
        await talk(lived, anna)
        await add(lived, bob)
        bob.line.command(sip.Transfer(call=bob.call, target=Uri.parse(carol.uri)))  # a REFER: of a focus it asks for one more
        await carol.heard(sip.IncomingCall)
        carol.answer()
        await lived.until(door.Answered, times=3)
        await bob.until(lambda: any(isinstance(event, sip.TransferProgress) and event.is_done for event in bob.events))
        assert [event.status for event in bob.events if isinstance(event, sip.TransferProgress)][-1] == 200
        parties = field(await ask(lived, "status"), "call", "parties")
        assert isinstance(parties, dict)
        assert set(parties.values()) == {"anna", "bob", "carol"}  # called by its own address, so it is the target
        assert await refused(lived, "add", "sip:dora@127.0.0.1") == "not_now"  # no more phones than the core mixes

    with_three(tmp_path, scenario)


def test_somebody_outside_the_call_asks_for_a_third(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, bob: Phone, _carol: Phone) -> None:
        door_uri = Uri.parse(f"sip:door@127.0.0.1:{lived.station.line.port}")
        await talk(lived, anna)
        anna.line.command(sip.Refer(key="r", target=door_uri, refer_to=Uri.parse(bob.uri)))
        await bob.heard(sip.IncomingCall)
        bob.answer()
        await lived.until(door.Answered, times=2)
        await anna.until(lambda: any(isinstance(event, sip.ReferProgress) and event.is_done for event in anna.events))
        assert [event.status for event in anna.events if isinstance(event, sip.ReferProgress)] == [202, 100, 180, 200]

    with_three(tmp_path, scenario)


def test_a_caller_joins_the_conversation_of_a_dialog_that_it_names(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, _bob: Phone, carol: Phone) -> None:
        await talk(lived, anna)
        dialog = anna.answered()  # the door placed that call: its tag there is the one in From
        join = Join(dialog.call_id, dialog.from_.tag or "", dialog.to.tag or "")
        target = Uri.parse(f"sip:door@127.0.0.1:{lived.station.line.port}")
        carol.line.command(sip.Invite(call=sip.CallKey("out"), target=target, account=None, media=carol.media(), join=join))
        await lived.until(door.Answered, times=2)
        await carol.heard(sip.CallAnswered)
        parties = field(await ask(lived, "status"), "call", "parties")
        assert isinstance(parties, dict)
        assert set(parties.values()) == {"anna", "door@127.0.0.1"}  # as the caller calls itself

    with_three(tmp_path, scenario)


def test_the_conversation_is_dialled_by_its_own_address(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, _bob: Phone, carol: Phone) -> None:
        target = Uri.parse(f"sip:talk@127.0.0.1:{lived.station.line.port}")
        carol.line.command(sip.Invite(call=sip.CallKey("early"), target=target, account=None, media=carol.media()))
        await carol.heard(sip.CallEnded)
        assert [event.status for event in carol.events if isinstance(event, sip.CallEnded)] == [
            480
        ]  # nobody talks yet, and nothing has rung
        await talk(lived, anna)
        carol.line.command(sip.Invite(call=sip.CallKey("out"), target=target, account=None, media=carol.media()))
        await lived.until(door.Answered, times=2)
        await carol.heard(sip.CallAnswered)
        parties = field(await ask(lived, "status"), "call", "parties")
        assert isinstance(parties, dict)
        assert set(parties.values()) == {"anna", "door@127.0.0.1"}

    with_three(tmp_path, scenario)


def test_the_door_enters_a_conversation_elsewhere(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, _bob: Phone, _carol: Phone) -> None:
        placed = await ask(lived, "join", anna.uri, "abc@host", "1", "2")
        await lived.until(sip.CallEnded)
        (ended,) = lived.of(sip.CallEnded)
        assert isinstance(ended, sip.CallEnded)
        # Anna knows no such dialog: RFC 3911 §4 has 481, and without Join it would have rung.
        assert (ended.call, ended.status) == (field(placed, "call"), 481)
        assert not any(isinstance(event, sip.IncomingCall) for event in anna.events)

    with_three(tmp_path, scenario)


def test_the_door_asks_a_phone_to_call_somebody(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, bob: Phone, _carol: Phone) -> None:
        assert await ask(lived, "refer", anna.uri, bob.uri) == {"status": 403, "text": "Forbidden"}  # she obeys her own server alone
        assert await refused(lived, "refer", "anna", bob.uri) == "bad_argument"

    with_three(tmp_path, scenario)


def test_verbs_without_a_conversation_say_so(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone, _bob: Phone, _carol: Phone) -> None:
        assert await refused(lived, "add", "bob") == "not_now"
        assert await refused(lived, "add", "nobody") == "bad_argument"
        assert await refused(lived, "drop", "p1.1") == "not_now"
        assert await refused(lived, "join", anna.uri, "bad id", "1", "2") == "bad_argument"
        await talk(lived, anna)
        assert await refused(lived, "drop", "d9.1") == "not_found"
        assert await refused(lived, "drop", "p1.1") == "not_now"
        assert await refused(lived, "join", anna.uri, "abc", "1", "2") == "not_now"
        assert await refused(lived, "hold", "d9.1") == "not_found"
        assert field(await ask(lived, "hold", "p1.1"), "status") == 200

    with_three(tmp_path, scenario)
