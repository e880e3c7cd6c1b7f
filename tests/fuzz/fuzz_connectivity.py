"""Fuzz checks of connectivity: any datagram, and authentic ones with attributes of the fuzzer's making, against both kinds of agent."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.ice.agent import PAIRS_MAX, TRIES_MAX, IceAgent, Send
    from firmware.ice.lite import judge
    from firmware.sdp.ice import IceCredentials, IceSession, local_candidates
    from firmware.stun.attributes import PRIORITY, USE_CANDIDATE, USERNAME
    from firmware.stun.message import BINDING_ERROR, BINDING_INDICATION, BINDING_REQUEST, BINDING_SUCCESS, attribute, message

from tests.fuzz.runner import run

ICE = IceSession(IceCredentials("door", "d" * 22), IceCredentials("peer", "p" * 22))
SOURCE = ("192.0.2.1", 4000)
USER = attribute(USERNAME, b"door:peer")
KINDS = (BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR, BINDING_INDICATION)
FULL = ICE._replace(is_lite=False, local=local_candidates("192.0.2.9", 4000, None), remote=local_candidates("192.0.2.1", 4000, None))


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
    converse(data)


def converse(data: bytes) -> None:
    """A script for a full agent: each piece is answered to a check of its own, or sent as one, from one of a few addresses."""
    session = FULL._replace(is_controlling=bool(data[:1] > b"\x80"))
    agent = IceAgent(session, transaction_id=lambda: bytes(12), tie_breaker=lambda: 1 << 63, chance=lambda: 0.5)
    agent.start(0.0)
    now, at = 0.0, 1
    while at + 3 < len(data):
        kind, place, length = KINDS[data[at] % 4], data[at + 1], data[at + 2]
        attributes = data[at + 3 : at + 3 + length]
        attributes += bytes(-len(attributes) % 4)
        user = USER if kind == BINDING_REQUEST else b""
        password = ICE.theirs.pwd if kind in (BINDING_SUCCESS, BINDING_ERROR) else ICE.ours.pwd
        agent.receive(message(kind, bytes(12), user, attributes, password=password, fingerprint=True), (f"192.0.2.{place}", 4000), now)
        effects = agent.take_effects()
        assert len(effects) <= 8  # an answer, what is due, a way: no datagram makes a flood
        assert all(len(each.datagram) <= 300 for each in effects if isinstance(each, Send))
        assert len(agent._pairs) <= PAIRS_MAX
        assert len(agent._tries) <= TRIES_MAX
        now, at = now + 0.02, at + 3 + length
    deadline = agent.next_deadline()
    for _ in range(400):  # nothing goes on for ever without the other side's consent
        if deadline is None:
            break
        agent.handle_timer(deadline)
        agent.take_effects()
        later = agent.next_deadline()
        assert later is None or later > deadline, "the timer makes progress"
        deadline = later
    assert deadline is None


def seeds() -> list[bytes]:
    """Attributes of a check, a whole one of a stranger, and a script."""
    nominating = attribute(PRIORITY, bytes(4)) + attribute(USE_CANDIDATE, b"")
    stranger = message(BINDING_REQUEST, bytes(12), USER, nominating, password="x" * 22, fingerprint=True)
    step = bytes((0, 1, len(nominating))) + nominating
    return [nominating, stranger, b"\x00" + step + step, b"\xff" + step + bytes((1, 1, 0))]


def main() -> None:
    """Run the fuzzer."""
    run("connectivity", one_input, seeds())


if __name__ == "__main__":
    main()
