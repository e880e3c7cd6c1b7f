"""One agent whose network is the test's hand: messages in and out, events, and a clock that moves only when told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from firmware.errors import RemoteProtocolError
from firmware.ids import SeededIds
from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT
from firmware.sdp.media_session import LocalMedia
from firmware.sip.agent import Account, Agent, AgentSettings
from firmware.sip.events import (
    AccountName,
    CallKey,
    Command,
    Event,
    Hop,
    Invite,
    Locate,
    Located,
    Received,
    Register,
    Send,
    SendFailed,
    Transport,
)
from firmware.sip.message import Message, Request, Response, make_response, parse_message
from firmware.sip.uri import Uri

OURS, PEER = "192.0.2.1", "192.0.2.9"
HOP = Hop(transport=Transport.UDP, host=PEER, port=5060, local_host=OURS, local_port=5060)
CALL = CallKey("call")
BOB = Uri.parse(f"sip:bob@{PEER}")
MAIN = AccountName("main")
Kind = TypeVar("Kind", bound=object)

ANSWER = (
    b"v=0\r\no=- 7 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 7000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
NO_COMMON = ANSWER.replace(b"RTP/AVP 0 101", b"RTP/AVP 18")


def media(port: int = 4000, session_id: int = 1) -> LocalMedia:
    return LocalMedia(rtp_port=port, codecs=(PCMU, PCMA, TELEPHONE_EVENT), session_id=session_id)


def invite(target: Uri = BOB, *, account: AccountName | None = None, offerless: bool = False) -> Invite:
    return Invite(call=CALL, target=target, account=account, media=media(), offerless=offerless)


def account(**changes: object) -> Account:
    fields: dict[str, object] = {
        "name": MAIN,
        "aor": Uri.parse("sip:door@door.example"),
        "registrar": Uri.parse(f"sip:{PEER}"),
        "username": "door",
        "secret": "open sesame",
        "probe_s": 0.0,
    }
    return Account(**(fields | changes))  # type: ignore[arg-type]  # fields by name, checked at run time by the dataclass


def vouched() -> Wire:
    """An agent that knows the peer for its registrar: what comes from there is proven."""
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.reply(200, Contact=f"<sip:door@{OURS}:5060>;expires=600")
    wire.take()
    wire.events.clear()
    return wire


class Wire:
    """The agent, and both ends of its border."""

    def __init__(self, settings: AgentSettings | None = None) -> None:
        self.now_s = 100.0
        self.agent = Agent(settings or AgentSettings(), SeededIds(1), self.now_s)
        self.sent: list[Message] = []
        self.hops: list[Hop] = []  # where each of `sent` went
        self.raw: list[bytes] = []
        self.events: list[Event] = []
        self.locates: list[Locate] = []
        self.names: dict[str, tuple[Hop, ...]] = {}
        self.tcp: tuple[Hop, ...] = ()
        self.held: list[Located] | None = None  # a list here keeps the look-ups waiting until `locate`
        self._serial = 0

    # --- in

    def command(self, command: Command) -> None:
        self.agent.command(command, self.now_s)
        self._carry()

    def receive(self, message: Message | bytes | str, source: Hop = HOP) -> None:
        data = message.encode() if isinstance(message, str) else message if isinstance(message, bytes) else message.to_bytes()
        self.agent.receive(Received(data=data, source=source), self.now_s)
        self._carry()

    def locate(self) -> None:
        """Answer every look-up that was held back."""
        held, self.held = self.held or [], None
        for located in held:
            self.agent.receive(located, self.now_s)
        self._carry()

    def fail(self, hop: Hop = HOP) -> None:
        self.agent.receive(SendFailed(hop=hop, reason="refused"), self.now_s)
        self._carry()

    def advance(self, seconds: float) -> None:
        """Let the time pass, every timer at its due time."""
        end_s = self.now_s + seconds
        while (due_s := self.agent.next_deadline()) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            self.agent.handle_timer(self.now_s)
            self._carry()
        self.now_s = end_s
        self.agent.handle_timer(self.now_s)
        self._carry()

    def settle(self) -> None:
        """Let all remaining timers run out."""
        while (due_s := self.agent.next_deadline()) is not None:
            self.advance(max(due_s - self.now_s, 0.0))

    def reply(self, status: int, request: Request | None = None, *, tag: str = "peer", body: bytes = b"", **headers: str) -> None:
        """Answer our last request, or the given one; headers by name with underscores."""
        request = self.request() if request is None else request
        lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if 100 < status < 300 and "Contact" not in headers:
            lines.append(("Contact", f"<sip:bob@{PEER}>"))
        if body:
            lines.append(("Content-Type", "application/sdp"))
        to_tag = None if status == 100 else tag
        self.receive(make_response(request, status, to_tag=to_tag, headers=tuple(lines), body=body))

    def incoming(
        self,
        method: str = "INVITE",
        *,
        body: bytes = b"",
        headers: str = "",
        cseq: int = 1,
        uri: str = f"sip:door@{OURS}",
        branch: str = "",
    ) -> Request:
        """A request of the peer outside a dialog; fed to the agent and returned."""
        self._serial += 1
        branch = branch or f"z9hG4bKpeer{self._serial}"
        text = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch={branch};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:bob@{PEER}>;tag=bob\r\nTo: <sip:door@{OURS}>\r\nCall-ID: in-1\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:bob@{PEER}>\r\n{headers}"
            + ("Content-Type: application/sdp\r\n" if body and "Content-Type" not in headers else "")
            + f"Content-Length: {len(body)}\r\n\r\n"
        )
        data = text.encode() + body
        self.receive(data)
        message = parse_message(data)
        assert isinstance(message, Request)
        return message

    def within(
        self, method: str, first: Request | Response, *, cseq: int, body: bytes = b"", headers: str = "", we_called: bool
    ) -> Request:
        """A request of the peer inside the dialog that `first` (a message with both tags) belongs to; fed and returned."""
        self._serial += 1
        ours, theirs = (first.get("From"), first.get("To")) if we_called else (first.get("To"), first.get("From"))
        text = (
            f"{method} sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKin{self._serial};rport\r\nMax-Forwards: 70\r\n"
            f"From: {theirs}\r\nTo: {ours}\r\nCall-ID: {first.call_id}\r\nCSeq: {cseq} {method}\r\n{headers}"
            + (f"Contact: <sip:bob@{PEER}>\r\n" if "Contact" not in headers else "")
            + ("Content-Type: application/sdp\r\n" if body and "Content-Type" not in headers else "")
            + f"Content-Length: {len(body)}\r\n\r\n"
        )
        data = text.encode() + body
        self.receive(data)
        message = parse_message(data)
        assert isinstance(message, Request)
        return message

    # --- out

    def take(self) -> list[str]:
        """What was sent since the last take, as `METHOD` or `status METHOD`."""
        names = [_name(message) for message in self.sent]
        self.sent.clear()
        self.hops.clear()
        return names

    def request(self, method: str | None = None) -> Request:
        """The newest request that was sent."""
        return next(message for message in reversed(self.sent) if isinstance(message, Request) and method in (None, message.method))

    def response(self) -> Response:
        """The newest response that was sent."""
        return next(message for message in reversed(self.sent) if isinstance(message, Response))

    def told(self, kind: type[Kind]) -> list[Kind]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def _carry(self) -> None:
        for effect in self._effects():
            match effect:
                case Send(hop=hop, data=data):
                    self.raw.append(data)
                    if data.strip():
                        self._note(data, hop)
                case Locate():
                    self.locates.append(effect)
                    located = Located(query=effect.query, hops=self._hops(effect))
                    if self.held is None:
                        self.agent.receive(located, self.now_s)
                    else:
                        self.held.append(located)
                case _:
                    self.events.append(effect)

    def _note(self, data: bytes, hop: Hop) -> None:
        try:
            message = parse_message(data)
        except RemoteProtocolError:
            return  # a refusal that repeats the broken headers of its request
        self.sent.append(message)
        self.hops.append(hop)

    def _hops(self, locate: Locate) -> tuple[Hop, ...]:
        if locate.transport is Transport.TCP:
            return self.tcp
        default = Hop(transport=Transport.UDP, host=locate.uri.host, port=locate.uri.port or 5060, local_host=OURS, local_port=5060)
        return self.names.get(locate.uri.host, (default,))

    def _effects(self) -> Iterator[Send | Locate | Event]:
        while effects := self.agent.take_effects():
            yield from effects


def _name(message: Message) -> str:
    return message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"
