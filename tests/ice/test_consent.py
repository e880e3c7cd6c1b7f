"""firmware/ice/consent.py and the agent: sound goes nowhere without the other side's consent (RFC 7675)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from firmware.ice.agent import NoConsent, Send
from firmware.ice.check import BAD_REQUEST, FORBIDDEN, read_check
from firmware.ice.consent import CONSENT_S, GAP_S, PENDING_MAX, SPREAD, Consent
from firmware.stun.attributes import USE_CANDIDATE, error_code
from firmware.stun.message import BINDING_ERROR, BINDING_REQUEST, message, parse
from tests.ice.network import host, sessions
from tests.ice.talk import DOOR, PHONE, Talk, final


def agreed() -> Talk:
    talk = Talk(*sessions(host(DOOR), host(PHONE)))
    talk.begin(until_s=2)
    assert final(talk.door) == [PHONE]
    talk.net.carried.clear()
    return talk


def asked(talk: Talk) -> list[bytes]:
    """The checks that the door has sent."""
    sent = [datagram for source, _, datagram in talk.net.carried if source == DOOR]
    return [each for each in sent if (read := parse(each)) is not None and read.kind == BINDING_REQUEST]


def test_consent_is_asked_for_as_long_as_the_call_lasts_at_random_gaps() -> None:
    talk = agreed()
    at_s: list[float] = []
    for _ in range(3600):
        talk.net.carried.clear()
        talk.net.run(talk.agents, talk.net.now + 0.1)
        at_s += [talk.net.now] * len(asked(talk))
    gaps_s = [later - earlier for earlier, later in pairwise(at_s)]
    assert GAP_S * (1 - SPREAD) - 0.11 <= min(gaps_s) < max(gaps_s) <= GAP_S * (1 + SPREAD) + 0.11  # RFC 7675 §5.1: 4 to 6 s
    assert max(gaps_s) - min(gaps_s) > 1
    assert not talk.door.lost_at_s


def test_each_question_is_a_check_of_its_own_and_nominates_nothing() -> None:
    talk = agreed()
    talk.net.run(talk.agents, 60)
    reads = [parse(each) for each in asked(talk)]
    assert len({each.transaction_id for each in reads if each is not None}) == len(reads)
    assert all(each is not None and USE_CANDIDATE not in each.attributes for each in reads)


def test_half_a_minute_after_the_last_answer_sound_goes_nowhere_and_nothing_is_asked() -> None:
    talk = agreed()
    talk.net.run(talk.agents, 20)
    talk.net.closed = {PHONE}
    talk.net.run(talk.agents, 120)
    (lost_at_s,) = talk.door.lost_at_s
    assert 20 - GAP_S * (1 + SPREAD) + CONSENT_S <= lost_at_s <= 20 + CONSENT_S
    talk.net.carried.clear()
    talk.net.run(talk.agents, 600)
    assert talk.net.carried == []
    assert talk.agents[DOOR].next_deadline() is None


def test_one_answer_in_half_a_minute_is_enough() -> None:
    talk = agreed()
    for step in range(12):
        talk.net.closed = {PHONE}
        talk.net.run(talk.agents, 2 + 24 * step + 15)
        talk.net.closed = set()
        talk.net.run(talk.agents, 2 + 24 * step + 24)
    assert not talk.door.lost_at_s


def test_consent_that_is_taken_back_ends_at_once() -> None:
    talk = agreed()
    talk.net.closed = {PHONE}
    talk.net.run(talk.agents, 10)
    read = parse(asked(talk)[-1])
    assert read is not None
    agent, theirs = talk.agents[DOOR], sessions(host(DOOR), host(PHONE))[1].ours
    for status, password in ((FORBIDDEN, "wrong" * 5), (BAD_REQUEST, theirs.pwd)):
        agent.receive(message(BINDING_ERROR, read.transaction_id, error_code(status), password=password, fingerprint=True), PHONE, 10.1)
        assert NoConsent() not in agent.take_effects()
    talk.net.run(talk.agents, 17)
    read = parse(asked(talk)[-1])
    assert read is not None
    revoked = message(BINDING_ERROR, read.transaction_id, error_code(FORBIDDEN), password=theirs.pwd, fingerprint=True)
    agent.receive(revoked, ("203.0.113.66", 4000), 17.1)  # from elsewhere it means nothing
    assert agent.take_effects() == []
    agent.receive(revoked, PHONE, 17.2)
    assert agent.take_effects() == [NoConsent()]  # RFC 7675 §5.2


def test_the_questions_are_authentic_checks_that_a_lite_door_answers() -> None:
    talk = agreed()
    talk.net.run(talk.agents, 12)
    phone = sessions(host(DOOR), host(PHONE))[1]
    assert asked(talk)
    assert all(not isinstance(read_check(each, phone), bytes) for each in asked(talk))


@pytest.mark.parametrize(("chance", "gap_s"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_the_gap_is_drawn(chance: float, gap_s: float) -> None:
    consent = Consent(100.0, lambda: chance)
    assert consent.due_s == pytest.approx(100 + gap_s)
    assert consent.deadline_s == consent.due_s


def test_what_may_be_answered_is_bounded_and_answered_once() -> None:
    consent = Consent(0.0, lambda: 0.0)
    for number in range(20):
        consent.ask(bytes((number,)) * 12, 4.0 * number)
    known = [number for number in range(20) if consent.asked(bytes((number,)) * 12)]
    assert known == list(range(20 - PENDING_MAX, 20))
    assert not consent.asked(bytes((19,)) * 12)


def test_media_before_the_nomination_needs_consent_as_well() -> None:
    door, phone = sessions(host(DOOR), host(PHONE), door_controls=False)
    talk = Talk(door, phone)
    talk.phone.handle = lambda _datagram, _source, _now: []
    agent = talk.agents.pop(PHONE)
    talk._start(talk.door)
    sent = next(datagram for source, _, datagram in talk.net.carried if source == DOOR)
    agent.receive(sent, DOOR, 0.01)  # the phone answers one check, and never again
    (answer, *_) = [each for each in agent.take_effects() if isinstance(each, Send)]
    talk.net.do(talk.door, talk.door.handle(answer.datagram, PHONE, 0.02))
    talk.net.run(talk.agents, 100)
    assert [use.is_final for use in talk.door.used] == [False]
    assert talk.door.lost_at_s == [pytest.approx(0.02 + CONSENT_S)]
