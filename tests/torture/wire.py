"""The torture messages on the wire: what a user agent answers to each, and whether it is still there afterwards.

Every message comes from an address of its own in 127.1.0.0/16, so that many can be sent at once and no answer is mistaken: over UDP
answers go to our address and the port of the top Via (RFC 3261 §18.2.2), over TCP back on the connection. Those that bear the same branch,
as many of RFC 5118 do, would be one transaction to whoever receives them: their branches are told apart, nothing else is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from pathlib import Path
from typing import Final, NamedTuple

MESSAGES: Final = Path(__file__).resolve().parent.parent / "data" / "torture"
SILENCE_S: Final = 1.0  # a user agent on loopback answers in milliseconds; where nothing is the right answer, it is believed after this
ANSWER_S: Final = 20.0  # where an answer has to come, a machine with other work has time for it
ALIVE_S: Final = 30.0  # for the answer to OPTIONS, which is repeated twice within
SIP_PORT: Final = 5060
TOGETHER_MAX: Final = 24  # on their way at a time: what a station accepts of connections
BEHIND_S: Final = 0.1  # how long a second answer is waited for behind a final one
FINAL: Final = re.compile(rb"SIP/2\.0 [2-6]\d\d ")
ALIVE: Final = re.compile(rb"Call-ID: alive-")
# What refuses a message as wrong; every other answer treats it as an ordinary request.
REFUSALS: Final = frozenset({400, 500, 501, 502, 505, 513})


class Message(NamedTuple):
    """One entry of the manifest with its bytes. `verdicts`: status codes, `normal`, `drop` (see the folder's README)."""

    name: str
    section: str
    verdicts: tuple[str, ...]
    data: bytes

    @property
    def is_cut_short(self) -> bool:
        """Whether a stream would have to go on after it: no end of its header section, or less body than Content-Length says."""
        head, end, body = self.data.partition(b"\r\n\r\n")
        lengths = re.findall(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
        return not end or any(int(length) > len(body) for length in lengths)

    def listen_s(self, transport: str) -> float:
        """How long to wait for a final answer."""
        return SILENCE_S if self.may_be_ignored(transport) else ANSWER_S

    def may_be_ignored(self, transport: str) -> bool:
        """Whether no answer at all is right."""
        return "drop" in self.verdicts or (transport == "TCP" and self.is_cut_short)

    @property
    def branch(self) -> bytes:
        """The branch of the top Via; empty without one."""
        via = re.search(rb"(?im)^(?:via|v)[ \t]*:[^\r\n,]*?;[ \t]*branch[ \t]*=[ \t]*([^;,\s]+)", re.sub(rb"\r\n[ \t]+", b" ", self.data))
        return via[1] if via else b""

    @property
    def via_port(self) -> int:
        """The port of the top Via."""
        unfolded = re.sub(rb"\r\n[ \t]+", b" ", self.data)
        via = re.search(rb"(?im)^(?:via|v)[ \t]*:[ \t]*SIP[^;,\r\n]*?[ \t](?:\[[^\]]*\]|[\w.\-]+)[ \t]*:[ \t]*(\d+)", unfolded)
        return int(via[1]) if via and 0 < int(via[1]) < 65536 else SIP_PORT


class Outcome(NamedTuple):
    """What came back."""

    message: Message
    transport: str
    statuses: tuple[int, ...]
    sequences: frozenset[bytes]  # different CSeq among the answers
    alive: bool

    @property
    def right(self) -> bool:
        """Whether the answer is one that the RFC expects, and the agent lives on."""
        return self.alive and self._answer_right

    @property
    def _answer_right(self) -> bool:
        verdicts = self.message.verdicts
        if not self.statuses:
            return self.message.may_be_ignored(self.transport)
        if self.transport == "UDP" and self.message.name == "dblreq" and len(self.sequences) > 1:
            return False  # octets behind the body are no second request (RFC 4475 §3.1.1.8)
        final = next((status for status in self.statuses if status >= 200), None)
        return str(final) in verdicts or ("normal" in verdicts and final not in REFUSALS)

    def __str__(self) -> str:
        got = " ".join(map(str, self.statuses)) or "silence"
        line = f"{self.message.name:34} {self.message.section:9} expected {' or '.join(self.message.verdicts):22} got {got}"
        return line if self.alive else line + "; no answer to OPTIONS afterwards"


def messages() -> list[Message]:
    """All that a section of the RFCs names, no two with the same branch."""
    entries = [entry for entry in json.loads((MESSAGES / "manifest.json").read_text()) if entry["parser"] != "unreferenced"]
    found = []
    for entry in entries:
        message = Message(Path(entry["file"]).stem, entry["section"], tuple(entry["uas"]), (MESSAGES / entry["file"]).read_bytes())
        own = message.data.replace(message.branch, message.branch + f"-{message.name}".encode(), 1)
        found.append(message._replace(data=own) if message.branch.startswith(b"z9hG4bK") else message)
    return found


async def torture(host: str, port: int, transport: str) -> list[Outcome]:
    """Send all messages to host:port over UDP or TCP and listen."""
    send = _over_udp if transport == "UDP" else _over_tcp
    turn = asyncio.Semaphore(TOGETHER_MAX)

    async def in_turn(message: Message, source: str) -> Outcome:
        async with turn:
            return await send(message, source, host, port)

    return await asyncio.gather(*[in_turn(message, f"127.1.0.{number}") for number, message in enumerate(messages(), 1)])


# --- UDP -----------------------------------------------------------------------------------------------------------------


class _Mailbox(asyncio.DatagramProtocol):
    def __init__(self, inbox: asyncio.Queue[bytes]) -> None:
        self._inbox = inbox

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._inbox.put_nowait(data)


async def _over_udp(message: Message, source: str, host: str, port: int) -> Outcome:
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[bytes] = asyncio.Queue()
    opened = [
        (await loop.create_datagram_endpoint(lambda: _Mailbox(inbox), local_addr=(source, own)))[0]
        for own in sorted({SIP_PORT, message.via_port}, key=lambda own: own != SIP_PORT)
    ]
    opened[0].sendto(message.data, (host, port))
    answers = await _listen(inbox, message.listen_s("UDP"), FINAL)
    alive = False
    for attempt in range(3):
        opened[0].sendto(_options("UDP", message, source, host, port, attempt), (host, port))
        if alive := any(map(_is_alive, await _listen(inbox, ALIVE_S / 3, ALIVE))):
            break
    for each in opened:
        each.close()
    await asyncio.sleep(0)  # a closed endpoint gives its port back in the loop's next turn
    return _outcome(message, "UDP", answers, alive=alive)


# --- TCP -----------------------------------------------------------------------------------------------------------------


async def _over_tcp(message: Message, source: str, host: str, port: int) -> Outcome:
    answers = await _exchange(message.data, source, host, port, message.listen_s("TCP"), FINAL)
    alive = await _exchange(_options("TCP", message, source, host, port, 0), source, host, port, ALIVE_S, ALIVE)
    return _outcome(message, "TCP", answers, alive=any(map(_is_alive, alive)))


async def _exchange(data: bytes, source: str, host: str, port: int, patience_s: float, enough: re.Pattern[bytes]) -> list[bytes]:
    """What comes back on one connection, cut at status lines."""
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0), family=socket.AF_INET)
    writer.write(data)
    stream = bytearray()
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        async with asyncio.timeout(patience_s) as limit:
            while piece := await reader.read(65_536):
                stream += piece
                _shorten(limit, enough.search(stream) is not None)
    writer.close()
    return [b"SIP/2.0 " + part for part in bytes(stream).split(b"SIP/2.0 ") if re.match(rb"\d{3} ", part)]


