"""Our address has changed while we talk: each call is told where we are now (RFC 3261 §14.1: a re-INVITE with a new Contact and offer)."""

from __future__ import annotations

from firmware.sip.events import Hop
from firmware.sip.usage.endpoint import Endpoint
from firmware.sip.usage.negotiation import Task
from firmware.sip.usage.session import Session


def relocate(endpoint: Endpoint, now_s: float) -> None:
    """Look which way the other side of each call is now, and offer anew where that begins at another address of ours."""
    for leg in tuple(endpoint.calls.values()):
        if isinstance(leg, Session):
            endpoint.locate(leg.dialog.next_hop, Relocation(leg), now_s)


class Relocation:
    """One call's question."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def receive_hops(self, hops: tuple[Hop, ...], failure: str, now_s: float) -> None:
        """The way as it is now. Without one the call goes on as it is: the network may come back as it was."""
        session = self._session
        if hops and not session.is_over and hops[0].local_host != session.negotiation.local_host:
            session.offers.want(Task(is_renewal=True), now_s)
