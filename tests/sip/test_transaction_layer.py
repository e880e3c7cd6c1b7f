"""Messages find their transaction, tables have limits: RFC 3261 §17.1.3, §17.2.3, §18.2.2, §8.2.2.2."""

from __future__ import annotations

import pytest

from firmware.sip.events import FlowId, Hop, Send, Transport
from firmware.sip.headers import Via
from firmware.sip.message import Request, Response, make_response, parse_message
from firmware.sip.timers import PATIENCE_S, TimerQueue
from firmware.sip.transaction import layer as layer_module
from firmware.sip.transaction.actions import Failure
from firmware.sip.transaction.layer import ClientTransaction, ServerTransaction, TransactionLayer, response_hop
from firmware.sip.transaction.matching import client_key, merge_key, server_key

HOP = Hop(transport=Transport.UDP, host="192.0.2.9", port=5060, local_host="192.0.2.1", local_port=5060)


def request(
    method: str = "OPTIONS", *, branch: str = ";branch=z9hG4bKx", call_id: str = "c", cseq: int = 1, host: str = "192.0.2.9"
) -> Request:
    text = (
        f"{method} sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}{branch}\r\nFrom: <sip:b@c>;tag=f\r\nTo: <sip:a@b>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\r\n"
    )
    message = parse_message(text.encode())
    assert isinstance(message, Request)
    return message


class User:
    """Both kinds of transaction user; it notes what it is told."""

    def __init__(self) -> None:
        self.requests: list[ServerTransaction] = []
        self.acks: list[Request] = []
        self.responses: list[int] = []
        self.failures: list[Failure] = []

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        self.requests.append(transaction)

    def receive_ack(self, ack: Request, source: Hop, now_s: float) -> None:
        self.acks.append(ack)

    def receive_response(self, transaction: ClientTransaction, response: Response, source: Hop, now_s: float) -> None:
        self.responses.append(response.status)

    def receive_failure(self, transaction: ClientTransaction, failure: Failure, now_s: float) -> None:
        self.failures.append(failure)


class Bench:
    def __init__(self) -> None:
        self.sent: list[Send] = []
        self.timers = TimerQueue()
        self.user = User()
        self.layer = TransactionLayer(self.timers, self.sent.append, self.user)

    def run(self, until_s: float) -> None:
        while (due := self.timers.pop_due(until_s)) is not None:
            due[0].handle_timer(due[1], until_s)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- matching


def test_a_response_matches_by_branch_and_method() -> None:
    assert client_key(make_response(request(), 200)) == client_key(request())
    assert client_key(request("CANCEL")) != client_key(request("INVITE"))


def test_a_request_matches_by_branch_sender_and_method() -> None:
    assert server_key(request()) == server_key(request())
    assert server_key(request("ACK")) == server_key(request("INVITE"))
    assert server_key(request("CANCEL")) != server_key(request("INVITE"))
    assert server_key(request("CANCEL"), "INVITE") == server_key(request("INVITE"))
    assert server_key(request(host="192.0.2.10")) != server_key(request())
    assert server_key(request(branch=";branch=z9hG4bKy")) != server_key(request())


def test_a_branch_that_is_used_twice_does_not_tie_two_requests_together() -> None:
    assert server_key(request(call_id="d")) != server_key(request())
    assert server_key(request(cseq=2)) != server_key(request())


@pytest.mark.parametrize("branch", ["", ";branch=1", ";branch=z9hG4bK"])
def test_a_peer_of_rfc_2543_is_matched_by_its_headers(branch: str) -> None:
    assert server_key(request(branch=branch)) == server_key(request(branch=branch))
    assert server_key(request("ACK", branch=branch)) == server_key(request("INVITE", branch=branch))
    assert server_key(request(branch=branch, call_id="d")) != server_key(request(branch=branch))


def test_the_same_request_over_two_ways_is_known_by_its_tag_call_and_number() -> None:
    assert merge_key(request(branch=";branch=z9hG4bKy")) == merge_key(request())
    assert merge_key(request(cseq=2)) != merge_key(request())


# --- where responses go


def test_responses_go_to_the_source_port_only_with_rport() -> None:
    source = Hop(transport=Transport.UDP, host="192.0.2.9", port=40000, local_host="192.0.2.1", local_port=5060)
    assert response_hop(Via.parse("SIP/2.0/UDP x;rport;branch=z"), source).port == 40000
    assert response_hop(Via.parse("SIP/2.0/UDP x:5070;branch=z"), source).port == 5070
    assert response_hop(Via.parse("SIP/2.0/UDP x;branch=z"), source).port == 5060


def test_responses_use_the_connection_of_their_request() -> None:
    source = Hop(transport=Transport.TCP, host="192.0.2.9", port=40000, local_host="192.0.2.1", local_port=5060, flow=FlowId(3))
    assert response_hop(Via.parse("SIP/2.0/TCP x:5070;branch=z"), source) == source


# --- the tables


def test_a_repeated_request_reaches_the_user_once(bench: Bench) -> None:
    for _ in range(2):
        bench.layer.receive_request(request(), HOP, 0.0)
    (transaction,) = bench.user.requests
    transaction.respond(make_response(request(), 200), 0.0)
    bench.layer.receive_request(request(), HOP, 0.1)
    assert len(bench.sent) == 2
    bench.run(40.0)
    assert len(bench.layer) == 0


