"""firmware/media/keying.py and dtls.py: handshakes between two of us, over a wire and a clock that the test holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.errors import LocalProtocolError
from firmware.media.core_values import Address
from firmware.media.dtls import Association, Identity, State
from firmware.media.keying import LIMIT_S, Keying
from firmware.sdp.crypto import Suite
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.protection import Handshake, SharedKeys

DOOR: Address = ("192.0.2.1", 4000)
PHONE: Address = ("192.0.2.2", 5000)
BEHIND_NAT: Address = ("203.0.113.7", 61000)


class Later:
    """Timers that pass when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, delay_s: float, call: Callable[[], None]) -> Later:
        self.waiting.append((delay_s, call))
        return self

    def cancel(self) -> None:
        pass

    def fire(self, delay_s: float) -> None:
        """Run what waits for exactly so long."""
        for each in [call for wait_s, call in self.waiting if wait_s == delay_s]:
            each()


class Side:
    """One end: what it sends waits in `out`."""

    def __init__(self, identity: Identity, theirs: tuple[Fingerprint, ...], *, is_client: bool, remote: Address) -> None:
        self.out: list[tuple[bytes, Address]] = []
        self.keys: list[SharedKeys] = []
        self.failures: list[str] = []
        self.later = Later()
        self.keying = Keying(
            Handshake(theirs, is_client=is_client),
            identity,
            remote=remote,
            send=lambda datagram, to: self.out.append((datagram, to)),
            later=self.later,
            done=self.keys.append,
            failed=self.failures.append,
        )

    def take(self) -> list[tuple[bytes, Address]]:
        out, self.out = self.out, []
        return out


class Pair:
    def __init__(self, *, door_expects: tuple[Fingerprint, ...] | None = None) -> None:
        self.door_identity, self.phone_identity = Identity(), Identity()
        theirs = (self.phone_identity.fingerprint,) if door_expects is None else door_expects
        self.door = Side(self.door_identity, theirs, is_client=True, remote=PHONE)
        self.phone = Side(self.phone_identity, (self.door_identity.fingerprint,), is_client=False, remote=DOOR)

    def run(self, *, door_from: Address = DOOR) -> None:
        self.phone.keying.begin()
        self.door.keying.begin()
        for _ in range(6):
            for datagram, to in self.door.take():
                assert to == PHONE
                self.phone.keying.receive(datagram, door_from)
            for datagram, to in self.phone.take():
                assert to == door_from
                self.door.keying.receive(datagram, PHONE)


def test_both_sides_get_mirrored_keys_of_the_strongest_cipher() -> None:
    pair = Pair()
    pair.run()
    (ours,), (theirs,) = pair.door.keys, pair.phone.keys
    assert (ours.send, ours.receive) == (theirs.receive, theirs.send)
    assert ours.send.suite is Suite.AEAD_AES_256_GCM
    assert ours.send.key != ours.receive.key
    assert pair.door.failures == pair.phone.failures == []


def test_an_answer_goes_where_the_question_came_from() -> None:
    pair = Pair()
    pair.run(door_from=BEHIND_NAT)  # asserts it for every datagram
    assert len(pair.door.keys) == 1


def test_a_certificate_that_was_not_signalled_gives_no_keys() -> None:
    pair = Pair(door_expects=(Fingerprint("sha-256", bytes(32)),))
    pair.run()
    assert pair.door.keys == []
    assert pair.door.failures == ["the certificate of the handshake is not the one that was signalled: somebody may be in between"]


def test_one_matching_fingerprint_of_several_is_enough() -> None:
    pair = Pair()
    pair.door = Side(pair.door_identity, (Fingerprint("sha-512", bytes(64)), pair.phone_identity.fingerprint), is_client=True, remote=PHONE)
    pair.run()
    assert len(pair.door.keys) == 1


def test_a_silent_peer_is_given_up_once() -> None:
    pair = Pair()
    pair.door.keying.begin()
    pair.door.later.fire(LIMIT_S)
    pair.door.later.fire(LIMIT_S)
    assert pair.door.failures == ["the other side does not answer our handshake (DTLS)"]


def test_nothing_is_told_after_the_call_has_ended() -> None:
    pair = Pair()
    pair.door.keying.begin()
    pair.door.keying.close()
    pair.run()
    pair.door.later.fire(LIMIT_S)
    assert pair.door.keys == []
    assert pair.door.failures == []


@pytest.mark.parametrize("junk", [b"\x16", b"\x16\xfe\xfd" + bytes(40), bytes((20,)) * 1500, b"\x3f\xff\xff"])
def test_what_is_no_handshake_changes_nothing(junk: bytes) -> None:
    pair = Pair()
    for side in (pair.door, pair.phone):
        side.keying.receive(junk, PHONE if side is pair.door else DOOR)
    pair.run()
    assert len(pair.door.keys) == len(pair.phone.keys) == 1
    pair.door.keying.receive(junk, PHONE)
    assert pair.door.failures == []


def test_an_association_tells_nothing_before_its_end() -> None:
    association = Association(Identity(), is_client=True)
    assert association.step() is State.RUNNING
    assert association.keys() is None
    assert association.timeout_s() is not None
    with pytest.raises(LocalProtocolError):
        association.fingerprint("sha-256")
    assert len(association.take()) == 1
    assert association.take() == []
