"""Fuzz checks of connectivity: any datagram, and authentic ones with attributes of the fuzzer's making."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.media import stun
    from firmware.sdp.ice import IceCredentials, IceSession

from tests.fuzz.runner import run

ICE = IceSession(IceCredentials("door", "d" * 22), IceCredentials("peer", "p" * 22))
SOURCE = ("192.0.2.1", 4000)
USERNAME = stun._attribute(stun.USERNAME, b"door:peer")


def one_input(data: bytes) -> None:
    """The bytes as a datagram, and as attributes of a request with the right password."""
    verdict = stun.judge(data, SOURCE, ICE)
    assert len(verdict.answer) <= 200
    assert not verdict.nominated  # nobody guesses a password
    padded = data + bytes(-len(data) % 4)
    verdict = stun.judge(stun._finished(stun.BINDING_REQUEST, bytes(12), USERNAME + padded[:400], ICE.ours.pwd), SOURCE, ICE)
    assert not verdict.nominated or verdict.answer[:2] == b"\x01\x01"


def seeds() -> list[bytes]:
    """Attributes of a check, and a whole one."""
    nominating = stun._attribute(stun.PRIORITY, bytes(4)) + stun._attribute(stun.USE_CANDIDATE, b"")
    return [nominating, stun._finished(stun.BINDING_REQUEST, bytes(12), USERNAME + nominating, ICE.ours.pwd)]


def main() -> None:
    """Run the fuzzer."""
    run("connectivity", one_input, seeds())


if __name__ == "__main__":
    main()
