"""Keys for one stream by a DTLS handshake on its own port: the shell around `dtls.Association` (RFC 5763, RFC 5764).

The socket is the stream's. The audio thread, which reads it, keeps what is no media apart (RFC 7983 §7), and it arrives here on the event
loop; what we say is sent from here. Until the keys are there the stream passes nothing. Afterwards this stays for the call: a last flight
of ours that was lost is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from firmware.media.core_values import Address
from firmware.media.dtls import Association, Identity, State
from firmware.sdp.protection import Handshake, SharedKeys

LIMIT_S: Final = 15.0  # a person waits for sound no longer; a lost flight is repeated after 0.2, 0.4, 0.8 … s


class Timer(Protocol):
    """What call_later gives."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]


class Keying:
    """One handshake. `done` gets the keys once, or `failed` one plain sentence, once; never both."""

    def __init__(
        self,
        agreed: Handshake,
        identity: Identity,
        *,
        remote: Address,
        send: Callable[[bytes, Address], None],
        later: Later,
        done: Callable[[SharedKeys], None],
        failed: Callable[[str], None],
    ) -> None:
        self._agreed = agreed
        self._association = Association(identity, is_client=agreed.is_client)
        self._remote = remote
        self._send = send
        self._later = later
        self._done: Callable[[SharedKeys], None] | None = done
        self._failed = failed
        self._repeat: Timer | None = None
        self._limit: Timer | None = None

    def begin(self) -> None:
        """Speak first, if that is ours to do, and give up after LIMIT_S."""
        self._limit = self._later(LIMIT_S, lambda: self._fail("the other side does not answer our handshake (DTLS)"))
        if self._agreed.is_client:
            self._after(self._association.step())

    def receive(self, datagram: bytes, source: Address) -> None:
        """A datagram of the handshake. Behind a NAT it comes from elsewhere than was signalled, so the answer goes where it came from."""
        if self._done is not None:
            # Until the certificate is proven anybody may send here; afterwards only the other side has reason to.
            self._remote = source
        self._after(self._association.step(datagram))

    def move(self, remote: Address) -> None:
        """The other side is to be found elsewhere: what is repeated goes there."""
        self._remote = remote

    def close(self) -> None:
        """The call is over, or other keys are wanted."""
        self._done = None
        self._cancel()

    def _after(self, state: State) -> None:
        for datagram in self._association.take():
            self._send(datagram, self._remote)
        if self._done is None:
            return
        match state:
            case State.RUNNING:
                self._wait()
            case State.FAILED:
                self._fail("the other side broke off the handshake (DTLS)")
            case State.DONE:
                self._judge(self._done)

    def _judge(self, done: Callable[[SharedKeys], None]) -> None:
        keys = self._association.keys()
        if keys is None:
            self._fail("the other side and we know no common cipher (DTLS)")
        elif not any(self._association.fingerprint(each.algorithm) == each for each in self._agreed.fingerprints):
            # RFC 5763 §5: a certificate that does not match the signalled fingerprint is somebody in between.
            self._fail("the certificate of the handshake is not the one that was signalled: somebody may be in between")
        else:
            self.close()
            done(keys)

    def _wait(self) -> None:
        if self._repeat is not None:
            self._repeat.cancel()
        left_s = self._association.timeout_s()
        self._repeat = None if left_s is None else self._later(left_s, self._expired)

    def _expired(self) -> None:
        self._repeat = None
        self._after(self._association.expire())

    def _fail(self, why: str) -> None:
        if self._done is not None:
            self.close()
            self._failed(why)

    def _cancel(self) -> None:
        for timer in (self._repeat, self._limit):
            if timer is not None:
                timer.cancel()
        self._repeat = self._limit = None
