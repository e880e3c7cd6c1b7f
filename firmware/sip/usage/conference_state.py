"""The event package `conference`: who takes part in our conversation of several, for whoever of them wants to know (RFC 4575, RFC 4579 §4).

The document is made from the calls as they are when it is sent (`conference_roster`, imported when the first one is).
"""

from __future__ import annotations

from firmware.sip.events import CallAnswered, CallEnded, CallKey, CallProgress, Effect, Hop, MediaAgreed, RemoteChanged
from firmware.sip.uri import Uri
from firmware.sip.usage.endpoint import Endpoint
from firmware.sip.usage.session import Session

MOVES = CallProgress | CallAnswered | MediaAgreed | RemoteChanged | CallEnded


class ConferenceState:
    """The one conference that we can be the focus of."""

    name = "conference"
    content_type = "application/conference-info+xml"
    gap_s = 5.0  # RFC 4575 §3.9: not more than one NOTIFY in five seconds

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._serial = 0
        self._there: tuple[CallKey, ...] = ()  # of the conference, those that are calls already, or still

    @property
    def serial(self) -> int:
        """Rises with each change."""
        return self._serial

    def heard(self, effects: tuple[Effect, ...]) -> bool:
        """Take what the agent has done; True when somebody in the conference came, went or moved."""
        focus = self._endpoint.focus
        there = tuple([key for key in focus if key in self._endpoint.calls])
        moves = there != self._there or any(isinstance(effect, MOVES) and effect.call in focus for effect in effects)
        self._there = there
        if moves:
            self.changed()
        return moves

    def changed(self) -> None:
        """Somebody came or went."""
        self._serial += 1

    def is_member(self, uri: Uri, source: Hop) -> bool:
        """Whether this is one of those who talk: they may see with whom (RFC 4575 §3.6).

        A name is no proof, so it is asked whence: from the phone itself by whatever name, or by its name from the server on its way.
        """
        for session in self._sessions():
            remote, knowledge = session.dialog.remote.uri, session.knowledge
            servers = {session.dialog.next_hop.host} if knowledge is None else {session.dialog.next_hop.host, *knowledge.hosts}
            is_named = (uri.user_text, uri.host.lower()) == (remote.user_text, remote.host.lower())
            if source.host in servers:
                if is_named or (source.host == session.dialog.target.host and not session.dialog.routes):
                    return True
            elif source.host == session.dialog.target.host:
                return True
        return False

    def document(self, entity: str, version: int, since: int | None) -> bytes:
        """RFC 4575 §5: all of it each time; with three phones nothing smaller could be told."""
        from firmware.sip.usage.conference_roster import roster

        return roster(self._endpoint, entity, version)

    def _sessions(self) -> list[Session]:
        legs = [self._endpoint.calls.get(key) for key in self._endpoint.focus]
        return [leg for leg in legs if isinstance(leg, Session)]
