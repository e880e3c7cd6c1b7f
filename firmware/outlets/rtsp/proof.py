"""Who may look: digest authentication as RTSP has it (RFC 2326 §D.1.2, RFC 2617 §3.2.2), pure.

Players know MD5 alone, and many not even qop. So a nonce is good for the one connection that it was made for: whoever overhears an answer
cannot use it anywhere. He can guess at the password at leisure, though, which is why it has to be long.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from firmware.hashes import compare_digest, md5

PAIR: Final = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
HEADER_CHARS_MAX: Final = 1000
REALM: Final = "door"


class Watchword(NamedTuple):
    """What one must know."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"Watchword({self.user})"


def challenge(nonce: str) -> str:
    """The value of WWW-Authenticate."""
    return f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5'


def is_proven(header: str, method: str, nonce: str, known: Watchword) -> bool:
    """Whether `header`, an Authorization, shows that its sender knows the password. Nothing that it may hold raises."""
    scheme, _, rest = header[:HEADER_CHARS_MAX].partition(" ")
    if scheme.lower() != "digest":
        return False
    values = {name.lower(): quoted or plain for name, quoted, plain in PAIR.findall(rest)}
    if values.get("username") != known.user or values.get("realm") != REALM or values.get("nonce") != nonce:
        return False
    first = _hash(known.user, REALM, known.password)
    second = _hash(method, values.get("uri", ""))
    proof = (values.get("nc", ""), values.get("cnonce", ""), values["qop"]) if values.get("qop") else ()
    return compare_digest(_hash(first, nonce, *proof, second).encode(), values.get("response", "").lower().encode())


def _hash(*parts: str) -> str:
    return md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()
