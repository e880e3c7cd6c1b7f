"""application/reginfo+xml: the bindings that the registrar holds (RFC 3680 §5), with GRUUs (RFC 5628).

The door subscribes to it and so learns at once that the registrar has dropped its binding. URIs are text here.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip.body import xml_document
from firmware.sip.body.xml_document import Attributes, Element, given, texts

CONTENT_TYPE = "application/reginfo+xml"
EVENT = "reg"
NAMESPACE = "urn:ietf:params:xml:ns:reginfo"
NAMESPACE_GRUU = "urn:ietf:params:xml:ns:gruuinfo"
CONTACTS_MAX = 256  # of all registrations together; a registrar that permits more devices an address is none we meet

REGISTRATION_STATES = ("init", "active", "terminated")
CONTACT_STATES = ("active", "terminated")
CONTACT_EVENTS = (
    "registered", "created", "refreshed", "shortened", "expired", "deactivated", "probation", "unregistered", "rejected",
)  # fmt: skip
FULL, PARTIAL = "full", "partial"


class ContactEntry(NamedTuple):
    """One binding: `state` out of CONTACT_STATES, `event` out of CONTACT_EVENTS or None for one that we do not know.

    `params` are the Contact's other parameters (+sip.instance, reg-id …), unquoted; '' and None are what is not told.
    """

    id: str
    uri: str
    state: str
    event: str | None = None
    expires_s: int | None = None
    retry_after_s: int | None = None
    registered_s: int | None = None
    call_id: str | None = None
    cseq: int | None = None
    display: str | None = None
    params: Attributes = ()
    pub_gruu: str | None = None
    temp_gruu: str | None = None


class Registration(NamedTuple):
    """One address of record: `state` out of REGISTRATION_STATES, and its bindings."""

    aor: str
    id: str
    state: str
    contacts: tuple[ContactEntry, ...] = ()


class RegInfo(NamedTuple):
    """One document: `version` rises by one with each, `state` is full or partial."""

    version: int
    state: str
    registrations: tuple[Registration, ...] = ()


def decode(body: bytes) -> RegInfo:
    """Read a document. Raises RemoteProtocolError."""
    root = xml_document.decode(body, "reginfo")
    registrations = root.all("registration")
    if sum(len(item.all("contact")) for item in registrations) > CONTACTS_MAX:
        raise RemoteProtocolError(f"more than {CONTACTS_MAX} contacts", status=513)
    return RegInfo(
        xml_document.whole(root.attribute("version"), "version") or 0,
        xml_document.one_of(root.attribute("state"), (FULL, PARTIAL), "state of a reginfo"),
        tuple([_registration(item) for item in registrations]),
    )


def encode(info: RegInfo) -> bytes:
    """The document as a body."""
    assert info.state in (FULL, PARTIAL), info.state
    children = []
    for item in info.registrations:
        assert item.state in REGISTRATION_STATES, item.state
        attributes = given(("aor", item.aor), ("id", item.id), ("state", item.state))
        children.append(Element(NAMESPACE, "registration", attributes, "", tuple([_written(contact) for contact in item.contacts])))
    has_gruu = any(
        contact.pub_gruu is not None or contact.temp_gruu is not None for item in info.registrations for contact in item.contacts
    )
    root = Element(NAMESPACE, "reginfo", given(("version", info.version), ("state", info.state)), "", tuple(children))
    return xml_document.encode(root, (("gr", NAMESPACE_GRUU),) if has_gruu else ())


def merge(known: RegInfo | None, update: RegInfo) -> RegInfo | None:
    """What is known after `update`; None when a document is missing between: refreshing the subscription brings a full one (§5).

    A document that is not newer than what is known changes nothing. Registrations and contacts that had ended before are left out.
    """
    if known is not None and update.version <= known.version:
        return known
    if update.state == FULL:
        return update
    if known is None or update.version != known.version + 1:
        return None
    table = {item.id: item for item in known.registrations if item.state != "terminated"}
    for item in update.registrations:
        old = table[item.id].contacts if item.id in table else ()
        contacts = {contact.id: contact for contact in old if contact.state == "active"}
        contacts |= {contact.id: contact for contact in item.contacts}
        table[item.id] = item._replace(contacts=tuple(contacts.values())[-CONTACTS_MAX:])
    return RegInfo(update.version, FULL, tuple(table.values())[-CONTACTS_MAX:])


def _registration(element: Element) -> Registration:
    return Registration(
        element.attribute("aor") or "",
        element.attribute("id") or "",
        xml_document.one_of(element.attribute("state"), REGISTRATION_STATES, "state of a registration"),
        tuple([_contact(contact) for contact in element.all("contact")]),
    )


def _contact(element: Element) -> ContactEntry:
    event = (element.attribute("event") or "").lower()
    params = [(param.attribute("name") or "", param.text.strip()) for param in element.all("unknown-param")]
    return ContactEntry(
        id=element.attribute("id") or "",
        uri=element.child_text("uri") or "",
        state=xml_document.one_of(element.attribute("state"), CONTACT_STATES, "state of a contact"),
        event=event if event in CONTACT_EVENTS else None,
        expires_s=xml_document.whole(element.attribute("expires"), "expires"),
        retry_after_s=xml_document.whole(element.attribute("retry-after"), "retry-after"),
        registered_s=xml_document.whole(element.attribute("duration-registered"), "duration-registered"),
        call_id=element.attribute("callid"),
        cseq=xml_document.whole(element.attribute("cseq"), "cseq"),
        display=element.child_text("display-name"),
        params=tuple(params),
        pub_gruu=_gruu(element.child("pub-gruu")),
        temp_gruu=_gruu(element.child("temp-gruu")),
    )


def _gruu(element: Element | None) -> str | None:
    return None if element is None else element.attribute("uri")


def _written(contact: ContactEntry) -> Element:
    assert contact.state in CONTACT_STATES, contact.state
    assert contact.event in (None, *CONTACT_EVENTS), contact.event
    attributes = given(
        ("id", contact.id),
        ("state", contact.state),
        ("event", contact.event),
        ("duration-registered", contact.registered_s),
        ("expires", contact.expires_s),
        ("retry-after", contact.retry_after_s),
        ("callid", contact.call_id),
        ("cseq", contact.cseq),
    )
    children = list(texts(NAMESPACE, ("uri", contact.uri), ("display-name", contact.display)))
    children += [Element(NAMESPACE, "unknown-param", (("name", name),), value) for name, value in contact.params]
    for name, uri in (("pub-gruu", contact.pub_gruu), ("temp-gruu", contact.temp_gruu)):
        if uri is not None:
            children.append(Element(NAMESPACE_GRUU, name, (("uri", uri),)))
    return Element(NAMESPACE, "contact", attributes, "", tuple(children))
