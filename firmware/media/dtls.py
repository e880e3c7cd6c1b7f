"""DTLS through OpenSSL, for keys of SRTP (RFC 5763, RFC 5764): the only file that touches `_pm_dtls`. Importing it loads OpenSSL.

Datagrams in, datagrams out; `native/include/pm_dtls.h` holds the contract. Belongs to one thread, and not to that of the sound.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from firmware.errors import LocalProtocolError, MediaError
from firmware.media import _pm_dtls
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.protection import SharedKeys

_ffi: Any = _pm_dtls.ffi
_lib: Any = _pm_dtls.lib
SUITES: Final = dict(enumerate(Suite, 1))  # enum pm_srtp_suite
HASHES: Final = {"sha-256": 0, "sha-384": 1, "sha-512": 2}  # enum pm_dtls_hash


class State(IntEnum):
    """enum pm_dtls_state."""

    RUNNING = 0
    DONE = 1
    FAILED = 2


class Identity:
    """A key pair and its self-signed certificate, for one run of the program: nobody can follow a door by it (RFC 5763 §5)."""

    def __init__(self) -> None:
        """Raises MediaError when the system has no memory or no randomness for it."""
        self._identity = _ffi.gc(_ffi.new("struct pm_dtls_identity *"), _lib.pm_dtls_identity_free)
        if _lib.pm_dtls_identity_make(self._identity) < 0:
            raise MediaError("OpenSSL could not make a certificate")
        self.fingerprint = Fingerprint("sha-256", bytes(_ffi.buffer(self._identity.fingerprint)))


class Association:
    """One handshake, and the answers to repetitions after it."""

    def __init__(self, identity: Identity, *, is_client: bool) -> None:
        """A client speaks first: call `step` without a datagram. Raises MediaError as Identity does."""
        self._identity = identity  # kept as long as this
        self._dtls = _ffi.gc(_ffi.new("struct pm_dtls *"), _lib.pm_dtls_free)
        if _lib.pm_dtls_init(self._dtls, identity._identity, is_client) < 0:
            raise MediaError("OpenSSL could not begin a handshake")
        self._out = _ffi.new("uint8_t[]", _lib.PM_DTLS_DATAGRAM_MAX)

    def step(self, datagram: bytes | None = None) -> State:
        """Take a datagram of the other side. What is not authentic changes nothing."""
        view = _ffi.NULL if datagram is None else _ffi.from_buffer("uint8_t[]", datagram)
        return State(_lib.pm_dtls_step(self._dtls, view, len(datagram or b"")))

    def take(self) -> list[bytes]:
        """The datagrams that are to be sent now."""
        found = []
        while (octets := _lib.pm_dtls_take(self._dtls, self._out, len(self._out))) > 0:
            found.append(bytes(_ffi.buffer(self._out, octets)))
        return found

    def timeout_s(self) -> float | None:
        """In how long `expire` is due; None when nothing waits."""
        left_ms = _lib.pm_dtls_timeout_ms(self._dtls)
        return None if left_ms < 0 else left_ms / 1000

    def expire(self) -> State:
        """Repeat the last flight when its time is over (RFC 6347 §4.2.4)."""
        return State(_lib.pm_dtls_expire(self._dtls))

    def fingerprint(self, algorithm: str) -> Fingerprint:
        """The other side's certificate as `algorithm` sees it. LocalProtocolError before the end."""
        out = _ffi.new("uint8_t[]", _lib.PM_DTLS_HASH_MAX)
        octets = _lib.pm_dtls_fingerprint(self._dtls, HASHES[algorithm], out, len(out))
        if octets < 0:
            raise LocalProtocolError("the handshake is not done")
        return Fingerprint(algorithm, bytes(_ffi.buffer(out, octets)))

    def keys(self) -> SharedKeys | None:
        """The keys of both directions, None when the two of us know no common cipher, or are not done."""
        send, receive = _ffi.new("struct pm_srtp_keys *"), _ffi.new("struct pm_srtp_keys *")
        if _lib.pm_dtls_keys(self._dtls, send, receive) < 0:
            return None
        return SharedKeys(send=_key(send), receive=_key(receive))


def _key(c: Any) -> SrtpKey:
    return SrtpKey(SUITES[c.suite], bytes(_ffi.buffer(c.key, c.octets)))
