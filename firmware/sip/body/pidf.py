"""application/pidf+xml: presence, open or closed, with a note and what the person does (RFC 3863, RFC 4479, RFC 4480)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.body import xml_document
from firmware.sip.body.xml_document import Element, given, texts

CONTENT_TYPE = "application/pidf+xml"
EVENT = "presence"
NAMESPACE = "urn:ietf:params:xml:ns:pidf"
NAMESPACE_PERSON = "urn:ietf:params:xml:ns:pidf:data-model"
NAMESPACE_RPID = "urn:ietf:params:xml:ns:pidf:rpid"
TUPLES_MAX = 64  # one a device of a person
OPEN, CLOSED = "open", "closed"
ON_THE_PHONE = "on-the-phone"  # the activity of RFC 4480 §3.2 that lamps show


class PresenceTuple(NamedTuple):
    """One way to reach the presentity: `basic` is open, closed, or None when not told; `contact` (a URI) and `timestamp` are text."""

    id: str
    basic: str | None = None
    contact: str | None = None
    notes: tuple[str, ...] = ()
    timestamp: str | None = None


class Presence(NamedTuple):
    """The presentity's URI, its tuples, its own notes, and the activities of the person (`on-the-phone`, `busy`, `away` …)."""

    entity: str
    tuples: tuple[PresenceTuple, ...] = ()
    notes: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether any tuple is open for communication."""
        return any(item.basic == OPEN for item in self.tuples)


def decode(body: bytes) -> Presence:
    """Read a document. Raises RemoteProtocolError."""
    root = xml_document.decode(body, "presence")
    tuples = root.all("tuple")
    if len(tuples) > TUPLES_MAX:
        raise RemoteProtocolError(f"{len(tuples)} presence tuples", status=513)
    # RFC 4480 puts activities into a person; its drafts, which devices still send, into the status of a tuple.
    bearers = [*root.all("person"), *[status for item in tuples for status in item.all("status")]]
    names = [child.name for bearer in bearers for held in bearer.all("activities") for child in held.children]
    activities = dict.fromkeys([name for name in names if name != "note" and grammar.is_token(name)])
    return Presence(root.attribute("entity") or "", tuple([_read(item) for item in tuples]), _notes(root), tuple(activities))


def encode(presence: Presence) -> bytes:
    """The document as a body."""
    children = [_written(item) for item in presence.tuples]
    children += texts(NAMESPACE, *[("note", note) for note in presence.notes])
    if not presence.activities:
        return xml_document.encode(Element(NAMESPACE, "presence", given(("entity", presence.entity)), "", tuple(children)))
    assert all(grammar.is_token(name) for name in presence.activities), presence.activities
    held = Element(NAMESPACE_RPID, "activities", (), "", tuple([Element(NAMESPACE_RPID, name) for name in presence.activities]))
    children.append(Element(NAMESPACE_PERSON, "person", given(("id", "person")), "", (held,)))
    root = Element(NAMESPACE, "presence", given(("entity", presence.entity)), "", tuple(children))
    return xml_document.encode(root, (("dm", NAMESPACE_PERSON), ("rpid", NAMESPACE_RPID)))


def _read(element: Element) -> PresenceTuple:
    status = element.child("status")
    basic = ((status.child_text("basic") if status else None) or "").lower()
    return PresenceTuple(
        element.attribute("id") or "",
        basic if basic in (OPEN, CLOSED) else None,
        element.child_text("contact"),
        _notes(element),
        element.child_text("timestamp"),
    )


def _written(item: PresenceTuple) -> Element:
    assert item.basic in (None, OPEN, CLOSED), item
    children = [Element(NAMESPACE, "status", (), "", texts(NAMESPACE, ("basic", item.basic)))]
    children += texts(NAMESPACE, ("contact", item.contact), *[("note", note) for note in item.notes], ("timestamp", item.timestamp))
    return Element(NAMESPACE, "tuple", given(("id", item.id)), "", tuple(children))


def _notes(element: Element) -> tuple[str, ...]:
    return tuple([note.text.strip() for note in element.all("note")])
