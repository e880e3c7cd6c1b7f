"""application/conference-info+xml: who is in a conference (RFC 4575 §5). URIs are text here."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip.body import xml_document
from firmware.sip.body.xml_document import Element, given, texts

CONTENT_TYPE = "application/conference-info+xml"
EVENT = "conference"
NAMESPACE = "urn:ietf:params:xml:ns:conference-info"
USERS_MAX = 128  # our own conferences have three parties; those of a server that we join have at most some dozens

STATES = ("full", "partial", "deleted")
STATUSES = (
    "pending", "dialing-out", "dialing-in", "alerting", "on-hold", "connected", "muted-via-focus", "disconnecting", "disconnected",
)  # fmt: skip
JOINING_METHODS = ("dialed-in", "dialed-out", "focus-owner")


class MediaEntry(NamedTuple):
    """One stream of an endpoint: `kind` is audio, video …; `source_id` its SSRC; `status` is sendrecv, sendonly, recvonly or inactive."""

    id: str
    kind: str | None = None
    label: str | None = None
    source_id: str | None = None
    status: str | None = None


class Endpoint(NamedTuple):
    """One device of a user: `status` out of STATUSES, `joining_method` out of JOINING_METHODS, `state` out of STATES."""

    entity: str
    display: str | None = None
    status: str | None = None
    joining_method: str | None = None
    media: tuple[MediaEntry, ...] = ()
    state: str = "full"


class User(NamedTuple):
    """One participant; `state` out of STATES: `deleted` for one who left."""

    entity: str
    display: str | None = None
    endpoints: tuple[Endpoint, ...] = ()
    state: str = "full"


class ConferenceInfo(NamedTuple):
    """One document: `version` rises by one with each; None is what is not told."""

    entity: str
    version: int
    state: str = "full"
    subject: str | None = None
    users_max: int | None = None
    user_count: int | None = None
    is_active: bool | None = None
    is_locked: bool | None = None
    users: tuple[User, ...] = ()


def decode(body: bytes) -> ConferenceInfo:
    """Read a document. Raises RemoteProtocolError."""
    root = xml_document.decode(body, "conference-info")
    empty = Element(NAMESPACE, "")
    description, condition = root.child("conference-description") or empty, root.child("conference-state") or empty
    users = (root.child("users") or empty).all("user")
    if len(users) > USERS_MAX:
        raise RemoteProtocolError(f"{len(users)} users", status=513)
    return ConferenceInfo(
        root.attribute("entity") or "",
        xml_document.whole(root.attribute("version"), "version") or 0,
        _state(root),
        description.child_text("subject"),
        xml_document.whole(description.child_text("maximum-user-count"), "maximum-user-count"),
        xml_document.whole(condition.child_text("user-count"), "user-count"),
        xml_document.truth(condition.child_text("active")),
        xml_document.truth(condition.child_text("locked")),
        tuple([_user(user) for user in users]),
    )


def encode(info: ConferenceInfo) -> bytes:
    """The document as a body."""
    assert info.state in STATES, info.state
    children: list[Element] = []
    description = texts(NAMESPACE, ("subject", info.subject), ("maximum-user-count", info.users_max))
    condition = texts(
        NAMESPACE, ("user-count", info.user_count), ("active", _boolean(info.is_active)), ("locked", _boolean(info.is_locked))
    )
    users = tuple([_written_user(user) for user in info.users])
    for name, held in (("conference-description", description), ("conference-state", condition), ("users", users)):
        if held:
            children.append(Element(NAMESPACE, name, (), "", held))
    attributes = given(("entity", info.entity), ("state", info.state), ("version", info.version))
    return xml_document.encode(Element(NAMESPACE, "conference-info", attributes, "", tuple(children)))


def _state(element: Element) -> str:
    return xml_document.one_of(element.attribute("state") or "full", STATES, f"state of a {element.name}")  # "full" is the default (§5.1)


def _user(element: Element) -> User:
    endpoints = tuple([_endpoint(endpoint) for endpoint in element.all("endpoint")])
    return User(element.attribute("entity") or "", element.child_text("display-text"), endpoints, _state(element))


def _endpoint(element: Element) -> Endpoint:
    status = (element.child_text("status") or "").lower()
    joining_method = (element.child_text("joining-method") or "").lower()
    return Endpoint(
        element.attribute("entity") or "",
        element.child_text("display-text"),
        status if status in STATUSES else None,
        joining_method if joining_method in JOINING_METHODS else None,
        tuple([_media(media) for media in element.all("media")]),
        _state(element),
    )


def _media(element: Element) -> MediaEntry:
    names = ("type", "label", "src-id", "status")
    kind, label, source_id, status = [element.child_text(name) for name in names]
    return MediaEntry(element.attribute("id") or "", kind, label, source_id, status)


def _written_user(user: User) -> Element:
    assert user.state in STATES, user.state
    endpoints = [_written_endpoint(endpoint) for endpoint in user.endpoints]
    children = (*texts(NAMESPACE, ("display-text", user.display)), *endpoints)
    return Element(NAMESPACE, "user", given(("entity", user.entity), ("state", user.state)), "", children)


def _written_endpoint(endpoint: Endpoint) -> Element:
    assert endpoint.state in STATES, endpoint.state
    assert endpoint.status in (None, *STATUSES), endpoint.status
    assert endpoint.joining_method in (None, *JOINING_METHODS), endpoint.joining_method
    pairs = (("display-text", endpoint.display), ("status", endpoint.status), ("joining-method", endpoint.joining_method))
    media = [
        Element(
            NAMESPACE,
            "media",
            given(("id", item.id)),
            "",
            texts(NAMESPACE, ("type", item.kind), ("label", item.label), ("src-id", item.source_id), ("status", item.status)),
        )
        for item in endpoint.media
    ]
    children = (*texts(NAMESPACE, *pairs), *media)
    return Element(NAMESPACE, "endpoint", given(("entity", endpoint.entity), ("state", endpoint.state)), "", children)


def _boolean(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
