"""SIP-ETag: which publication is meant (RFC 3903 §11.3). Tags compare octet by octet, case included."""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.header_values import sole

TAG_CHARS_MAX = 256  # servers use some twenty; each refresh repeats it


def entity_tag(response: HeaderFields) -> str | None:
    """The SIP-ETag of a 200 to PUBLISH, None when absent. Raises RemoteProtocolError when malformed or repeated."""
    return sole(response, "SIP-ETag", _tag)


def _tag(text: str) -> str:
    if not grammar.is_token(text) or len(text) > TAG_CHARS_MAX:
        raise RemoteProtocolError(f"not an entity tag: {text[:80]!r}")
    return text
