"""Session timers: a call that nobody refreshes any more ends, so that no dead peer holds it for ever (RFC 4028).

Whoever sends a request is its `uac`, so the same side is `uac` in one request and `uas` in another; `we_refresh` is what remains the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.sip.events import EndCause, Hop, Reason
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.session_timer import INTERVAL_S_MIN, OPTION_TAG, SessionExpires, min_se, session_expires
from firmware.sip.settings import CallHabits, Use
from firmware.sip.usage.dialog_request import DialogRequest
from firmware.sip.usage.negotiation import Task

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session

INTERVAL_S_MAX = 86_400  # a Min-SE beyond a day is nobody's honest wish
RETRY_S = 10.0  # after a refresh that failed for a passing reason; many fit between the half of an interval and its end
RAISES_MAX = 3  # 422 answered at once with a larger interval, in a row; then RETRY_S goes by
MARGIN_S_MAX = 32.0  # RFC 4028 §10: BYE comes before the expiry by 32 s or a third of the interval, whichever is less


def wish(habits: CallHabits, interval_s: int, min_s: int) -> Headers:
    """What an INVITE of ours asks for (§7.1); the refresher is left to the other side."""
    if habits.session_timer is Use.OFF:
        return ()
    headers: Headers = (("Session-Expires", str(SessionExpires(max(interval_s, min_s)))),)
    if min_s > INTERVAL_S_MIN:
        headers = (*headers, ("Min-SE", str(min_s)))
    return headers


def too_small(habits: CallHabits, request: Request) -> Response | None:
    """§9: an interval below our minimum is refused with 422, which says what we accept."""
    asked = session_expires(request)
    if habits.session_timer is Use.OFF or asked is None or asked.interval_s >= habits.session_min_s or not _supports(request):
        # A caller that does not know the timer would not understand the 422: its interval was put in by a proxy, which gets its way.
        return None
    return make_response(request, 422, headers=(("Min-SE", str(habits.session_min_s)),))


def choose(habits: CallHabits, request: Request) -> SessionExpires | None:
    """What our 2xx to this INVITE or UPDATE states (§9); None: the session never expires."""
    if habits.session_timer is Use.OFF:
        return None
    asked = session_expires(request)
    floor_s = max(min_se(request) or INTERVAL_S_MIN, habits.session_min_s)
    if asked is None:
        if habits.session_timer is not Use.REQUIRED:
            return None
        # §9: we may set a timer that the caller did not ask for, and refresh it ourselves.
        return SessionExpires(max(habits.session_expires_s, floor_s), "uas")
    # §9: the interval may be reduced, but not below the request's Min-SE, and never raised.
    interval_s = max(min(asked.interval_s, max(habits.session_expires_s, floor_s)), INTERVAL_S_MIN)
    if not _supports(request):
        return SessionExpires(interval_s, "uas")
    return SessionExpires(interval_s, asked.refresher or "uac")


def stated(chosen: SessionExpires | None) -> Headers:
    """The headers of our 2xx. §9: when the caller is to refresh, it must understand that: Require."""
    if chosen is None:
        return ()
    expires = ("Session-Expires", str(chosen))
    return (("Require", OPTION_TAG), expires) if chosen.refresher == "uac" else (expires,)


def raised(response: Response, interval_s: int) -> int | None:
    """§7.3: the interval with which a request that got 422 is tried again; None when the response does not ask for a larger one."""
    least_s = min_se(response)
    return least_s if least_s is not None and interval_s < least_s <= INTERVAL_S_MAX else None


def _supports(message: Request | Response) -> bool:
    return OPTION_TAG in [tag.lower() for name in ("Supported", "Require") for tag in message.get_all(name)]


class Refresh:
    """The timer of one session, and the requests that keep it going."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._interval_s: int | None = None
        self._min_s = INTERVAL_S_MIN
        self._we_refresh = False
        self._request: DialogRequest | None = None
        self._is_due_again = False
        self._raises = 0

    @property
    def headers(self) -> Headers:
        """What a request of ours inside the session says: everything as it is (§7.4: the refresher role does not change by itself)."""
        if self._interval_s is None:
            return ()
        headers: Headers = (("Session-Expires", str(SessionExpires(self._interval_s, "uac" if self._we_refresh else "uas"))),)
        return (*headers, ("Min-SE", str(self._min_s))) if self._min_s > INTERVAL_S_MIN else headers

    def start(self, agreed: SessionExpires | None, now_s: float, *, we_asked: bool) -> None:
        """A 2xx to INVITE or UPDATE states this; each one sets the timer anew, or ends it (§10)."""
        self._stop_timers()
        if agreed is None or self._session.is_over:
            self._interval_s = None
            return
        interval_s = max(agreed.interval_s, 1)
        self._interval_s = interval_s
        # §7.2: a 2xx names the refresher; where it does not, the sender of the request is the one who cares.
        self._we_refresh = (agreed.refresher != "uas") == we_asked
        # §10: the side that does not refresh ends the call shortly before the expiry, and so do we when our own refreshes failed.
        timers = self._session.endpoint.timers
        timers.set(self, "expiry", now_s + interval_s - min(MARGIN_S_MAX, interval_s / 3))
        if self._we_refresh:
            # §7.4: the refresh is sent when half the interval has passed.
            timers.set(self, "refresh", now_s + interval_s / 2)

    def heard(self, status: int, response: Response | None, now_s: float) -> None:
        """The outcome of an INVITE or UPDATE of ours: any 2xx sets the timer anew, a refusal leaves it running."""
        session = self._session
        if session.is_over:
            return
        if response is not None and status < 300:
            self._raises = 0
            if session.endpoint.habits(session.knowledge).session_timer is not Use.OFF:
                self.start(session_expires(response), now_s, we_asked=True)
            return
        if self._interval_s is None or not self._we_refresh:
            return
        wait_s = 0.0 if self.rises(status, response) else RETRY_S
        session.endpoint.timers.set(self, "refresh", now_s + wait_s)

    def rises(self, status: int, response: Response | None) -> bool:
        """Whether this outcome of a request of ours only asks for a larger interval, which has been taken: §7.3: try again at once."""
        larger_s = None if response is None or status != 422 or self._interval_s is None else raised(response, self._interval_s)
        if larger_s is None:
            return False
        self._interval_s = self._min_s = larger_s
        self._raises += 1
        return self._raises <= RAISES_MAX

    def stop(self) -> None:
        """The call is over."""
        self._stop_timers()
        if self._request is not None:
            self._request.conclude()

    def handle_timer(self, name: str, now_s: float) -> None:
        """Half of the interval, or nearly all of it, has passed."""
        session = self._session
        if name == "expiry":
            self._stop_timers()
            # §10: nobody refreshed in time, so the call ends.
            reason = Reason(protocol="SIP", cause=408, text="Session expired")
            session.end(EndCause.TIMEOUT, 408, "the session was not refreshed", now_s, reason)
        else:
            self.renew(now_s)

    def renew(self, now_s: float) -> None:
        """Send a target refresh that changes nothing of the media: for the timer, or because our Contact says something else now."""
        session = self._session
        if not session.peer_allows_update:
            # §7.4: a re-INVITE refreshes too; it says once more what is in force, so that nothing changes.
            session.offers.want(Task(is_renewal=True), now_s)
        elif self._request is None:
            # §7.4: an UPDATE without offer is preferred where the other side takes it: it cannot disturb the media.
            self._request = DialogRequest(session, "UPDATE", self._request_headers, b"", self._done)
            self._request.begin(now_s)
        else:
            self._is_due_again = True  # the one on its way may say what is out of date

    def _request_headers(self, hop: Hop) -> Headers:
        return (*self._session.request_headers(hop), *self.headers)

    def _done(self, status: int, text: str, now_s: float) -> None:
        session = self._session
        response = None if self._request is None else self._request.response
        self._request = None
        if session.is_over or session.lose(status, text, now_s):
            return
        if status in (405, 501):
            session.peer_allows_update = False
        if response is not None and status < 300:
            session.dialog = session.dialog.refreshed(response)
        self.heard(status, response, now_s)
        if self._is_due_again:
            self._is_due_again = False
            self.renew(now_s)

    def _stop_timers(self) -> None:
        self._session.endpoint.timers.clear(self, "refresh")
        self._session.endpoint.timers.clear(self, "expiry")
