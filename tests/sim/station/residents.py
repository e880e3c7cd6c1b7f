"""The phones of the house: user agents with moods. They answer, refuse, let it ring, answer late, hang up at any time, and send digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.sdp.media_session import MediaSession
from firmware.sip.body.dtmf_relay import Digit, encode
from firmware.sip.events import Answer, CallAnswered, CallEnded, CallKey, Command, Event, HangUp, IncomingCall, Invite, MediaAgreed, Ring
from firmware.sip.settings import AgentSettings
from firmware.sip.uri import Uri
from tests.sim.network import Node, media
from tests.sim.station.house import CLEANER_CODE, FAMILY_CODE, RING_LIMIT_S
from tests.sim.station.town import Town

REFUSALS = (486, 603, 480, 404, 500)
WRONG_CODES = ("111111", "739151", "0000", "47#", "9*")
TALK_S_MAX = 90.0  # longer than the door talks without being asked for more
STROKE_S = 0.25


class Ear(Protocol):
    """Where a phone's digits arrive as sound, and who writes down what it has sent."""

    def rtp_digit(self, port: int, digit: str) -> None: ...
    def typed(self, party: str, digit: str) -> None: ...


class Resident:
    """One phone and who holds it. `is_helpful`: answers quickly and types the right code; for measuring, not for trying."""

    def __init__(self, town: Town, name: str, host: str, ear: Ear) -> None:
        self.town = town
        self.name = name
        self.ear = ear
        self.node: Node = town.add(host, AgentSettings(user=name))
        self.node.on_event = self._told
        self.rung_s: list[float] = []
        self._door_ports: dict[CallKey, int] = {}  # where the sound of a call goes
        self._calls = 0

    def call(self, uri: str) -> None:
        """Call somebody, most likely the door, and hang up some time."""
        self._calls += 1
        key = CallKey(f"{self.name}-{self._calls}")
        chance = self.town.random
        self.town.command(self.node, Invite(call=key, target=Uri.parse(uri), account=None, media=media(40_000 + 2 * chance.randrange(500))))
        self._later(chance.choice((0.0, 0.01, 2.0, 20.0, 45.0)) * (1 + chance.random()), HangUp(call=key))

    def _told(self, event: Event) -> None:
        match event:
            case IncomingCall(call=call):
                self.rung_s.append(self.town.now_s)
                self._decide(call)
            case MediaAgreed(call=call, session=session):
                self._agreed(call, session)
            case CallAnswered(call=call):
                self._talk(call)
            case CallEnded(call=call):
                self._door_ports.pop(call, None)
            case _:
                pass

    def _agreed(self, call: CallKey, session: MediaSession) -> None:
        self._door_ports[call] = session.remote_rtp_port

    def _decide(self, call: CallKey) -> None:
        chance = self.town.random
        mood = chance.random()
        if mood < 0.06:
            return  # switched on, and deaf
        self._later(chance.choice((0.0, 0.0, 0.3, 6.0)), Ring(call=call))
        answer = Answer(call=call, media=media(40_000 + 2 * chance.randrange(500)))
        if mood < 0.62:
            self._later(chance.choice((0.0, 0.001, 1.0, 4.0, 12.0)) * (1 + chance.random()), answer)
        elif mood < 0.70:
            self._later(RING_LIMIT_S + chance.uniform(-0.05, 0.05), answer)  # as the door gives up
        if mood > 0.60 and chance.random() < 0.7:
            # Sometimes together with the answer: whichever comes first counts.
            self._later(chance.choice((0.0, 0.5, 4.0, 20.0)) * (1 + chance.random()), HangUp(call=call, status=chance.choice(REFUSALS)))

    def _talk(self, call: CallKey) -> None:
        chance = self.town.random
        wish = chance.random()
        at_s = chance.choice((0.0, 0.5, 5.0))
        if wish < 0.45:
            self._type(call, chance.choice((FAMILY_CODE, FAMILY_CODE, CLEANER_CODE)), at_s)
        elif wish < 0.60:
            for _ in range(chance.choice((1, 2, 6))):
                self._type(call, chance.choice(WRONG_CODES), at_s)
                at_s += 3.0
            self._type(call, FAMILY_CODE, at_s)
        elif wish < 0.70:
            self._type(call, "#", at_s)
        self._later(chance.choice((0.0, 0.001, 3.0, 8.0, TALK_S_MAX / 2)) * (1 + chance.random()), HangUp(call=call))

    def _type(self, call: CallKey, digits: str, at_s: float) -> None:
        way = self.town.random.choice(("rtp", "rtp", "info", "both"))
        for index, digit in enumerate(digits):
            self.town.at(at_s + STROKE_S * index, self._stroke(call, digit, way))

    def _stroke(self, call: CallKey, digit: str, way: str) -> Callable[[], None]:
        def strike() -> None:
            if call not in self._door_ports:
                return
            self.ear.typed(self.name, digit)
            if way != "info":
                port = self._door_ports[call]
                self.town.at(self.town.random.uniform(0.02, 0.2), lambda: self.ear.rtp_digit(port, digit))
            if way != "rtp":
                from firmware.sip.events import SendInfo

                self.town.command(self.node, SendInfo(call=call, content_type="application/dtmf-relay", body=encode(Digit(digit))))

        return strike

    def _later(self, delay_s: float, command: Command) -> None:
        self.town.at(delay_s, lambda: self.town.command(self.node, command))
