"""SRTP through libsrtp2, for the core: the only file that touches `_pm_srtp`. Importing it loads the library, which is why nobody does
before a call is encrypted.

A cipher is made where there is time, on the event loop; the audio thread then only uses it. `native/include/pm_srtp.h` holds the contract.
"""

from __future__ import annotations

from typing import Any, Final

from firmware.errors import MediaError
from firmware.media import _pm_srtp
from firmware.sdp.crypto import SrtpKey, Suite

_ffi: Any = _pm_srtp.ffi
_lib: Any = _pm_srtp.lib
# enum pm_srtp_suite
NUMBERS: Final = {suite: number for number, suite in enumerate(Suite, 1)}


class SrtpCipher:
    """Both directions of one stream. `ops` and `context` are addresses for `Pump.secure`, valid while this object lives."""

    def __init__(self, *, send: SrtpKey, receive: SrtpKey, ssrc: int) -> None:
        """`ssrc` is our own. Raises MediaError when the library cannot do a suite, ValueError for a key of the wrong length."""
        if _lib.pm_srtp_library() < 0:
            raise MediaError("libsrtp2 does not work: its self-test failed")
        self._srtp = _ffi.gc(_ffi.new("struct pm_srtp *"), _lib.pm_srtp_close)
        status = _lib.pm_srtp_init(self._srtp, _keys(send), _keys(receive), ssrc)
        if status < 0:
            raise MediaError(f"libsrtp2 cannot do {send.suite.value}")
        self.ops = int(_ffi.cast("uintptr_t", _lib.pm_srtp_ops()))
        self.context = int(_ffi.cast("uintptr_t", self._srtp))

    def inherit(self, old: SrtpCipher) -> None:
        """Go on where `old` stands: see pm_srtp_inherit. On the thread that uses both; `old` is of no use afterwards."""
        _lib.pm_srtp_inherit(self._srtp, old._srtp)

    def protect(self, packet: bytes, *, rtcp: bool = False) -> bytes | None:
        """The packet as it leaves, None when it may not; for peers in Python."""
        buffer, octets = _ffi.new("uint8_t[]", packet + bytes(_lib.PM_SECURE_TRAILER_MAX)), _ffi.new("size_t *", len(packet))
        status = _lib.pm_srtp_ops().protect(self._srtp, buffer, octets, len(buffer), rtcp)
        return bytes(_ffi.buffer(buffer, octets[0])) if status == 0 else None

    def unprotect(self, packet: bytes, *, rtcp: bool = False) -> bytes | None:
        """The packet in clear, None when it is not authentic or was there before; for peers in Python."""
        buffer, octets = _ffi.new("uint8_t[]", packet + bytes(_lib.PM_SECURE_TRAILER_MAX)), _ffi.new("size_t *", len(packet))
        status = _lib.pm_srtp_ops().unprotect(self._srtp, buffer, octets, rtcp)
        return bytes(_ffi.buffer(buffer, octets[0])) if status == 0 else None


def _keys(key: SrtpKey) -> Any:
    if len(key.key) != key.suite.octets:
        raise ValueError(f"a key of {key.suite.value} has {key.suite.octets} octets, not {len(key.key)}")
    c = _ffi.new("struct pm_srtp_keys *")
    c.suite, c.octets = NUMBERS[key.suite], len(key.key)
    _ffi.memmove(c.key, key.key, len(key.key))
    return c
