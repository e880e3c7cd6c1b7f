"""firmware/stun/turn.py and allocation.py against a server in memory, in virtual time (RFC 8656)."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.stun.allocation import (
    BIND_EVERY_S,
    PEERS_MAX,
    RELIABLE_S,
    REQUESTS_MAX,
    Allocated,
    Allocation,
    Effect,
    Failed,
    Received,
    Send,
)
from firmware.stun.message import message, parse
from firmware.stun.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_FIRST,
    CHANNEL_LAST,
    REFRESH,
    SUCCESS,
    Login,
    Relayed,
    channel_data,
    lifetime,
    read_relayed,
)
from tests.stun.turn_server import LOGIN, MAPPED, RELAYED, TurnServer

PEER, OTHER = ("203.0.113.9", 4000), ("203.0.113.10", 4002)


class Client:
    """The allocation and its server; a clock that moves when told."""

    def __init__(self, server: TurnServer | None = None, login: Login = LOGIN) -> None:
        self.server = server or TurnServer()
        self.is_cut = False
        numbers = count(1)
        self.allocation = Allocation(login, transaction_id=lambda: next(numbers).to_bytes(12, "big"))
        self.now = 100.0
        self.sent: list[bytes] = []
        self.told: list[Effect] = []
        self.allocation.start(self.now)
        self.carry()

    def carry(self) -> None:
        while effects := self.allocation.take_effects():
            for effect in effects:
                if not isinstance(effect, Send):
                    self.told.append(effect)
                    continue
                self.sent.append(effect.datagram)
                if not self.is_cut:
                    for answer in self.server.handle(effect.datagram):
                        self.allocation.receive(answer, self.now)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.allocation.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.allocation.handle_timer(self.now)
            self.carry()
        self.now = end

    def permit(self, peer: tuple[str, int] = PEER) -> None:
        self.allocation.permit(peer, self.now)
        self.carry()


def test_an_address_is_had_after_one_challenge() -> None:
    client = Client()
    assert client.told == [Allocated(RELAYED, MAPPED)]
    assert client.allocation.relayed == RELAYED
    assert client.server.asked == [ALLOCATE, ALLOCATE]  # RFC 8489 §9.2.3: the first without credentials


def test_the_key_is_that_of_the_standard() -> None:
    # RFC 8489 §9.2.2: user "user", realm "realm", password "pass".
    assert Login("user", "pass", b"realm").key.hex() == "8493fbc53ba582fb4c044c456bdc40eb"
    assert "pass" not in repr(Login("user", "pass"))
    assert "pass" not in str(Login("user", "pass"))


def test_a_wrong_password_is_told_and_not_tried_again() -> None:
    client = Client(login=LOGIN._replace(password="wrong"))
    assert client.told == [Failed("the password is not right")]
    assert client.server.asked == [ALLOCATE, ALLOCATE]
    client.advance(1000)
    assert client.server.asked == [ALLOCATE, ALLOCATE]
    assert client.allocation.next_deadline() is None


@pytest.mark.parametrize("status", [403, 437, 486, 508])
def test_a_refusal_is_told(status: int) -> None:
    server = TurnServer()
    server.refuses = status
    assert Client(server).told == [Failed(f"it refuses with {status}")]


def test_a_silent_server_is_asked_seven_times() -> None:
    client = Client()
    client.is_cut = True
    client.sent.clear()
    client.told.clear()
    client.allocation = Allocation(LOGIN, transaction_id=lambda: bytes(12))
    client.allocation.start(client.now)
    client.carry()
    client.advance(31)
    assert (len(client.sent), client.told) == (6, [])
    client.advance(100)
    assert (len(client.sent), client.told) == (REQUESTS_MAX, [Failed("it does not answer")])


def test_it_is_refreshed_a_minute_before_its_end_for_as_long_as_wanted() -> None:
    client = Client()
    client.server.asked.clear()
    client.advance(539)
    assert client.server.asked == []
    client.advance(1)
    assert client.server.asked == [REFRESH]  # RFC 8656 §8
    client.advance(5400)
    assert client.server.asked == [REFRESH] * 11
    assert client.told == [Allocated(RELAYED, MAPPED)]


def test_a_short_lifetime_is_refreshed_half_way() -> None:
    client = Client(TurnServer(granted_s=40))
    client.advance(20)
    assert client.server.asked[-1] == REFRESH


def test_a_nonce_that_has_run_out_is_replaced() -> None:
    client = Client()
    client.server.nonce = b"nonce-2"
    client.advance(540)
    assert client.server.asked[-2:] == [REFRESH, REFRESH]
    assert client.told == [Allocated(RELAYED, MAPPED)]


def test_a_server_that_never_likes_its_own_nonce_is_given_up() -> None:
    client = Client()
    handle = client.server.handle

    def fickle(datagram: bytes) -> list[bytes]:
        client.server.nonce += b"x"
        return handle(datagram)

    client.server.handle = fickle  # type: ignore[method-assign]
    client.advance(540)
    assert client.told[1:] == [Failed("it refuses with 438")]


def test_data_goes_through_a_channel_and_comes_through_it() -> None:
    client = Client()
    client.permit()
    assert client.server.channels == {CHANNEL_FIRST: PEER}
    client.allocation.send(b"sound", PEER)
    client.carry()
    assert client.server.passed_on == [(PEER, b"sound")]
    assert client.sent[-1] == channel_data(CHANNEL_FIRST, b"sound")
    client.allocation.receive(client.server.from_peer(PEER, b"back"), client.now)
    assert client.allocation.take_effects() == [Received(b"back", PEER)]


def test_what_comes_as_an_indication_counts_from_every_port_of_an_address_that_may_send() -> None:
    """RFC 8656 §9: a permission is for an address, a channel for one of its ports; §11.4: without a permission it is discarded."""
    client = Client()
    client.permit()
    another = (PEER[0], PEER[1] + 1)
    for peer in (another, OTHER):
        client.allocation.receive(client.server.from_peer(peer, b"\x80early"), client.now)
    assert client.allocation.take_effects() == [Received(b"\x80early", another)]


def test_before_the_channel_stands_nothing_is_sent() -> None:
    client = Client()
    client.is_cut = True
    client.permit()
    client.sent.clear()
    client.allocation.send(b"early", PEER)
    client.allocation.send(b"unknown", OTHER)
    client.carry()
    assert client.sent == []


def test_channels_are_bound_anew_before_their_permission_ends() -> None:
    client = Client()
    client.permit()
    client.permit()  # known
    client.server.asked.clear()
    client.advance(BIND_EVERY_S)
    assert client.server.asked == [CHANNEL_BIND]
    client.advance(4 * BIND_EVERY_S)
    assert client.server.asked.count(CHANNEL_BIND) == 5
    assert BIND_EVERY_S + 32 < 300  # RFC 8656 §9: also when the last repetition alone arrives


def test_a_refused_channel_loses_its_peer_and_nothing_else() -> None:
    client = Client()
    client.permit()
    client.server.refuses = 403
    client.permit(OTHER)
    client.server.refuses = 0
    client.allocation.send(b"to the one", PEER)
    client.allocation.send(b"to the other", OTHER)
    client.carry()
    assert client.server.passed_on == [(PEER, b"to the one")]
    assert client.told == [Allocated(RELAYED, MAPPED)]


def test_the_number_of_channels_is_bounded() -> None:
    client = Client()
    for port in range(2 * PEERS_MAX):
        client.permit((PEER[0], 1 + port))
    assert sorted(client.server.channels) == list(range(CHANNEL_FIRST, CHANNEL_FIRST + PEERS_MAX))
    assert CHANNEL_FIRST + PEERS_MAX <= CHANNEL_LAST


def test_closing_gives_the_address_back_and_ends_everything() -> None:
    client = Client()
    client.permit()
    client.allocation.close(client.now)
    client.carry()
    assert client.server.held_s == 0  # RFC 8656 §8
    assert client.allocation.next_deadline() is None
    client.permit(OTHER)
    client.allocation.send(b"late", PEER)
    client.allocation.receive(client.server.from_peer(PEER, b"late"), client.now)
    assert client.allocation.take_effects() == []
    client.allocation.close(client.now)
    assert client.allocation.take_effects() == []


def test_what_is_not_signed_by_the_server_is_no_answer() -> None:
    client = Client()
    client.is_cut = True
    client.advance(540)
    read = parse(client.sent[-1])
    assert read is not None
    forged = message(REFRESH | SUCCESS, read.transaction_id, lifetime(1), password=b"x" * 16)
    client.allocation.receive(forged, client.now)
    client.is_cut = False
    client.advance(1)
    assert client.told == [Allocated(RELAYED, MAPPED)]  # the request was repeated and answered


@given(st.binary(max_size=64))
def test_what_is_read_as_channel_data_is_written_again(data: bytes) -> None:
    assert read_relayed(channel_data(CHANNEL_LAST, data)) == Relayed(data, channel=CHANNEL_LAST)
    assert read_relayed(channel_data(CHANNEL_FIRST, data)[:-1]) is None


@given(st.binary(max_size=80))
def test_nonsense_changes_nothing(data: bytes) -> None:
    client = Client()
    client.allocation.receive(data, client.now)
    assert [effect for effect in client.allocation.take_effects() if not isinstance(effect, Received)] == []
    assert client.allocation.relayed == RELAYED


def test_over_a_stream_a_request_is_sent_once_and_waited_for() -> None:
    allocation = Allocation(LOGIN, transaction_id=lambda: bytes(12), is_reliable=True)
    allocation.start(100.0)
    assert [type(effect) for effect in allocation.take_effects()] == [Send]
    assert allocation.next_deadline() == 100.0 + RELIABLE_S
    allocation.handle_timer(100.0 + RELIABLE_S)
    assert allocation.take_effects() == [Failed("it does not answer")]


def test_a_server_that_is_reached_no_more_is_told_once() -> None:
    client = Client()
    client.allocation.lose("it has closed the connection")
    client.allocation.lose("it has closed the connection")
    client.carry()
    assert client.told[1:] == [Failed("it has closed the connection")]
    assert client.allocation.next_deadline() is None
    assert client.allocation.permit(PEER, client.now) is None


def test_whoever_is_permitted_is_known_by_the_number_of_the_channel() -> None:
    client = Client()
    numbers = [client.allocation.permit(peer, client.now) for peer in (PEER, OTHER, PEER)]
    assert numbers == [CHANNEL_FIRST, CHANNEL_FIRST + 1, CHANNEL_FIRST]
    assert [client.allocation.peer(number) for number in (CHANNEL_FIRST + 1, CHANNEL_FIRST + 2)] == [OTHER, None]
