"""firmware/ice/agent.py: two agents, or one and a lite one, in a network in memory."""

from __future__ import annotations

import random

import pytest

from firmware.ice.agent import NO_WAY_S, PAIRS_MAX, TRIES_MAX, Effect, NoWay, Send, Use
from firmware.ice.check import PEER_PRIORITY, request
from firmware.ice.lite import judge
from firmware.sdp.ice import Candidate, Kind, local_candidates
from firmware.stun.attributes import Address, xor_mapped_address
from firmware.stun.message import BINDING_SUCCESS, message, parse
from tests.ice.network import Network, Side, Translator, agent_of, host, relayed, sessions, side_of
from tests.ice.talk import DOOR, PHONE, Talk, final

DOOR_OUTSIDE, PHONE_OUTSIDE = ("198.51.100.1", 20_000), ("203.0.113.9", 30_000)


@pytest.mark.parametrize("door_controls", [True, False])
@pytest.mark.parametrize("phone_after_s", [0.0, 0.7])
def test_two_in_one_network_agree_on_the_direct_way(*, door_controls: bool, phone_after_s: float) -> None:
    talk = Talk(*sessions(host(DOOR), host(PHONE), door_controls=door_controls))
    talk.begin(phone_after_s=phone_after_s)
    assert (final(talk.door), final(talk.phone)) == ([PHONE], [DOOR])
    assert not talk.door.has_no_way


def test_two_behind_translators_meet_at_their_outer_addresses() -> None:
    talk = Talk(*sessions(host(DOOR, DOOR_OUTSIDE), host(PHONE, PHONE_OUTSIDE)))
    talk.net.place(talk.door, Translator(DOOR[0], DOOR_OUTSIDE))
    talk.net.place(talk.phone, Translator(PHONE[0], PHONE_OUTSIDE))
    talk.begin()
    assert (final(talk.door), final(talk.phone)) == ([PHONE_OUTSIDE], [DOOR_OUTSIDE])
    assert talk.net.now == 5.0


def test_a_translator_that_gives_each_side_another_port_is_met_where_its_checks_come_from() -> None:
    talk = Talk(*sessions(host(DOOR, DOOR_OUTSIDE), host(PHONE, PHONE_OUTSIDE)))
    talk.net.place(talk.door, Translator(DOOR[0], DOOR_OUTSIDE, is_symmetric=True))
    talk.begin()  # the phone is on the open network, under both addresses of its description only the inner one exists
    (met,) = final(talk.phone)
    assert met[0] == DOOR_OUTSIDE[0]
    assert met != DOOR_OUTSIDE  # RFC 8445 §7.3.1.3: peer-reflexive
    selected = talk.agents[PHONE].selected
    assert selected is not None
    assert (selected.kind, selected.priority) == (Kind.PEER_REFLEXIVE, PEER_PRIORITY)


def test_the_better_of_two_ways_is_nominated_though_the_other_works_first() -> None:
    relay = Side(("203.0.113.200", 3478), lambda _datagram, _source, _now: [])
    talk = Talk(*sessions(host(DOOR), (*host(PHONE), relayed(relay.address))))
    talk.net.place(relay)

    def through(datagram: bytes, source: Address, now: float) -> list[Effect]:
        agent = talk.agents[PHONE]
        if source != DOOR:
            return []
        # As a TURN server would: the phone answers through it.
        agent.receive(datagram, source, now)
        effects = agent.take_effects()
        answers = [each for each in effects if isinstance(each, Send)]
        talk.net.do(relay, [*answers])
        return []

    relay.handle = through
    talk.begin()
    assert final(talk.door) == [PHONE]


@pytest.mark.parametrize("both_control", [True, False])
@pytest.mark.parametrize("seeds", [(1, 2), (2, 1), (5, 9)])
def test_a_conflict_of_roles_ends_with_one_of_each(*, both_control: bool, seeds: tuple[int, int]) -> None:
    door, phone = sessions(host(DOOR), host(PHONE), door_controls=both_control, phone_controls=both_control)
    talk = Talk(door, phone)
    talk.agents[DOOR], talk.agents[PHONE] = agent_of(door, seeds[0]), agent_of(phone, seeds[1])
    talk.net.place(side_of(DOOR, talk.agents[DOOR]))
    talk.door, talk.phone = side_of(DOOR, talk.agents[DOOR]), side_of(PHONE, talk.agents[PHONE])
    talk.net.place(talk.door)
    talk.net.place(talk.phone)
    talk.begin(until_s=10)
    assert (final(talk.door), final(talk.phone)) == ([PHONE], [DOOR])


