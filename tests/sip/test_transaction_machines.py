"""The four transaction machines as tables of input and output: RFC 3261 §17, RFC 6026, RFC 4320."""

from __future__ import annotations

import pytest

from firmware.sip.message import Request, Response, make_response, parse_message
from firmware.sip.timers import Timer
from firmware.sip.transaction import client, invite_client, invite_server, server
from firmware.sip.transaction.actions import Action, Deliver, Expired, Fail, Failure, Start, Stop, Terminated, Transmit, Undeliverable


def request(method: str) -> Request:
    text = (
        f"{method} sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nRoute: <sip:p;lr>\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@b>;tag=a\r\nTo: <sip:bob@192.0.2.9>\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n\r\n"
    )
    message = parse_message(text.encode())
    assert isinstance(message, Request)
    return message


INVITE, ACK, BYE = request("INVITE"), request("ACK"), request("BYE")


def answer(status: int, to: Request = INVITE) -> Response:
    return make_response(to, status, to_tag="t")


def brief(actions: tuple[Action, ...]) -> list[str]:
    """Actions as short words."""
    words = []
    for action in actions:
        match action:
            case Transmit(message=message):
                words.append(f"send {message.method if isinstance(message, Request) else message.status}")
            case Deliver(response=response):
                words.append(f"deliver {response.status}")
            case Start(timer=timer, after_s=after_s):
                words.append(f"start {timer.name} {after_s:g}")
            case Stop(timer=timer):
                words.append(f"stop {timer.name}")
            case Fail(failure=failure):
                words.append(f"fail {failure.name}")
    return words


class TestInviteClient:
    """RFC 3261 figure 5 with RFC 6026 figure 4."""

    def after(self, *events: invite_client.Input, reliable: bool = False) -> tuple[invite_client.State, list[str]]:
        state, actions = invite_client.begin(INVITE, reliable=reliable)
        for event in events:
            state, actions = invite_client.handle(state, event)
        return state, brief(actions)

    def test_the_request_is_sent_and_both_timers_start(self) -> None:
        assert brief(invite_client.begin(INVITE, reliable=False)[1]) == ["send INVITE", "start A 0.5", "start B 32"]

    def test_over_a_reliable_transport_nothing_is_repeated(self) -> None:
        assert brief(invite_client.begin(INVITE, reliable=True)[1]) == ["send INVITE", "start B 32"]

    def test_the_gap_doubles_without_limit(self) -> None:
        gaps = [self.after(*[Expired(Timer.A)] * count)[1] for count in (1, 2, 5)]
        assert gaps == [["send INVITE", "start A 1"], ["send INVITE", "start A 2"], ["send INVITE", "start A 16"]]

    def test_timer_b_gives_up(self) -> None:
        state, actions = self.after(Expired(Timer.B))
        assert isinstance(state, Terminated)
        assert actions == ["fail TIMEOUT"]

    def test_a_transport_error_gives_up(self) -> None:
        assert self.after(Undeliverable())[1] == ["fail TRANSPORT"]

    def test_a_provisional_response_stops_both_timers(self) -> None:
        assert self.after(answer(180))[1] == ["stop A", "stop B", "deliver 180"]

    def test_a_transport_error_after_a_provisional_response_changes_nothing(self) -> None:
        state, actions = self.after(answer(180), Undeliverable())
        assert isinstance(state, invite_client.Proceeding)
        assert actions == []

    @pytest.mark.parametrize("before", [(), (answer(183),)])
    def test_a_2xx_waits_for_other_forks_for_timer_m(self, before: tuple[Response, ...]) -> None:
        state, actions = self.after(*before, answer(200))
        assert isinstance(state, invite_client.Accepted)
        assert actions == ["stop A", "stop B", "start M 32", "deliver 200"]
        assert brief(invite_client.handle(state, answer(200))[1]) == ["deliver 200"]
        assert brief(invite_client.handle(state, answer(486))[1]) == []
        assert isinstance(invite_client.handle(state, Undeliverable())[0], invite_client.Accepted)
        assert isinstance(invite_client.handle(state, Expired(Timer.M))[0], Terminated)

    @pytest.mark.parametrize(("reliable", "wait"), [(False, "start D 32"), (True, "start D 0")])
    def test_a_refusal_is_acknowledged_and_its_repetitions_too(self, *, reliable: bool, wait: str) -> None:
        state, actions = self.after(answer(486), reliable=reliable)
        assert actions == ["stop A", "stop B", "send ACK", wait, "deliver 486"]
        assert brief(invite_client.handle(state, answer(486))[1]) == ["send ACK"]
        assert brief(invite_client.handle(state, answer(180))[1]) == []
        assert isinstance(invite_client.handle(state, Expired(Timer.D))[0], Terminated)

    def test_nothing_happens_after_the_end(self) -> None:
        assert self.after(Expired(Timer.B), answer(200))[1] == []

    def test_the_ack_of_a_refusal_follows_17_1_1_3(self) -> None:
        ack = invite_client.make_ack(INVITE, answer(486))
        assert (ack.method, ack.uri, ack.via, ack.cseq.number, ack.cseq.method) == ("ACK", INVITE.uri, INVITE.via, 7, "ACK")
        assert ack.to.tag == "t"
        assert ack.get("Route") == "<sip:p;lr>"

    def test_cancel_follows_9_1(self) -> None:
        cancel = invite_client.make_cancel(INVITE, "SIP;cause=200")
        assert (cancel.method, cancel.uri, cancel.via, str(cancel.cseq)) == ("CANCEL", INVITE.uri, INVITE.via, "7 CANCEL")
        assert cancel.to.tag is None
        assert (cancel.get("Route"), cancel.get("Reason")) == ("<sip:p;lr>", "SIP;cause=200")
        assert invite_client.make_cancel(INVITE).get("Reason") is None


