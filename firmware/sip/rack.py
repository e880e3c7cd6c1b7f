"""RSeq and RAck: the number of a reliable provisional response, and its acknowledgement in PRACK (RFC 3262 §7)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.header_values import sole
from firmware.sip.headers import CSeq

OPTION_TAG = "100rel"
RSEQ_MAX = 2**32 - 1  # §7.1: response-num is a 32-bit number
RSEQ_FIRST_MAX = 2**31 - 1  # §3: the first one is chosen uniformly from 1 to 2**31 - 1


class RAck(NamedTuple):
    """RAck: the RSeq that it acknowledges, and number and method of the request that the response answered."""

    rseq: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Read the value. Raises RemoteProtocolError."""
        number, _, cseq = text.replace("\t", " ").strip(" ").partition(" ")
        return cls(parse_rseq(number), CSeq.parse(cseq))

    def __str__(self) -> str:
        assert 0 < self.rseq <= RSEQ_MAX, self
        return f"{self.rseq} {self.cseq}"


def parse_rseq(text: str) -> int:
    """Read an RSeq. Raises RemoteProtocolError, also for 0, which no response bears (§3)."""
    value = grammar.number(text.strip(grammar.WHITESPACE), "RSeq")
    if not 0 < value <= RSEQ_MAX:
        raise RemoteProtocolError(f"RSeq out of range: {text[:40]}")
    return value


def rseq(response: HeaderFields) -> int | None:
    """The RSeq of a response, None when absent. Raises RemoteProtocolError when malformed or repeated."""
    return sole(response, "RSeq", parse_rseq)


def rack(request: HeaderFields) -> RAck | None:
    """The RAck of a PRACK, None when absent. Raises RemoteProtocolError when malformed or repeated."""
    return sole(request, "RAck", RAck.parse)
