"""PN532 readers at their UART (HSU, 115200 baud, 8N1): a pure machine that asks for ISO 14443 A cards and answers with their numbers.

Source: NXP UM0701-02, PN532 user manual: frames 6.2.1, SAMConfiguration 7.2.10, RFConfiguration 7.3.1, InListPassiveTarget 7.3.5.

    Waking --SAM--> Tuning --RF--> Asking --ACK--> Listening --card--> Quieting --RF--> Resting
      ^                              ^                                                     |
      | no answer, or a minute quiet +------------------------ 250 ms ---------------------+

While Listening the reader searches by itself for as long as it takes, and the line is silent: no card, no wake-up. A card that was found
is asleep to further searches until the field was off; hence Quieting. A card that stays is found again four times a second.

Any doubt ends in Waking: it aborts what runs, wakes the chip and begins anew. So does a minute without a card, which is how a reader
that lost its power is noticed.
"""

from __future__ import annotations

from enum import Enum
from typing import assert_never

from hw.decode.sighting import Kind, Sighting, broken, card

TO_READER = 0xD4
FROM_READER = 0xD5
ACK = b"\x00\x00\xff\x00\xff\x00"
# 6.3.2.3 (HSU): two bytes of 55 wake the chip, which then needs some time: 14 bytes of preamble last 1.2 ms.
WAKE = b"\x55\x55" + bytes(14)

SAM_NORMAL = b"\x14\x01\x14\x01"  # no security module; without this the chip does not leave its power-on state
SEARCH_FOR_EVER = b"\x32\x05\xff\x01\xff"  # RFConfiguration item 5, MxRtyPassiveActivation FF
FIELD_OFF = b"\x32\x01\x00"  # RFConfiguration item 1
FIND_ONE_A = b"\x4a\x01\x00"  # one target, 106 kbit/s type A
TARGETS = 0x4B

NUMBER_BYTES = frozenset({4, 7, 10})  # ISO 14443-3: single, double and triple size
RANDOM = 0x08  # ISO 14443-3: a single-size number that begins so is made up by the card whenever it enters a field
PAYLOAD_BYTES_MAX = 255
ANSWER_NS = 1_000_000_000  # the chip acknowledges within 15 ms and answers within 50
REST_NS = 250_000_000
CHECK_NS = 60_000_000_000
PAUSE_NS_MAX = 30_000_000_000


class Step(Enum):
    """What the machine waits for: an answer, in Listening a card, in Resting its time."""

    WAKING = "waking"
    TUNING = "tuning"
    ASKING = "asking"
    LISTENING = "listening"
    QUIETING = "quieting"
    RESTING = "resting"


# What is sent on the way into a step; Waking sends more. The code of an answer is that of its command plus one.
COMMANDS = {Step.TUNING: SEARCH_FOR_EVER, Step.ASKING: FIND_ONE_A, Step.QUIETING: FIELD_OFF}
# Where an answer leads from each step.
ANSWERS = {
    (Step.WAKING, SAM_NORMAL[0] + 1): Step.TUNING,
    (Step.TUNING, SEARCH_FOR_EVER[0] + 1): Step.ASKING,
    (Step.ASKING, TARGETS): Step.QUIETING,
    (Step.LISTENING, TARGETS): Step.QUIETING,
    (Step.QUIETING, FIELD_OFF[0] + 1): Step.RESTING,
}