def test_a_lite_phone_is_checked_and_told_the_way() -> None:
    door, phone = sessions(host(DOOR), host(PHONE))
    talk = Talk(door, phone)
    nominated: list[Address] = []

    def lite(datagram: bytes, source: Address, _now: float) -> list[Effect]:
        verdict = judge(datagram, source, phone)
        if verdict.nominated:
            nominated.append(source)
        return [Send(verdict.answer, source)] if verdict.answer else []

    talk.phone.handle = lite
    agent = talk.agents.pop(PHONE)
    agent.start(0)
    talk._start(talk.door)
    talk.net.run(talk.agents, 5)
    assert final(talk.door) == [PHONE]
    assert nominated == [DOOR]


@pytest.mark.parametrize("seed", range(30))
def test_lost_checks_are_repeated_until_both_agree(seed: int) -> None:
    network = Network(seed=seed, loss=0.3)
    talk = Talk(*sessions(host(DOOR, DOOR_OUTSIDE), host(PHONE, PHONE_OUTSIDE), door_controls=seed % 2 == 0), network)
    talk.net.place(talk.door, Translator(DOOR[0], DOOR_OUTSIDE))
    talk.net.place(talk.phone, Translator(PHONE[0], PHONE_OUTSIDE))
    talk.begin(until_s=60)
    assert final(talk.door)[-1:] == [PHONE_OUTSIDE]
    assert final(talk.phone)[-1:] == [DOOR_OUTSIDE]


def test_no_way_is_told_once_after_the_last_repetition() -> None:
    talk = Talk(*sessions(host(DOOR), host(PHONE)))
    talk.net.closed = {DOOR, PHONE}
    talk.begin(until_s=30)
    assert talk.door.used == []
    assert talk.agents[DOOR].next_deadline() is not None
    talk.net.run(talk.agents, 100)
    assert talk.door.has_no_way
    assert talk.door.used == []
    assert len([each for each in talk.net.carried if each[1] == PHONE]) == 7  # RFC 8489 §6.2.1: Rc
    assert talk.agents[DOOR].next_deadline() is None


def test_a_way_that_opens_late_is_still_found() -> None:
    talk = Talk(*sessions(host(DOOR), host(PHONE)))
    talk.net.closed = {DOOR, PHONE}
    talk.begin(until_s=70)
    assert talk.door.used == []
    talk.net.closed = set()
    check = request(bytes(12), sessions(host(DOOR), host(PHONE))[1], 7, nominates=False)
    talk.net.do(talk.door, talk.door.handle(check, PHONE, talk.net.now))
    talk.net.run(talk.agents, 80)
    assert final(talk.door) == [PHONE]


def test_checks_leave_one_after_the_other() -> None:
    candidates = tuple(Candidate(Kind.HOST, f"10.0.1.{n}", 4000, 1000 + n, str(n)) for n in range(10))
    door, _ = sessions(host(DOOR), candidates)
    agent = agent_of(door, 1)
    agent.start(0.0)
    sent = []
    for step in range(10):
        sent.append([each.to[0] for each in agent.take_effects() if isinstance(each, Send)])
        agent.handle_timer(0.05 * (step + 1))
    assert sent == [[f"10.0.1.{n}"] for n in reversed(range(10))]  # RFC 8445 §6.1.4.2: the best first, Ta between


def test_of_one_foundation_the_best_is_checked_and_the_rest_when_it_worked() -> None:
    one, two = Candidate(Kind.HOST, "10.0.1.1", 4000, 2000, "same"), Candidate(Kind.HOST, "10.0.1.2", 4000, 1000, "same")
    other = Candidate(Kind.HOST, "10.0.1.3", 4000, 500, "other")
    door, phone = sessions(host(DOOR), (one, two, other))
    agent = agent_of(door, 1)
    agent.start(0.0)
    (first,) = agent.take_effects()
    assert isinstance(first, Send)
    assert first.to == ("10.0.1.1", 4000)
    agent.receive(judge(first.datagram, DOOR, phone).answer, first.to, 0.02)
    agent.handle_timer(0.05)
    sent = [each.to[0] for each in agent.take_effects() if isinstance(each, Send)]
    assert sent[-1] in {"10.0.1.1", "10.0.1.2"}


