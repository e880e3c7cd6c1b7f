"""Dialogs (RFC 3261 §12): made by a response or a request, they say how each further request is addressed and numbered."""

from __future__ import annotations

from typing import NamedTuple

from firmware.sip.events import Hop
from firmware.sip.header_lines import Headers
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request, Response
from firmware.sip.uri import Uri

DialogId = tuple[str, str, str]  # Call-ID, local tag, remote tag


class Dialog(NamedTuple):
    """One dialog as a value; `is_caller` tells who chose the Call-ID. A tag is '' for peers of RFC 2543 (§12.1.1)."""

    call_id: str
    local: NameAddr
    remote: NameAddr
    local_cseq: int
    remote_cseq: int | None
    routes: tuple[NameAddr, ...]
    target: Uri
    is_caller: bool
    way: Uri | None = None  # where the other side is in truth, when its Contact names no place or asks for its own flow
    is_secure: bool = False  # began with a sips URI (§12.1.1, §12.1.2): what we say of our own place is sips as well
    is_proven: bool = True  # whether it has shown that what we send reaches it: it knows our tag, or a server vouches for it

    @property
    def id(self) -> DialogId:
        """What tells this dialog from all others (§12)."""
        return self.call_id, self.local.tag or "", self.remote.tag or ""

    @property
    def next_hop(self) -> Uri:
        """Whither requests go: the first route, or else the remote target (§8.1.2), or the far end of its connection."""
        return self.routes[0].uri if self.routes else self.way or self.target

    def numbered(self) -> Dialog:
        """The dialog with the next local sequence number (§12.2.1.1: CSeq rises by one with each request)."""
        return self._replace(local_cseq=self.local_cseq + 1)

    def heard(self, cseq: int) -> Dialog:
        """The dialog after a request from the other side with this sequence number (§12.2.2)."""
        return self._replace(remote_cseq=cseq, is_proven=True)

    def is_stale(self, cseq: int) -> bool:
        """§12.2.2: a sequence number below the last one is out of order, and rejected with 500."""
        return self.remote_cseq is not None and cseq < self.remote_cseq

    def refreshed(self, message: Request | Response) -> Dialog:
        """§12.2.1.2, §12.2.2: a target refresh replaces the remote target by the message's Contact, if there is one."""
        contacts = message.contacts
        if not contacts or not contacts[0].uri.is_sip:
            return self
        target = contacts[0].uri
        return self._replace(target=target, way=self.way if _wants_flow(target) else None)

    def compose(self, method: str, headers: Headers = (), body: bytes = b"", *, cseq: int | None = None) -> Request:
        """A request inside the dialog, without Via. `cseq` for ACK, which repeats the number of its INVITE (§13.2.2.4)."""
        uri, routes = self._addressed()
        lines = [("Max-Forwards", "70")]
        lines += [("Route", str(route)) for route in routes]
        lines += [
            ("From", str(self.local)),
            ("To", str(self.remote)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.local_cseq if cseq is None else cseq} {method}"),
        ]
        return Request(method, uri, (*lines, *headers), body)

    def _addressed(self) -> tuple[Uri, tuple[NameAddr, ...]]:
        if not self.routes or self.routes[0].uri.param("lr") is not None:
            # §12.2.1.1: a loose router comes first: Request-URI is the remote target, Route the whole set.
            return self.target, self.routes
        # §12.2.1.1: a strict router comes first: it becomes the Request-URI, and the remote target the last Route.
        first = self.routes[0].uri.without_headers()
        return first, (*self.routes[1:], NameAddr("", self.target))


def as_caller(invite: Request, response: Response) -> Dialog:
    """§12.1.2: the dialog that a response with a To tag makes for the sender of the request."""
    contacts = response.contacts
    return Dialog(
        call_id=invite.call_id,
        local=invite.from_,
        remote=response.to,
        local_cseq=invite.cseq.number,
        remote_cseq=None,
        # §12.1.2: the route set is the Record-Route of the response in reverse order.
        routes=tuple(reversed(response.record_routes)),
        # A 2xx without Contact breaks §12.1.1; the Request-URI is the best guess left.
        target=contacts[0].uri if contacts and contacts[0].uri.is_sip else invite.uri,
        is_caller=True,
        is_secure=invite.uri.is_secure,
    )


def as_callee(invite: Request, local_tag: str, source: Hop | None = None, *, is_proven: bool = True) -> Dialog:
    """§12.1.1: the dialog that our response with `local_tag` makes for the receiver of the request, which came from `source`."""
    contacts = invite.contacts
    target = contacts[0].uri if contacts and contacts[0].uri.is_sip else invite.from_.uri
    return Dialog(
        call_id=invite.call_id,
        local=invite.to.with_tag(local_tag),
        remote=invite.from_,
        local_cseq=0,
        remote_cseq=invite.cseq.number,
        routes=invite.record_routes,
        target=target,
        is_caller=False,
        way=_far_end(source) if source is not None and source.transport.reliable and _wants_flow(target) else None,
        is_secure=invite.uri.is_secure or target.is_secure,
        is_proven=is_proven,
    )


def _wants_flow(target: Uri) -> bool:
    """Whether a Contact can only be reached over the connection on which it was heard.

    A browser has no address that it could tell (RFC 7118 §5: a name below .invalid); `ob` asks for the flow outright (RFC 5626 §4.3).
    """
    return target.host.lower().endswith(".invalid") or target.param("ob") is not None


def _far_end(source: Hop) -> Uri:
    return Uri("sip", host=source.host, port=source.port).with_param("transport", source.transport.value.lower())


def dialog_id(request: Request) -> DialogId:
    """The id under which a request from the other side finds its dialog: its To tag is our tag (§12.2.2)."""
    return request.call_id, request.to_tag or "", request.from_.tag or ""


def allows(message: Request | Response, method: str) -> bool:
    """Whether the sender says that it takes this method in the dialog (§20.5). One that says nothing does not promise it."""
    return method in message.get_all("Allow")