class Pn532:
    """Implements `hw.decode.sighting.Decoder`."""

    def __init__(self, now_ns: int) -> None:
        self._partial = b""
        self._output = b""
        self._pause_ns = ANSWER_NS  # doubles while nobody answers
        self._step = Step.WAKING
        self._deadline_ns = now_ns
        self._enter(Step.WAKING, now_ns)

    def feed(self, data: bytes, now_ns: int) -> tuple[Sighting, ...]:
        """The cards whose frames end in `data`."""
        payloads, self._partial = split_frames(self._partial + data)
        return tuple(sighting for payload in payloads for sighting in self._take(payload, now_ns))

    def deadline_ns(self) -> int:
        return self._deadline_ns

    def expire(self, now_ns: int) -> tuple[Sighting, ...]:
        if now_ns < self._deadline_ns:
            return ()
        if self._step is Step.RESTING:
            self._enter(Step.ASKING, now_ns)
            return ()
        silent = self._step is not Step.LISTENING
        if silent:
            self._pause_ns = min(2 * self._pause_ns, PAUSE_NS_MAX)
        self._partial = b""
        self._enter(Step.WAKING, now_ns)
        return (broken("does not answer; is it switched to HSU, and are its wires crossed?"),) if silent else ()

    def take_output(self) -> bytes:
        output, self._output = self._output, b""
        return output

    def _take(self, payload: bytes, now_ns: int) -> tuple[Sighting, ...]:
        """One frame: empty for an acknowledgement, else from its direction byte to its last datum."""
        if not payload:
            if self._step is Step.ASKING:
                self._enter(Step.LISTENING, now_ns)
            return ()
        if payload[0] != FROM_READER or len(payload) < 2:
            # An error frame (7F) or an echo of our own: what was asked is not going to be answered.
            self._doubt(now_ns)
            return ()
        # A card that was found while a check aborted the search is a card all the same.
        seen = read_targets(payload[2:]) if payload[1] == TARGETS else ()
        if self._step is Step.WAKING and payload[1] == SAM_NORMAL[0] + 1:
            self._pause_ns = ANSWER_NS
            seen = (Sighting(Kind.ANSWERS, ""),)
        after = ANSWERS.get((self._step, payload[1]))
        if after is not None:
            self._enter(after, now_ns)
        return seen

    def _doubt(self, now_ns: int) -> None:
        if self._step is Step.LISTENING:
            self._step, self._deadline_ns = Step.ASKING, now_ns + ANSWER_NS

    def _enter(self, step: Step, now_ns: int) -> None:
        self._step = step
        match step:
            case Step.WAKING:
                # 6.2.1.3: an ACK from the host aborts the command in work.
                self._output = ACK + WAKE + frame(SAM_NORMAL)
                self._deadline_ns = now_ns + self._pause_ns
            case Step.TUNING | Step.ASKING | Step.QUIETING:
                self._output += frame(COMMANDS[step])
                self._deadline_ns = now_ns + ANSWER_NS
            case Step.LISTENING:
                # The search has begun; from here on silence is an answer.
                self._deadline_ns = now_ns + CHECK_NS
            case Step.RESTING:
                self._deadline_ns = now_ns + REST_NS
            case never:
                assert_never(never)


def frame(command: bytes) -> bytes:
    """A normal information frame to the reader (UM0701-02, 6.2.1.1)."""
    payload = bytes((TO_READER,)) + command
    assert len(payload) <= PAYLOAD_BYTES_MAX
    return b"\x00\x00\xff" + bytes((len(payload), -len(payload) & 0xFF)) + payload + bytes((-sum(payload) & 0xFF, 0))


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The payloads of the whole frames in `data`, empty for an ACK, and what may be the beginning of the next.

    A frame with a wrong checksum is passed over from its second byte on: the next one may lie within. Extended frames are too: nothing
    that is asked for has so long an answer.
    """
    payloads: list[bytes] = []
    while (start := data.find(b"\x00\xff")) >= 0:
        data = data[start:]
        if len(data) < 4:
            return payloads, data
        length, complement = data[2], data[3]
        if (length, complement) == (0, 0xFF):
            payloads.append(b"")
            data = data[4:]
            continue
        if length == 0 or (length + complement) & 0xFF:
            data = data[1:]
            continue
        end = 4 + length + 1
        if len(data) < end:
            return payloads, data
        if sum(data[4:end]) & 0xFF:
            data = data[1:]
            continue
        payloads.append(data[4 : end - 1])
        data = data[end:]
    return payloads, data[-1:] if data.endswith(b"\x00") else b""


def read_targets(data: bytes) -> tuple[Sighting, ...]:
    """The answer of InListPassiveTarget: a count and, for each target, Tg, SENS_RES (2), SEL_RES, a length and the number."""
    if not data or data[0] == 0:
        return ()
    size = data[5] if len(data) > 5 else 0
    number = data[6 : 6 + size]
    if size not in NUMBER_BYTES or len(number) < size:
        return (broken("a card without a readable number"),)
    return (card(number.hex().upper(), random=size == 4 and number[0] == RANDOM),)
