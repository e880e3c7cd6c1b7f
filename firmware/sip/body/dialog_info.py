"""application/dialog-info+xml: which calls a user agent has, so that a lamp on another phone can show it (RFC 4235 §4).

URIs are text here, as the document gives them; whoever uses one parses it.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip.body import xml_document
from firmware.sip.body.xml_document import Attributes, Element, given

CONTENT_TYPE = "application/dialog-info+xml"
EVENT = "dialog"
NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"
DIALOGS_MAX = 128  # more calls than that no lamp can show

STATES = ("trying", "proceeding", "early", "confirmed", "terminated")
EVENTS = ("cancelled", "rejected", "replaced", "local-bye", "remote-bye", "error", "timeout")
DIRECTIONS = ("initiator", "recipient")
FULL, PARTIAL = "full", "partial"


class Participant(NamedTuple):
    """One side of a dialog: who it is, and where it is reached (`target`, with feature parameters such as +sip.rendering)."""

    identity: str = ""
    display: str = ""
    target: str = ""
    target_params: Attributes = ()


class DialogName(NamedTuple):
    """A dialog as another element names it: the one that this dialog replaced."""

    call_id: str
    local_tag: str
    remote_tag: str


class DialogEntry(NamedTuple):
    """One dialog, or one INVITE that has none yet. `id` names it among the documents of this notifier; '' and None are what is not told.

    `state` is out of STATES, `event` (why it changed) out of EVENTS, `code` the status that did it, `direction` out of DIRECTIONS.
    With Call-ID and both tags the reader can take the call: it sends an INVITE with Replaces (§6.2).
    """

    id: str
    state: str
    event: str | None = None
    code: int | None = None
    direction: str | None = None
    call_id: str | None = None
    local_tag: str | None = None
    remote_tag: str | None = None
    local: Participant | None = None
    remote: Participant | None = None
    duration_s: int | None = None
    replaces: DialogName | None = None
    referred_by: str | None = None


class DialogInfo(NamedTuple):
    """One document: `version` rises by one with each, `state` is full or partial, `entity` the URI whose dialogs these are."""

    version: int
    state: str
    entity: str
    dialogs: tuple[DialogEntry, ...] = ()


def decode(body: bytes) -> DialogInfo:
    """Read a document. Raises RemoteProtocolError."""
    root = xml_document.decode(body, "dialog-info")
    dialogs = root.all("dialog")
    if len(dialogs) > DIALOGS_MAX:
        raise RemoteProtocolError(f"{len(dialogs)} dialogs", status=513)
    return DialogInfo(
        xml_document.whole(root.attribute("version"), "version") or 0,
        xml_document.one_of(root.attribute("state"), (FULL, PARTIAL), "state of a dialog-info"),
        root.attribute("entity") or "",
        tuple([_entry(dialog) for dialog in dialogs]),
    )


def encode(info: DialogInfo) -> bytes:
    """The document as a body."""
    assert info.state in (FULL, PARTIAL), info.state
    attributes = given(("version", info.version), ("state", info.state), ("entity", info.entity))
    return xml_document.encode(Element(NAMESPACE, "dialog-info", attributes, "", tuple([_dialog(entry) for entry in info.dialogs])))


def merge(known: DialogInfo | None, update: DialogInfo) -> DialogInfo | None:
    """What is known after `update`; None when a document is missing between: refreshing the subscription brings a full one (§4.3).

    A document that is not newer than what is known changes nothing. Dialogs that had ended before are left out.
    """
    if known is not None and update.version <= known.version:
        return known
    if update.state == FULL:
        return update
    if known is None or update.version != known.version + 1:
        return None
    entries = {entry.id: entry for entry in known.dialogs if entry.state != "terminated"}
    entries |= {entry.id: entry for entry in update.dialogs}
    return DialogInfo(update.version, FULL, known.entity, tuple(entries.values())[-DIALOGS_MAX:])


def _entry(element: Element) -> DialogEntry:
    state = element.child("state")
    if state is None:
        raise RemoteProtocolError("dialog without a state")
    event = state.attribute("event")
    direction = (element.attribute("direction") or "").lower()
    return DialogEntry(
        id=element.attribute("id") or "",
        state=xml_document.one_of(state.text, STATES, "state of a dialog"),
        event=event.lower() if event and event.lower() in EVENTS else None,
        code=xml_document.whole(state.attribute("code"), "code", 699),
        direction=direction if direction in DIRECTIONS else None,
        call_id=element.attribute("call-id"),
        local_tag=element.attribute("local-tag"),
        remote_tag=element.attribute("remote-tag"),
        local=_read_participant(element.child("local")),
        remote=_read_participant(element.child("remote")),
        duration_s=xml_document.whole(element.child_text("duration"), "duration"),
        replaces=_read_name(element.child("replaces")),
        referred_by=element.child_text("referred-by"),
    )


def _read_participant(element: Element | None) -> Participant | None:
    if element is None:
        return None
    identity, target = element.child("identity"), element.child("target")
    params = [(param.attribute("pname") or "", param.attribute("pval") or "") for param in target.all("param")] if target else []
    return Participant(
        identity.text.strip() if identity else "",
        (identity.attribute("display") or "") if identity else "",
        (target.attribute("uri") or "") if target else "",
        tuple(params),
    )


def _read_name(element: Element | None) -> DialogName | None:
    if element is None:
        return None
    return DialogName(element.attribute("call-id") or "", element.attribute("local-tag") or "", element.attribute("remote-tag") or "")


def _dialog(entry: DialogEntry) -> Element:
    assert entry.state in STATES, entry.state
    assert entry.event in (None, *EVENTS), entry.event
    assert entry.direction in (None, *DIRECTIONS), entry.direction
    names = (("id", entry.id), ("call-id", entry.call_id), ("local-tag", entry.local_tag), ("remote-tag", entry.remote_tag))
    children = [Element(NAMESPACE, "state", given(("event", entry.event), ("code", entry.code)), entry.state)]
    children += xml_document.texts(NAMESPACE, ("duration", entry.duration_s))
    if entry.replaces is not None:
        old = entry.replaces
        pairs = given(("call-id", old.call_id), ("local-tag", old.local_tag), ("remote-tag", old.remote_tag))
        children.append(Element(NAMESPACE, "replaces", pairs))
    children += xml_document.texts(NAMESPACE, ("referred-by", entry.referred_by))
    children += [_participant(name, side) for name, side in (("local", entry.local), ("remote", entry.remote)) if side is not None]
    return Element(NAMESPACE, "dialog", given(*names, ("direction", entry.direction)), "", tuple(children))


def _participant(name: str, side: Participant) -> Element:
    children = []
    if side.identity or side.display:
        children.append(Element(NAMESPACE, "identity", given(("display", side.display or None)), side.identity))
    if side.target or side.target_params:
        params = [Element(NAMESPACE, "param", given(("pname", key), ("pval", value))) for key, value in side.target_params]
        children.append(Element(NAMESPACE, "target", given(("uri", side.target)), "", tuple(params)))
    return Element(NAMESPACE, name, (), "", tuple(children))