class TestClient:
    """RFC 3261 figure 6."""

    def after(self, *events: client.Input, reliable: bool = False) -> tuple[client.State, list[str]]:
        state, actions = client.begin(BYE, reliable=reliable)
        for event in events:
            state, actions = client.handle(state, event)
        return state, brief(actions)

    def test_the_request_is_sent_and_both_timers_start(self) -> None:
        assert self.after()[1] == ["send BYE", "start E 0.5", "start F 32"]
        assert self.after(reliable=True)[1] == ["send BYE", "start F 32"]

    def test_the_gap_doubles_up_to_t2(self) -> None:
        assert [self.after(*[Expired(Timer.E)] * count)[1][1] for count in (1, 2, 3, 4)] == [
            "start E 1",
            "start E 2",
            "start E 4",
            "start E 4",
        ]

    def test_after_a_provisional_response_the_gap_is_t2(self) -> None:
        assert self.after(answer(100, BYE))[1] == ["deliver 100"]
        assert self.after(answer(100, BYE), Expired(Timer.E))[1] == ["send BYE", "start E 4"]

    @pytest.mark.parametrize("before", [(), (answer(100, BYE),)])
    def test_timer_f_gives_up(self, before: tuple[Response, ...]) -> None:
        assert self.after(*before, Expired(Timer.F)) == (Terminated(), ["fail TIMEOUT"])

    def test_a_transport_error_gives_up(self) -> None:
        assert self.after(Undeliverable())[1] == ["fail TRANSPORT"]

    def test_a_final_response_is_delivered_once(self) -> None:
        state, actions = self.after(answer(200, BYE))
        assert actions == ["stop E", "stop F", "start K 5", "deliver 200"]
        assert client.handle(state, answer(200, BYE)) == (state, ())
        assert client.handle(state, Expired(Timer.K))[0] == Terminated()
        assert client.handle(Terminated(), answer(200, BYE)) == (Terminated(), ())


