"""We ask: one REFER of ours inside a call, and what its reports tell (RFC 3515 §2.4.1, §2.4.5; RFC 3892 calls who asks the referrer)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.errors import RemoteProtocolError
from firmware.sip.body import sipfrag
from firmware.sip.event_package import Event, SubscriptionState
from firmware.sip.events import Hop, TransferProgress
from firmware.sip.header_lines import Headers
from firmware.sip.headers import NameAddr
from firmware.sip.refer_to import refer_sub
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.usage.dialog_request import DialogRequest

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session

FOLLOW_S_MAX = 180.0  # how long the target of a transfer may ring: as long as any call may


def report_of(body: bytes, state: SubscriptionState | None) -> tuple[int, str, bool]:
    """What a NOTIFY says of the call that we asked for, and whether it is the last word.

    RFC 3515 §2.4.5: the body begins with the status line of the response that the target sent.
    """
    is_last = state is not None and state.is_terminated
    try:
        fragment = sipfrag.decode(body)
        status, text = fragment.status, fragment.reason
    except RemoteProtocolError:
        status, text = 100, "a report that cannot be read"
    if is_last and status < 200:
        status, text = 480, "the other side reports no more"
    return status, text, is_last or status >= 200


class Asked:
    """One REFER of ours."""

    def __init__(self, session: Session, target: NameAddr, *, follow: bool) -> None:
        self.is_done = False
        self.is_subscribed = True  # whether reports may come: some peers send one more, after the outcome, that ends the subscription
        self._session = session
        self._target = target
        self._follow = follow
        self._is_accepted = False
        self._is_last = False  # whether the call has ended meanwhile
        self._until_s = 0.0  # when the subscription ends, as the reports say
        self._number = 0  # CSeq of the REFER, which names its reports when there are several
        self._request = DialogRequest(session, "REFER", self._headers, b"", self._answered)

    def begin(self, now_s: float) -> None:
        """Send it."""
        self._request.begin(now_s)

    def is_named(self, package: Event) -> bool:
        """Whether a report is about this REFER; one without id is about the first."""
        return self.is_subscribed and package.id in (None, str(self._number))

    def report(self, body: bytes, state: SubscriptionState | None, now_s: float) -> None:
        """How it goes."""
        self._is_accepted = True
        if state is not None and state.is_terminated:
            self.is_subscribed = False
        if self.is_done:
            return
        if state is not None and state.expires_s is not None:
            # RFC 3515 §2.4.4: who is asked sets how long the subscription lives; RFC 6665 §4.1.3: each report may say it anew.
            self._until_s = now_s + min(state.expires_s, FOLLOW_S_MAX)
        status, text, is_done = report_of(body, state)
        self._tell(status, text, now_s, is_done=is_done)

    def session_ended(self, now_s: float, *, by_peer: bool) -> None:
        """The call has ended."""
        if self.is_done:
            return
        if by_peer:
            # RFC 5057 §4.1: the subscription may outlive it: who does as we asked may hang up before its last report is here.
            self._is_last = True
            if self._is_accepted:
                self._await_last(now_s)
                return
            # RFC 3261 §15.1.2: whoever has not answered yet does so still, and be it 487; its answer may also have been lost or be late.
            self._request.conclude()
            if not self._request.is_done:
                return
        self._request.conclude()
        self._tell(487, "the call ended first", now_s, is_done=True)

    def _await_last(self, now_s: float) -> None:
        # A report of before the BYE, or the first one (RFC 6665 §4.1.2.4: timer N), is repeated for 64*T1; further ones may come until the
        # subscription ends.
        self._session.endpoint.timers.set(self, "silent", max(now_s + TRANSACTION_LIFE_S, self._until_s))

    def handle_timer(self, name: str, now_s: float) -> None:
        """No final report ever came."""
        assert name == "silent", name
        status, text = (487, "the call ended first") if self._is_last else (408, "no report on the transfer")
        self._tell(status, text, now_s, is_done=True)

    def _headers(self, hop: Hop) -> Headers:
        self._number = self._session.dialog.local_cseq + 1
        headers: Headers = (
            *self._session.request_headers(hop),
            ("Refer-To", str(self._target)),
            # RFC 3892 §2.2: who asks.
            ("Referred-By", f"<{self._session.dialog.local.uri}>"),
        )
        return headers if self._follow else (*headers, ("Refer-Sub", "false"))

    def _answered(self, status: int, text: str, now_s: float) -> None:
        if self.is_done:
            return
        response = self._request.response
        if status >= 300 or response is None:
            self.is_subscribed = False
            self._tell(status, text, now_s, is_done=True)
            self._session.lose(status, text, now_s)
            return
        # RFC 4488 §4: reports stay away only when the response says Refer-Sub: false as well.
        is_silent = refer_sub(response) is False
        self.is_subscribed = not is_silent
        if not is_silent:
            self._is_accepted = True
            if self._is_last:
                self._await_last(now_s)
            else:
                self._session.endpoint.timers.set(self, "silent", now_s + FOLLOW_S_MAX)
        self._tell(status, text, now_s, is_done=is_silent)

    def _tell(self, status: int, text: str, now_s: float, *, is_done: bool) -> None:
        session = self._session
        if is_done:
            self.is_done = True
            session.endpoint.timers.clear(self, "silent")
        session.endpoint.emit(TransferProgress(call=session.key, status=status, text=text, is_done=is_done))
        if is_done and self._is_last:
            session.referral_ended(now_s)
