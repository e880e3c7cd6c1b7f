"""MD5, SHA-256 and comparison in constant time without OpenSSL.

`hashlib` and `hmac` load OpenSSL, four megabytes of memory for good, although the interpreter has these functions of its own: a station
without TLS and without a store of users never needs it. Where an interpreter is built without them, OpenSSL's serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import md5, sha256
    from hmac import compare_digest
else:
    try:
        from _md5 import md5
    except ImportError:
        from hashlib import md5
    try:
        from _sha2 import sha256  # since Python 3.12
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256
    try:
        from _operator import _compare_digest as compare_digest  # the same that hmac falls back to
    except ImportError:
        from hmac import compare_digest

__all__ = ["compare_digest", "md5", "sha256"]