# --- both ----------------------------------------------------------------------------------------------------------------


async def _listen(inbox: asyncio.Queue[bytes], patience_s: float, enough: re.Pattern[bytes]) -> list[bytes]:
    got: list[bytes] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s) as limit:
            while True:
                got.append(await inbox.get())
                _shorten(limit, enough.search(got[-1]) is not None)
    return got


def _shorten(limit: asyncio.Timeout, enough: bool) -> None:
    """What was waited for is there: only what comes right behind it is still of interest."""
    if enough:
        limit.reschedule(asyncio.get_running_loop().time() + BEHIND_S)


def _outcome(message: Message, transport: str, answers: list[bytes], *, alive: bool) -> Outcome:
    statuses = [int(match[1]) for answer in answers if (match := re.match(rb"SIP/2\.0 (\d{3}) ", answer))]
    sequences = re.findall(rb"(?im)^cseq[ \t]*:[ \t]*([^\r\n]*)", b"\r\n".join(answers))
    return Outcome(message, transport, tuple(statuses), frozenset(sequences), alive)


def _options(transport: str, message: Message, source: str, host: str, port: int, attempt: int) -> bytes:
    return (
        f"OPTIONS sip:door@{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {source}:{SIP_PORT};branch=z9hG4bK{transport}-{message.name}-{attempt};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:judge@{source}>;tag=alive\r\nTo: <sip:door@{host}>\r\nCall-ID: alive-{message.name}@{source}\r\n"
        f"CSeq: {attempt + 1} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _is_alive(answer: bytes) -> bool:
    return answer.startswith(b"SIP/2.0 200 ") and b"Call-ID: alive-" in answer
