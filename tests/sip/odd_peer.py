"""A peer that does anything at any time: it answers what was asked or not, in any order, with whatever comes to its mind.

Each script draws its steps from one `Random`, so that a seed that fails can be run again.
"""

from __future__ import annotations

from random import Random

from firmware.errors import LocalProtocolError
from firmware.sdp.description import parse
from firmware.sip.agent import AgentSettings
from firmware.sip.events import Answer, CallEnded, CallKey, HangUp, Hold, IncomingCall, Progress, Reinvite, Resume, Ring, Update
from firmware.sip.gate import Gate
from firmware.sip.message import Message, Request, Response, make_response
from firmware.sip.notices import Subscribe, Unsubscribe
from firmware.sip.settings import CallHabits, Use
from tests.sip.wire import ANSWER, BOB, CALL, OURS, PEER, Wire, invite, media

ALLOWS = "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"
STATES = (
    "active",
    "active;expires=0",
    "active;expires=600",
    "pending",
    "terminated",
    "terminated;reason=timeout",
    "terminated;reason=giveup",
)


class OddPeer:
    """The other side of one wire."""

    def __init__(self, seed: int, settings: AgentSettings | None = None) -> None:
        self.chance = Random(seed)
        self.wire = Wire(settings)
        self._edition = 1
        self._lines = 1  # of its offers; these alone are never fewer than before (RFC 3264 §8)
        self._cseq = 10
        self._answered: set[str] = set()  # branches

    # --- what it can do

    def description(self, *, lines: int = 1) -> bytes:
        """Some description of its own, a new edition each time."""
        self._edition += 1
        pick = self.chance.choice
        text = (
            f"v=0\r\no=- 7 {self._edition} IN IP4 {PEER}\r\ns=-\r\nc=IN IP4 {pick((PEER, PEER, '0.0.0.0'))}\r\nt=0 0\r\n"
            f"m=audio {pick((7000, 7002))} RTP/AVP {pick(('0 101', '8 0 101', '8', '18'))}\r\na=rtpmap:101 telephone-event/8000\r\n"
            f"a={pick(('sendrecv', 'sendonly', 'recvonly', 'inactive'))}\r\n"
        )
        return (text + "m=video 7010 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" * (lines - 1)).encode()

    def answer(self) -> None:
        """Answer the oldest request of ours that has none yet, somehow."""
        for message in self.wire.sent:
            branch = message.via.branch or ""
            if isinstance(message, Request) and message.method not in ("ACK", "CANCEL") and message.to.tag and branch not in self._answered:
                self._answered.add(branch)
                status = self.chance.choice((200, 200, 200, 408, 422, 481, 488, 491, 500, 503))
                lines = len(parse(message.body).media) if message.content_type == "application/sdp" else 0
                body = self.description(lines=lines) if lines and status == 200 else b""
                seconds = str(self.chance.choice((0, 7, 300)))
                expires = f"{self.chance.choice((90, 600))};refresher={self.chance.choice(('uac', 'uas'))}"
                self.wire.reply(
                    status, message, tag=message.to.tag or "peer", body=body, Retry_After=seconds, Min_SE="300", Session_Expires=expires
                )
                return

    def ask(self, method: str, first: Message, *, headers: str = "", body: bytes = b"", we_called: bool) -> None:
        """A request inside the dialog of `first`."""
        self._cseq += 1
        self.wire.within(method, first, cseq=self._cseq, headers=headers, body=body, we_called=we_called)

    def offer(self, first: Message, *, we_called: bool) -> None:
        """A re-INVITE or UPDATE, with an offer or not; most times the ACK follows."""
        pick = self.chance.choice
        method, is_late = pick(("INVITE", "INVITE", "UPDATE")), pick((False, False, True))
        self._lines = max(self._lines, pick((1, 1, 1, 2)))
        self.ask(method, first, body=b"" if is_late else self.description(lines=self._lines), we_called=we_called)
        response = self.wire.response()
        if method == "INVITE" and response.status == 200 and self.chance.random() < 0.9:
            lines = len(parse(response.body).media)
            body = self.description(lines=lines) if is_late else b""
            self.wire.within("ACK", first, cseq=self._cseq, body=body, we_called=we_called)

    def wait(self) -> None:
        self.wire.advance(self.chance.choice((0.1, 0.5, 5.0, 40.0)))

    # --- what must hold at the end

    def leave(self, *calls: CallKey) -> None:
        """Hang up, and let all that runs come to its end: nothing is left, and each call has ended once."""
        for call in calls:
            self.wire.command(HangUp(call=call))
        for _ in range(60):
            self.wire.advance(30)
        assert {name: count for name, count in self.wire.agent.census().items() if count} == {}
        assert [event.call for event in self.wire.told(CallEnded)] == list(calls)