def test_only_ways_within_a_family_that_we_have_are_checked() -> None:
    six, four = Candidate(Kind.HOST, "2001:db8::7", 4000, 2000, "6"), Candidate(Kind.HOST, "10.0.0.7", 4000, 1000, "4")
    for ours, expected in (
        (host(DOOR), {"10.0.0.7"}),
        (local_candidates(*DOOR, None, ("2001:db8::5",)), {"10.0.0.7", "2001:db8::7"}),
    ):
        agent = agent_of(sessions(ours, (six, four))[0], 1)
        agent.start(0.0)
        for step in range(40):
            agent.handle_timer(0.05 * step)
        assert {each.to[0] for each in agent.take_effects() if isinstance(each, Send)} == expected  # RFC 8445 §6.1.2.2


def test_without_a_candidate_of_our_family_there_is_no_way() -> None:
    agent = agent_of(sessions(host(DOOR), (Candidate(Kind.HOST, "2001:db8::7", 4000, 2000, "6"),))[0], 1)
    agent.start(0.0)
    agent.handle_timer(NO_WAY_S - 0.1)
    assert agent.take_effects() == []  # RFC 8863 §4
    assert agent.next_deadline() == NO_WAY_S
    agent.handle_timer(NO_WAY_S)
    assert agent.take_effects() == [NoWay()]
    assert agent.next_deadline() is None


@pytest.mark.parametrize("door_controls", [True, False])
def test_a_phone_that_names_no_address_that_we_understand_is_met_where_its_checks_come_from(*, door_controls: bool) -> None:
    """Browsers hide their addresses behind names that only their own network resolves, or tell them later."""
    door, phone = sessions(host(DOOR), host(PHONE), door_controls=door_controls)
    talk = Talk(door._replace(remote=()), phone)
    talk.begin()
    assert (final(talk.door), final(talk.phone)) == ([PHONE], [DOOR])
    assert (selected := talk.agents[DOOR].selected) is not None
    assert selected.kind is Kind.PEER_REFLEXIVE
    assert not talk.door.has_no_way


@pytest.mark.parametrize("kind", ["other source", "wrong password", "unknown transaction", "no address"])
def test_an_answer_that_is_not_what_it_should_be_proves_no_way(kind: str) -> None:
    door, phone = sessions(host(DOOR), host(PHONE))
    agent = agent_of(door, 1)
    agent.start(0.0)
    (sent,) = agent.take_effects()
    assert isinstance(sent, Send)
    asked = parse(sent.datagram)
    assert asked is not None
    key = bytes(12) if kind == "unknown transaction" else asked.transaction_id
    mapped = () if kind == "no address" else (xor_mapped_address(DOOR, key),)
    password = "wrong" if kind == "wrong password" else phone.ours.pwd
    answer = message(BINDING_SUCCESS, key, *mapped, password=password, fingerprint=True)
    agent.receive(answer, ("203.0.113.66", 1) if kind == "other source" else PHONE, 0.02)
    agent.handle_timer(NO_WAY_S)
    effects = agent.take_effects()
    assert not [each for each in effects if isinstance(each, Use)]
    # RFC 8445 §7.2.5.2.1 fails the pair; what is not authentic is as if it had never come.
    assert (NoWay() in effects) == (kind in {"other source", "no address"})


def test_a_flood_of_checks_from_everywhere_stays_within_its_bounds() -> None:
    door, phone = sessions(host(DOOR), host(PHONE))
    agent = agent_of(door, 1)
    agent.start(0.0)
    chance = random.Random(1)
    for n in range(2000):
        source = (f"10.9.{n % 200}.{n // 200}", 1000 + n)
        agent.receive(request(chance.randbytes(12), phone, 7, nominates=True), source, n * 0.01)
        agent.take_effects()
    assert len(agent._pairs) == PAIRS_MAX
    assert len(agent._tries) <= TRIES_MAX
    assert len(agent._triggered) <= PAIRS_MAX