def test_an_ack_without_transaction_goes_to_the_user(bench: Bench) -> None:
    bench.layer.receive_request(request("ACK"), HOP, 0.0)
    assert len(bench.user.acks) == 1
    assert len(bench.layer) == 0


def test_the_ack_of_a_refusal_stays_in_its_transaction(bench: Bench) -> None:
    bench.layer.receive_request(request("INVITE"), HOP, 0.0)
    bench.user.requests[0].respond(make_response(request("INVITE"), 486, to_tag="t"), 0.0)
    bench.layer.receive_request(request("ACK"), HOP, 0.0)
    assert bench.user.acks == []


def test_the_ack_of_a_2xx_goes_to_the_user_even_under_the_branch_of_its_invite(bench: Bench) -> None:
    bench.layer.receive_request(request("INVITE"), HOP, 0.0)
    bench.user.requests[0].respond(make_response(request("INVITE"), 200, to_tag="t"), 0.0)
    bench.layer.receive_request(request("ACK"), HOP, 0.0)
    assert len(bench.user.acks) == 1


def test_a_stray_response_is_nobodys(bench: Bench) -> None:
    assert not bench.layer.receive_response(make_response(request(), 200), HOP, 0.0)


def test_a_full_table_forgets_the_oldest_answered_request_first(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_module, "SERVERS_MAX", 2)
    for number in range(4):
        bench.layer.receive_request(request(call_id=f"c{number}"), HOP, 0.0)
        bench.user.requests[-1].respond(make_response(request(call_id=f"c{number}"), 200), 0.0)
    assert len(bench.user.requests) == 4
    assert len(bench.layer) == 2


def test_a_table_full_of_open_requests_answers_503_without_state(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_module, "SERVERS_MAX", 1)
    bench.layer.receive_request(request("INVITE", call_id="c1"), HOP, 0.0)
    bench.layer.receive_request(request("INVITE", call_id="c2"), HOP, 0.0)
    assert len(bench.user.requests) == 1
    assert b"SIP/2.0 503" in bench.sent[0].data
    assert b"Retry-After: 5" in bench.sent[0].data


def test_answered_requests_are_kept_for_their_time_and_end_many_at_a_wake_up(bench: Bench) -> None:
    # RFC 3261 §17.2.2: timer J is 64*T1 over an unreliable transport.
    for number in range(300):  # three seconds of them
        bench.layer.receive_request(request("MESSAGE", branch=f";branch=z9hG4bK{number}", call_id=str(number)), HOP, number / 100)
        bench.user.requests[-1].respond(make_response(bench.user.requests[-1].request, 200), number / 100)
    left = []
    while (due_s := bench.timers.next_deadline()) is not None:
        bench.run(due_s)
        left.append((due_s, len(bench.layer)))
    assert all(kept == sum(number / 100 + 32.0 > due_s for number in range(300)) for due_s, kept in left)
    assert left[-1][1] == 0
    assert len(left) <= 5


def test_a_few_answered_requests_wake_nobody(bench: Bench) -> None:
    bench.layer.receive_request(request("MESSAGE"), HOP, 0.0)
    bench.user.requests[-1].respond(make_response(bench.user.requests[-1].request, 200), 0.0)
    assert bench.timers.next_deadline() == 32.0 + PATIENCE_S
    assert bench.timers.pop_due(31.9) is None
    bench.run(32.0)  # something else has woken the program
    assert len(bench.layer) == 0


def test_a_transport_error_reaches_every_transaction_of_that_hop(bench: Bench) -> None:
    other = Hop(transport=Transport.UDP, host="192.0.2.8", port=5060, local_host="192.0.2.1", local_port=5060)
    bench.layer.request(request(branch=";branch=z9hG4bK1"), HOP, bench.user, 0.0)
    bench.layer.request(request(branch=";branch=z9hG4bK2"), other, bench.user, 0.0)
    bench.layer.undeliverable(HOP, 0.1)
    assert bench.user.failures == [Failure.TRANSPORT]


def test_a_closed_connection_fails_what_waits_on_it(bench: Bench) -> None:
    tcp = Hop(transport=Transport.TCP, host="192.0.2.9", port=5060, local_host="192.0.2.1", local_port=5060, flow=FlowId(1))
    bench.layer.request(request(branch=";branch=z9hG4bK1"), tcp, bench.user, 0.0)
    bench.layer.flow_closed(FlowId(2), 0.1)
    assert bench.user.failures == []
    bench.layer.flow_closed(FlowId(1), 0.1)
    assert bench.user.failures == [Failure.TRANSPORT]


def test_an_abandoned_transaction_leaves_no_timer(bench: Bench) -> None:
    bench.layer.request(request("INVITE"), HOP, bench.user, 0.0).abandon()
    assert (len(bench.layer), len(bench.timers)) == (0, 0)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_every_transaction_ends_by_itself(bench: Bench, method: str) -> None:
    bench.layer.request(request(method), HOP, bench.user, 0.0)
    for second in range(1, 200):
        bench.run(float(second))
    assert bench.user.failures == [Failure.TIMEOUT]
    assert (len(bench.layer), len(bench.timers)) == (0, 0)
