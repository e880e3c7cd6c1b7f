"""Who takes part in our conference, as a document: made from the calls as they are (RFC 4575 §5)."""

from __future__ import annotations

from firmware.sdp.direction import Direction
from firmware.sip.body import conference_info
from firmware.sip.events import CallKey
from firmware.sip.headers import NameAddr
from firmware.sip.usage.endpoint import Endpoint, Leg
from firmware.sip.usage.incoming_call import UnansweredCall
from firmware.sip.usage.outgoing_call import OutgoingCall
from firmware.sip.usage.session import Session

USERS_MAX = 4  # the panel and three phones: the program mixes no more


def roster(endpoint: Endpoint, entity: str, version: int) -> bytes:
    """The whole of it, as the answer to whoever watches `entity`."""
    legs = [(key, endpoint.calls[key]) for key in endpoint.focus if key in endpoint.calls]
    users = [user for key, leg in legs if (user := _user(key, leg)) is not None]
    # The panel is the focus itself, and talks as well: it is counted like everybody (RFC 4575 §5.6.2).
    owner = conference_info.Endpoint(entity, status="connected", joining_method="focus-owner")
    users.insert(0, conference_info.User(entity, endpoint.settings.display_name or None, (owner,)))
    is_active = len(users) > 1
    return conference_info.encode(
        conference_info.ConferenceInfo(
            entity,
            version,
            users_max=USERS_MAX,
            user_count=len(users) if is_active else 0,
            is_active=is_active,
            users=tuple(users) if is_active else (),
        )
    )


def _user(key: CallKey, leg: Leg) -> conference_info.User | None:
    match leg:
        case Session(dialog=dialog, negotiation=negotiation):
            agreed = negotiation.agreed
            is_held = agreed is not None and agreed.direction is not Direction.SENDRECV
            stream = conference_info.MediaEntry("1", kind="audio", status=None if agreed is None else _theirs(agreed.direction))
            method = "dialed-out" if dialog.is_caller else "dialed-in"
            return _entry(key, dialog.remote, "on-hold" if is_held else "connected", method, (stream,))
        case OutgoingCall():
            return _entry(key, leg.remote, "alerting" if leg.has_progressed else "dialing-out", "dialed-out")
        case UnansweredCall(dialog=dialog):
            return _entry(key, dialog.remote, "dialing-in", "dialed-in")
        case _:
            return None


def _entry(
    key: CallKey, remote: NameAddr, status: str, method: str, media: tuple[conference_info.MediaEntry, ...] = ()
) -> conference_info.User:
    """One phone. Its endpoint is named by our own handle of the call: who knew the dialog could take it (RFC 3891)."""
    endpoint = conference_info.Endpoint(str(key), status=status, joining_method=method, media=media)
    return conference_info.User(str(remote.uri.without_headers()), remote.display or None, (endpoint,))


def _theirs(direction: Direction) -> str:
    """The direction as the participant sees it (RFC 4575 §5.8.5)."""
    turned = {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}
    return turned.get(direction, direction).value
