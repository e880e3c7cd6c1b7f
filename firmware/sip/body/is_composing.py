"""application/im-iscomposing+xml: the other side is writing a message (RFC 3994)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip.body import xml_document
from firmware.sip.body.xml_document import Element, texts

CONTENT_TYPE = "application/im-iscomposing+xml"
NAMESPACE = "urn:ietf:params:xml:ns:im-iscomposing"
REFRESH_S_DEFAULT = 120  # how long `active` holds without a refresh (§3)


class IsComposing(NamedTuple):
    """The state, what is being written, after how many seconds without news it is idle, and when last a key was pressed (RFC 3339 text)."""

    is_active: bool
    content_type: str | None = None
    refresh_s: int | None = None
    last_active: str | None = None


def decode(body: bytes) -> IsComposing:
    """Read a document; a state that we do not know counts as idle (§3). Raises RemoteProtocolError."""
    root = xml_document.decode(body, "isComposing")
    state = root.child_text("state")
    if state is None:
        raise RemoteProtocolError("isComposing without a state")
    refresh_s = xml_document.whole(root.child_text("refresh"), "refresh")
    return IsComposing(state.lower() == "active", root.child_text("contenttype"), refresh_s, root.child_text("lastactive"))


def encode(value: IsComposing) -> bytes:
    """The document as a body."""
    pairs = (("lastactive", value.last_active), ("contenttype", value.content_type), ("refresh", value.refresh_s))
    children = texts(NAMESPACE, ("state", "active" if value.is_active else "idle"), *pairs)
    return xml_document.encode(Element(NAMESPACE, "isComposing", (), "", children))