class TestInviteServer:
    """RFC 3261 figure 7 with RFC 6026 figure 3."""

    def after(self, *events: invite_server.Input, reliable: bool = False) -> tuple[invite_server.State, list[str]]:
        state, actions = invite_server.begin(reliable=reliable)
        for event in events:
            state, actions = invite_server.handle(state, event)
        return state, brief(actions)

    def test_a_repeated_request_gets_the_newest_provisional_response(self) -> None:
        assert self.after(INVITE)[1] == []
        assert self.after(answer(100), answer(180), INVITE)[1] == ["send 180"]

    def test_a_refusal_is_repeated_with_doubling_gaps_up_to_t2(self) -> None:
        assert self.after(answer(486))[1] == ["send 486", "start G 0.5", "start H 32"]
        gaps = [self.after(answer(486), *[Expired(Timer.G)] * count)[1][1] for count in (1, 2, 3, 4)]
        assert gaps == ["start G 1", "start G 2", "start G 4", "start G 4"]

    def test_over_a_reliable_transport_a_refusal_is_sent_once(self) -> None:
        assert self.after(answer(486), reliable=True)[1] == ["send 486", "start H 32"]

    def test_a_repeated_request_gets_the_refusal_again(self) -> None:
        assert self.after(answer(486), INVITE)[1] == ["send 486"]

    def test_the_ack_ends_the_repetition(self) -> None:
        state, actions = self.after(answer(486), ACK)
        assert actions == ["stop G", "stop H", "start I 5"]
        assert invite_server.handle(state, ACK) == (state, ())
        assert invite_server.handle(state, Expired(Timer.I))[0] == Terminated()

    def test_without_ack_timer_h_gives_up(self) -> None:
        assert self.after(answer(486), Expired(Timer.H)) == (Terminated(), ["fail TIMEOUT"])

    def test_a_2xx_absorbs_repeated_requests_and_lets_repeated_2xx_through(self) -> None:
        state, actions = self.after(answer(200))
        assert actions == ["send 200", "start L 32"]
        assert brief(invite_server.handle(state, INVITE)[1]) == []
        assert brief(invite_server.handle(state, answer(200))[1]) == ["send 200"]
        assert brief(invite_server.handle(state, answer(486))[1]) == []
        assert invite_server.handle(state, Expired(Timer.L))[0] == Terminated()

    def test_a_transport_error_is_told_and_survived(self) -> None:
        for before in ((), (answer(200),)):
            state, actions = self.after(*before, Undeliverable())
            assert actions == ["fail TRANSPORT"]
            assert not isinstance(state, Terminated)

    def test_an_ack_before_any_answer_is_ignored(self) -> None:
        assert self.after(ACK)[1] == []

    def test_nothing_happens_after_the_end(self) -> None:
        assert invite_server.handle(Terminated(), INVITE) == (Terminated(), ())


class TestServer:
    """RFC 3261 figure 8, as RFC 4320 narrows it."""

    def after(self, *events: server.Input, reliable: bool = False) -> tuple[server.State, list[str]]:
        state, actions = server.begin(reliable=reliable)
        for event in events:
            state, actions = server.handle(state, event)
        return state, brief(actions)

    def test_a_repeated_request_gets_the_answer_again(self) -> None:
        assert self.after(BYE)[1] == []
        assert self.after(answer(200, BYE))[1] == ["send 200", "start J 32"]
        assert self.after(answer(200, BYE), BYE)[1] == ["send 200"]
        assert self.after(answer(200, BYE), answer(500, BYE))[1] == []

    def test_timer_j_ends_it_at_once_over_reliable_transports(self) -> None:
        assert self.after(answer(200, BYE), reliable=True)[1] == ["send 200", "start J 0"]
        assert self.after(answer(200, BYE), Expired(Timer.J))[0] == Terminated()

    def test_no_provisional_response_is_sent(self) -> None:
        assert self.after(answer(100, BYE))[1] == []

    def test_408_is_never_sent(self) -> None:
        assert self.after(answer(408, BYE)) == (Terminated(), [])

    def test_a_transport_error_ends_it(self) -> None:
        assert self.after(Undeliverable())[1] == ["fail TRANSPORT"]
        assert self.after(answer(200, BYE), Undeliverable())[1] == ["fail TRANSPORT"]
        assert server.handle(Terminated(), BYE) == (Terminated(), ())


def test_failures_are_words_for_people() -> None:
    assert [failure.value for failure in Failure] == ["no answer", "could not be sent"]