def in_a_call(seed: int) -> OddPeer:
    """An answered call in which both sides want this and that."""
    peer = OddPeer(seed)
    wire, pick = peer.wire, peer.chance.choice
    we_called = pick((True, False))
    timer = pick(("", "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\n"))
    key, first = CALL, _answered(wire, timer, we_called=we_called)
    if not we_called:
        key = wire.told(IncomingCall)[0].call
    for _ in range(pick((5, 15, 30))):
        match pick(("program", "answer", "answer", "offer", "info", "wait")):
            case "program":
                port = pick((4000, 4444))
                wire.command(pick((Hold(call=key), Resume(call=key), Reinvite(call=key, media=media(port)), Update(call=key))))
            case "answer":
                peer.answer()
            case "offer":
                peer.offer(first, we_called=we_called)
            case "info":
                peer.ask("INFO", first, we_called=we_called)
            case _:
                peer.wait()
    peer.leave(key)
    return peer


def _answered(wire: Wire, timer: str, *, we_called: bool) -> Message:
    if we_called:
        wire.command(invite())
        wire.reply(200, body=ANSWER, Allow=ALLOWS, Session_Expires="200;refresher=uac")
        return wire.request("ACK")
    wire.incoming("INVITE", body=ANSWER, headers=f"Allow: {ALLOWS}\r\n{timer}")
    wire.command(Answer(call=wire.told(IncomingCall)[0].call, media=media()))
    first = wire.response()
    wire.within("ACK", first, cseq=1, we_called=False)
    return first


def before_the_answer(seed: int) -> OddPeer:
    """A call that rings here, whose caller acknowledges, offers, asks and gives up as it likes."""
    habits = CallHabits(reliable=(Use.OFF, Use.SUPPORTED, Use.REQUIRED)[seed % 3])
    peer = OddPeer(seed, AgentSettings(habits=habits))
    wire, pick = peer.wire, peer.chance.choice
    reliable = pick(("", "Supported: 100rel\r\n", "Require: 100rel\r\n"))
    wire.incoming("INVITE", body=pick((b"", ANSWER, ANSWER)), headers=f"{reliable}Allow: {ALLOWS}\r\n")
    told = wire.told(IncomingCall)
    if not told:
        peer.leave()  # one of the two insists on what the other does not do
        return peer
    key = told[0].call
    for _ in range(pick((5, 15, 25))):
        tagged = [message for message in wire.sent if isinstance(message, Response) and message.to.tag and message.cseq.method == "INVITE"]
        match pick(("ring", "progress", "answer", "update", "prack", "prack", "ask", "offer", "reply", "wait")):
            case "ring":
                wire.command(Ring(call=key))
            case "progress":
                wire.command(Progress(call=key, media=media()))
            case "answer":
                wire.command(Answer(call=key, media=media()))
            case "update":
                wire.command(Update(call=key, media=media(4444)))
            case "prack" if tagged:
                number = next((message.get("RSeq") for message in reversed(tagged) if message.get("RSeq")), "7")
                body = pick((b"", b"", peer.description()))
                peer.ask("PRACK", tagged[-1], headers=f"RAck: {number} 1 INVITE\r\n", body=body, we_called=False)
            case "ask" if tagged:
                peer.ask(pick(("INFO", "OPTIONS", "UPDATE", "MESSAGE")), tagged[-1], we_called=False)
            case "offer" if tagged and tagged[-1].status < 300:
                peer.offer(tagged[-1], we_called=False)
            case "reply":
                peer.answer()
            case _:
                peer.wait()
    peer.leave(key)
    return peer


def called(seed: int) -> OddPeer:
    """A call of ours that several phones hear of: they ring, offer, answer, send it elsewhere, all at once or never."""
    peer = OddPeer(seed, AgentSettings(habits=CallHabits(reliable=(Use.SUPPORTED, Use.REQUIRED)[seed % 2])))
    wire, pick = peer.wire, peer.chance.choice
    wire.command(invite(offerless=seed % 3 == 0))
    numbers: dict[str, int] = {}
    for _ in range(pick((5, 15, 25))):
        first = next(message for message in reversed(wire.sent) if isinstance(message, Request) and message.method == "INVITE")
        phone = f"{pick('abc')}{first.cseq.number}"  # a tag
        tagged = first.with_header("To", f"{first.get('To')};tag={phone}")
        match pick(("ring", "reliably", "reliably", "answer", "refuse", "ask", "update", "reply", "reply", "wait")):
            case "ring":
                wire.reply(pick((180, 183)), first, tag=phone, body=pick((b"", peer.description())))
            case "reliably":
                numbers[phone] = numbers.get(phone, 6) + pick((0, 1, 1, 1))  # a repetition, sometimes
                body = pick((b"", peer.description()))
                wire.reply(183, first, tag=phone, body=body, Require="100rel", RSeq=str(numbers[phone]), Allow=ALLOWS)
            case "answer" if pick((True, False, False)):
                wire.reply(200, first, tag=phone, body=pick((b"", peer.description())), Allow=ALLOWS)
            case "refuse" if pick((True, False, False, False)):
                wire.reply(pick((302, 422, 486, 503)), first, tag=phone, Contact=f"<sip:{phone}@{PEER}>", Min_SE="2000")
            case "ask":
                peer.ask(pick(("UPDATE", "INFO", "BYE", "PRACK", "OPTIONS")), tagged, body=peer.description(), we_called=True)
            case "update":
                wire.command(Update(call=CALL, media=media(4444)))
            case "reply":
                peer.answer()
            case _:
                peer.wait()
    peer.leave(CALL)
    return peer


