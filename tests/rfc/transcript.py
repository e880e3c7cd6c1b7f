"""Call flows as text: what the door sends is matched line by line, what the peer sends is fed in.

A flow is a file of blocks, each headed by a line that begins with `===`:

    === command NAME            the program wants something (see COMMANDS)
    === door                    the door sends this message next; `{name}` captures a value, or repeats one captured before
    === peer                    the peer sends this message; `{name}` puts a captured value in
    === wait SECONDS            time passes
    === silence                 the door has sent nothing more
    === event NAME              the program is told this next
    === watched by questions    first of all: the registrar has no TCP, and is asked every 10 s whether it still has us
    === watchers                first of all: Bob may watch the door's calls
    === proxies HOST HOST       the account's server has these addresses, of which the first is tried first
    === address HOST            the door has another address now

Of a message of the door every line that is written must be there; headers that are not written are not looked at. `{?}` matches
anything. A last line of a message of the peer is its body: `sdp`, `sdp held` (sendonly), `sdp held back` (recvonly), each with `at HOST`,
`frag STATUS` (a report on a transfer) or `text WORDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    AcceptTransfer,
    Answer,
    AttendedTransfer,
    CallKey,
    Command,
    Confer,
    HangUp,
    Hold,
    IncomingCall,
    Invite,
    NetworkChanged,
    Progress,
    ReferRequested,
    Register,
    Resume,
    Ring,
    Transfer,
    TransferRequested,
    Transport,
    Unregister,
)
from firmware.sip.gate import Gate
from firmware.sip.uri import Uri
from tests.sip.wire import CALL, HOP, MAIN, PEER, Wire, account, invite, media

SDP = "v=0\r\no=bob 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
MOVED = CallKey("moved")
FLAT = Uri.parse("sip:flat@door.example")

COMMANDS: dict[str, Callable[[Wire], Command]] = {
    "register": lambda _: Register(account=MAIN),
    "unregister": lambda _: Unregister(account=MAIN),
    "invite": lambda _: invite(),
    "invite by account": lambda _: invite(FLAT, account=MAIN),
    "hang up": lambda wire: HangUp(call=_call(wire)),
    "busy": lambda wire: HangUp(call=_call(wire), status=486),
    "unavailable": lambda wire: HangUp(call=_call(wire), status=480),
    "ring": lambda wire: Ring(call=_call(wire)),
    "answer": lambda wire: Answer(call=_call(wire), media=media()),
    "forbid": lambda wire: HangUp(call=_call(wire), status=403),
    "hang up on carol": lambda _: HangUp(call=MOVED),
    "hang up on the flat": lambda _: HangUp(call=CALL),
    "invite without offer": lambda _: invite(offerless=True),
    "confer": lambda _: Confer(calls=(CALL, MOVED)),
    "accept click": lambda wire: AcceptTransfer(transfer=wire.told(ReferRequested)[-1].transfer, call=CALL, media=media()),
    "hold": lambda wire: Hold(call=_call(wire)),
    "resume": lambda wire: Resume(call=_call(wire)),
    "early media": lambda wire: Progress(call=_call(wire), media=media()),
    "accept transfer": lambda wire: AcceptTransfer(transfer=wire.told(TransferRequested)[-1].transfer, call=MOVED, media=media(4100, 2)),
    "transfer": lambda _: Transfer(call=CALL, target=Uri.parse("sip:carol@door.example")),
    "consult": lambda _: Invite(call=MOVED, target=Uri.parse("sip:carol@door.example"), account=MAIN, media=media(4100, 2)),
    "transfer attended": lambda _: AttendedTransfer(call=CALL, other=MOVED),
}


def _call(wire: Wire) -> CallKey:
    calls = wire.told(IncomingCall)
    return calls[-1].call if calls else CALL


def _body(line: str) -> tuple[str, str]:
    """Content type and body that a last line stands for; none for a header."""
    kind, _, rest = line.partition(" ")
    match kind:
        case "sdp":
            manner, _, host = rest.partition("at ")
            direction = {"": "", "held": "a=sendonly\r\n", "held back": "a=recvonly\r\n"}[manner.strip()]
            return "application/sdp", (SDP.replace("c=IN IP4 192.0.2.9", f"c=IN IP4 {host}") if host else SDP) + direction
        case "frag":
            return "message/sipfrag;version=2.0", f"SIP/2.0 {rest}\r\n"
        case "text":
            return "text/plain", rest
        case _:
            return "", ""


class Transcript:
    """One flow being played."""

    def __init__(self, path: Path) -> None:
        self._blocks = [block.strip("\n").split("\n") for block in re.split(r"(?m)^=== ", path.read_text())[1:]]
        self._wire = Wire(AgentSettings(accounts=(account(),)))
        self._values: dict[str, str] = {}
        self._refuses_tcp = False
        self._sent = 0
        self._told = 0

    def play(self) -> None:
        """Every block in order; an assertion fails at the first difference."""
        for head, *lines in self._blocks:
            verb, _, rest = head.partition(" ")
            match verb:
                case "command":
                    self._wire.command(COMMANDS[rest](self._wire))
                case "door":
                    self._expect(lines)
                case "peer":
                    self._feed(lines)
                case "wait":
                    self._wire.advance(float(rest))
                case "silence":
                    assert self._wire.raw[self._sent :] == [], f"after {self._sent} messages"
                case "watched":
                    self._wire = Wire(AgentSettings(accounts=(account(probe_s=10.0),)))
                    self._refuses_tcp = True
                case "watchers":
                    self._wire = Wire(AgentSettings(accounts=(account(),), gate=Gate(watchers=("bob@*",))))
                case "proxies":
                    self._wire.names[PEER] = tuple([HOP._replace(host=host) for host in rest.split(" ")])
                case "address":
                    self._wire.names[PEER] = (HOP._replace(local_host=rest),)
                    self._wire.agent.receive(NetworkChanged(), self._wire.now_s)
                    self._wire.advance(0)
                case "event":
                    event = self._wire.events[self._told]
                    assert type(event).__name__ == rest, event
                    self._told += 1
                case _:
                    raise AssertionError(f"no such block: {head}")

    def _expect(self, lines: list[str]) -> None:
        assert len(self._wire.raw) > self._sent, f"the door sent nothing, expected {lines[0]}"
        text = self._wire.raw[self._sent].decode()
        self._sent += 1
        have = text.partition("\r\n\r\n")[0].split("\r\n")
        self._match(lines[0], have[:1])
        for line in lines[1:]:
            self._match(line, have[1:])

    def _match(self, wanted: str, have: list[str]) -> None:
        pattern, names = self._pattern(wanted)
        for line in have:
            found = re.fullmatch(pattern, line)
            if found is not None:
                self._values.update(zip(names, found.groups(), strict=True))
                return
        raise AssertionError(f"message {self._sent}: no line {wanted!r} in\n" + "\n".join(have))

    def _pattern(self, wanted: str) -> tuple[str, list[str]]:
        pattern, names = "", []
        for part in re.split(r"(\{[^}]*\})", wanted):
            name = part[1:-1]
            if not part.startswith("{"):
                pattern += re.escape(part)
            elif name == "?":
                pattern += ".*"
            elif name in self._values:
                pattern += re.escape(self._values[name])
            else:
                pattern += r"([^;>\s\"]+)"
                names.append(name)
        return pattern, names

    def _feed(self, lines: list[str]) -> None:
        content_type, body = _body(lines[-1])
        if content_type:
            lines = [*lines[:-1], f"Content-Type: {content_type}"]
        head = "\r\n".join(re.sub(r"\{([^}]*)\}", lambda match: self._values[match[1]], line) for line in lines)
        self._wire.receive(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}", HOP)
        if self._refuses_tcp and self._wire.hops[-1].transport is Transport.TCP:
            self._refuses_tcp = False
            self._sent = len(self._wire.raw)  # what opened the connection is no part of the flow
            self._wire.fail(self._wire.hops[-1])
