"""A certificate of the door's own, for its web server: the only file that touches `_pm_certificate`. Importing it loads OpenSSL.

It stands in this room because the room has the border to C; sound has nothing to do with it.
"""

from __future__ import annotations

from typing import Any, Final

from firmware.errors import MediaError
from firmware.media import _pm_certificate

_ffi: Any = _pm_certificate.ffi
_lib: Any = _pm_certificate.lib
VALID_DAYS: Final = 825  # telephones accept no longer life of a certificate that their owner trusts by hand


def self_signed(name: str) -> bytes:
    """A new P-256 key and its certificate for the DNS name `name`, both in PEM in one text. Raises MediaError."""
    out = _ffi.new("char[]", _lib.PM_CERTIFICATE_PEM_MAX)
    octets = _lib.pm_certificate_make(name.encode("ascii", "replace"), VALID_DAYS, out, len(out))
    if octets < 0:
        raise MediaError(f"no certificate could be made for {name!r}")
    return bytes(_ffi.buffer(out, octets))