def subscribed(seed: int) -> OddPeer:
    """A subscription of ours at a notifier that grants, refuses, tells and ends it at random."""
    peer = OddPeer(seed)
    wire, pick = peer.wire, peer.chance.choice
    wire.command(Subscribe(key="s", target=BOB, package="presence", expires_s=600))
    for number in range(pick((5, 20, 40))):
        first = wire.request("SUBSCRIBE")
        match pick(("answer", "answer", "tell", "tell", "tell", "wait", "end")):
            case "answer":
                status = pick((200, 200, 202, 423, 481, 489, 500, 503))
                wire.reply(status, first, tag=pick(("a", "b")), Expires=str(pick((0, 5, 600))), Min_Expires=str(pick((10, 90, 7200))))
            case "tell":
                _tell(wire, first, number + 1, pick(STATES), tag=pick(("a", "a", "b")), package=pick(("presence", "presence", "dialog")))
            case "end" if pick((True, False, False)):
                _end(wire)
            case _:
                peer.wait()
    first = wire.request("SUBSCRIBE")
    for number in (97, 98):  # the end comes in the middle of news
        _tell(wire, first, number, "active", tag="a", package="presence")
        _end(wire)
        wire.reply(200, wire.request("SUBSCRIBE"), tag="a", Expires="0")
    peer.leave()
    return peer


def _tell(wire: Wire, first: Request, number: int, state: str, *, tag: str, package: str) -> None:
    wire.receive(
        f"NOTIFY sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKn{number};rport\r\nMax-Forwards: 70\r\n"
        f"From: <{BOB}>;tag={tag}\r\nTo: {first.from_}\r\nCall-ID: {first.call_id}\r\nCSeq: {number} NOTIFY\r\n"
        f"Contact: <{BOB}>\r\nEvent: {package}\r\nSubscription-State: {state}\r\nContent-Length: 0\r\n\r\n"
    )


def _end(wire: Wire) -> None:
    try:
        wire.command(Unsubscribe(key="s"))
    except LocalProtocolError:
        assert wire.agent.census()["subscriptions"] == 0  # it has ended by itself


def watched(seed: int) -> OddPeer:
    """A lamp that takes our news, refuses them, comes back and goes, while calls come and go."""
    peer = OddPeer(seed, AgentSettings(gate=Gate(watchers=("bob@*",))))
    wire, pick = peer.wire, peer.chance.choice
    wire.incoming("SUBSCRIBE", headers=f"Event: dialog\r\nExpires: {pick((0, 60, 3600))}\r\n")
    first = wire.response()
    for number in range(pick((5, 20, 40))):
        notices = [message for message in wire.sent if isinstance(message, Request) and message.method == "NOTIFY"]
        match pick(("take", "take", "refuse", "refresh", "end", "call", "wait")):
            case "take" if notices:
                wire.receive(make_response(notices[-1], 200))
            case "refuse" if notices:
                headers = (("Retry-After", str(pick((0, 7, 9999)))),)
                wire.receive(make_response(notices[-1], pick((403, 404, 408, 481, 491, 500, 503)), headers=headers))
            case "refresh":
                package = pick(("dialog", "dialog", "presence"))
                peer.ask("SUBSCRIBE", first, headers=f"Event: {package}\r\nExpires: {pick((5, 60, 3600))}\r\n", we_called=False)
            case "end" if pick((True, False, False)):
                peer.ask("SUBSCRIBE", first, headers="Event: dialog\r\nExpires: 0\r\n", we_called=False)
            case "call":
                call = CallKey(f"call {number}")
                wire.command(invite()._replace(call=call))
                wire.command(HangUp(call=call))
            case _:
                peer.wait()
    for _ in range(130):
        wire.advance(30)  # beyond the hour that a subscription lasts
    assert wire.agent.is_idle
    return peer
