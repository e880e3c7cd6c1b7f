"""Fuzz checks of connectivity: any datagram, and authentic ones with attributes of the fuzzer's making."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.media.stun import judge
    from firmware.sdp.ice import IceCredentials, IceSession
    from firmware.stun.attributes import PRIORITY, USE_CANDIDATE, USERNAME
    from firmware.stun.message import BINDING_REQUEST, attribute, message

from tests.fuzz.runner import run

ICE = IceSession(IceCredentials("door", "d" * 22), IceCredentials("peer", "p" * 22))
SOURCE = ("192.0.2.1", 4000)
USER = attribute(USERNAME, b"door:peer")


def sealed(attributes: bytes) -> bytes:
    """A request with the right password."""
    return message(BINDING_REQUEST, bytes(12), USER, attributes, password=ICE.ours.pwd, fingerprint=True)


def one_input(data: bytes) -> None:
    """The bytes as a datagram, and as attributes of a request with the right password."""
    verdict = judge(data, SOURCE, ICE)
    assert len(verdict.answer) <= 200
    assert not verdict.nominated  # nobody guesses a password
    padded = data + bytes(-len(data) % 4)
    verdict = judge(sealed(padded[:400]), SOURCE, ICE)
    assert not verdict.nominated or verdict.answer[:2] == b"\x01\x01"


def seeds() -> list[bytes]:
    """Attributes of a check, and a whole one."""
    nominating = attribute(PRIORITY, bytes(4)) + attribute(USE_CANDIDATE, b"")
    return [nominating, sealed(nominating)]


def main() -> None:
    """Run the fuzzer."""
    run("connectivity", one_input, seeds())


if __name__ == "__main__":
    main()
