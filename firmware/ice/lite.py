"""Checks of connectivity, answered by a lite agent: it begins none, so a request is all that means anything to it (RFC 8445 §7.3)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.ice.check import read_check, role_conflict, success
from firmware.sdp.ice import IceSession
from firmware.stun.attributes import Address


class Verdict(NamedTuple):
    """What to answer, b'' nothing; `nominated`: the other side wants the sound to go where the check came from (RFC 8445 §7.3.1.5)."""

    answer: bytes
    nominated: bool = False


def judge(datagram: bytes, source: Address, ice: IceSession) -> Verdict:
    """The answer to one datagram that looks like STUN."""
    check = read_check(datagram, ice)
    if isinstance(check, bytes):
        return Verdict(check)
    if check.says_controlling is False:
        # RFC 8445 §6.1.1, §7.3.1.1: a lite agent is controlled, so the other side cannot be.
        return Verdict(role_conflict(check, ice))
    return Verdict(success(check, source, ice), check.nominates)
