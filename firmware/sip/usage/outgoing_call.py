"""A call that we place, until its first 2xx or its end (RFC 3261 §13.2, §9.1, §8.1.3.4).

    CALLING --2xx--> CONNECTED (a Session takes over)
       | --refused, nobody there, cancelled--> ENDED
In CONNECTED and ENDED it lives on inside its INVITE transaction: each later 2xx of another fork gets ACK and BYE.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from firmware.errors import RemoteProtocolError
from firmware.sip.events import CallEnded, CallProgress, EndCause, Hop, Invite, MediaAgreed, Reason, Update
from firmware.sip.header_lines import Headers
from firmware.sip.headers import NameAddr
from firmware.sip.identity import ANONYMOUS
from firmware.sip.message import Request, Response
from firmware.sip.rack import OPTION_TAG
from firmware.sip.reason import explained
from firmware.sip.session_timer import session_expires
from firmware.sip.settings import CallHabits, Use
from firmware.sip.uri import Uri
from firmware.sip.usage import refresh
from firmware.sip.usage.acceptance import Acknowledgement
from firmware.sip.usage.addressing import first_hop, own_address, preloaded_route, request_uri, session_headers
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.dialog import Dialog, allows, as_caller
from firmware.sip.usage.dialog_request import Farewell
from firmware.sip.usage.early_dialog import EarlyDialog
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import SDP, Negotiation, Standpoint, body_of
from firmware.sip.usage.redirection import Targets
from firmware.sip.usage.reliable import number_of
from firmware.sip.usage.session import Session

FORKS_MAX = 16  # dialogs acknowledged for one INVITE; a proxy that forks wider than a house has phones is out of order
TIMER_RETRIES_MAX = 3  # 422 answered with a larger interval; every server on the way may ask once


class CallWatcher(Protocol):
    """Who asked for the call and follows it: a transfer."""

    def call_progressed(self, status: int, text: str, now_s: float) -> None:
        """A provisional response."""
        ...

    def call_answered(self, now_s: float) -> None:
        """The first 2xx."""
        ...

    def call_failed(self, status: int, text: str, now_s: float) -> None:
        """The call is over without an answer; `status` 0 when there was none."""
        ...


class Phase(Enum):
    """Where the call stands."""

    CALLING = "waiting for an answer"
    CONNECTED = "a session has taken over"
    ENDED = "nobody wants an answer any more"


class OutgoingCall:
    """One call leg that we place. `hang_up` in any state."""

    def __init__(self, endpoint: Endpoint, command: Invite, knowledge: AccountKnowledge | None) -> None:
        self._endpoint = endpoint
        self._command = command
        self._knowledge = knowledge
        self._phase = Phase.CALLING
        self._negotiation = Negotiation(command.media, endpoint.ids)
        self._targets = Targets(command.target, endpoint.settings.redirects_max, endpoint.settings.targets_max)
        self._request = ClientRequest(endpoint, self, knowledge, shorten=self._negotiation.shorten)
        self._call_id = endpoint.ids.call_id()
        self._tag = endpoint.ids.tag()
        self._uri = command.target
        self._from: NameAddr | None = None
        self._cseq = 0
        self._early_answer: tuple[str, bytes] | None = None  # To tag and description of the newest early media
        self._early: dict[str, EarlyDialog] = {}  # by To tag
        self._habits = endpoint.habits(knowledge)
        self._interval_s = self._habits.session_expires_s
        self._interval_min_s = self._habits.session_min_s
        self._timer_retries = 0
        self._watcher: CallWatcher | None = None
        self._acks: dict[str, Acknowledgement] = {}  # by To tag
        endpoint.calls[command.call] = self

    @property
    def remote(self) -> NameAddr:
        """Whom we call."""
        return NameAddr(self._command.display_name, self._command.target)

    @property
    def has_progressed(self) -> bool:
        """Whether some phone has said that it rings, or the like."""
        return bool(self._early)

    def begin(self, now_s: float) -> None:
        """Send the INVITE."""
        self._endpoint.timers.set(self, "unanswered", now_s + self._endpoint.settings.unanswered_max_s)
        self._try_next(EndCause.UNREACHABLE, 0, f"a {self._command.target.scheme} URI cannot be called", now_s)

    def hang_up(self, reason: Reason | None, status: int, now_s: float, cause: EndCause = EndCause.LOCAL) -> None:
        """Take the call back (§9.1). The program is told at once; what still comes from the network is dealt with silently."""
        self._end(cause, 487, "cancelled", now_s)
        self._request.cancel(None if reason is None else str(reason), now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The call has rung for the longest time that anybody may wish."""
        assert name == "unanswered", name
        self._end(EndCause.TIMEOUT, 408, "nobody answered in time", now_s)
        self._request.cancel(str(Reason(protocol="SIP", cause=408, text="Nobody answered")), now_s)

    # --- the INVITE

    def compose(self, hop: Hop) -> Request:
        """The INVITE for one attempt: same Call-ID, From and To, next CSeq (§8.1.3.4, §8.1.3.5)."""
        if self._from is None:
            # RFC 3323 §4.1: who wants to stay unknown has no name in From either.
            address = ANONYMOUS if self._habits.is_anonymous else own_address(self._endpoint, hop, self._knowledge)
            self._from = address.with_tag(self._tag)
        called = request_uri(self._command.target, self._knowledge)
        assert called is not None, "a target that nobody could route is not tried"
        self._cseq += 1
        headers = (
            ("Max-Forwards", "70"),
            *preloaded_route(self._knowledge),
            ("From", str(self._from)),
            ("To", str(NameAddr(self._command.display_name, called))),  # §8.1.1.2: "The To header field allows for a display name."
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} INVITE"),
            *session_headers(
                self._endpoint,
                hop,
                self._knowledge,
                is_focus=self._command.call in self._endpoint.focus,
                is_secure=self._uri.is_secure,
            ),
            *invitation_headers(self._command, self._habits, self._knowledge),
            *refresh.wish(self._habits, self._interval_s, self._interval_min_s),
        )
        if self._command.offerless:
            return Request("INVITE", self._uri, headers)
        offer = self._negotiation.offer(self._negotiation.wish, Standpoint.at(hop))
        return Request("INVITE", self._uri, (*headers, ("Content-Type", SDP)), offer)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """101-199: ringing, or early media (§13.2.2.1)."""
        if self._phase is not Phase.CALLING:
            return
        early = self._early_dialog(response)
        if early is not None and not early.hear(response):
            return
        self._endpoint.emit(CallProgress(call=self._command.call, status=response.status, text=response.reason))
        if self._watcher is not None:
            self._watcher.call_progressed(response.status, response.reason, now_s)
        if early is not None and self._habits.reliable is not Use.OFF and number_of(response) is not None:
            try:
                early.settle(response, Standpoint.stated(response.via), now_s)
            except RemoteProtocolError as error:
                # RFC 3262 §5: a description that cannot be used: there will be no session, so the call is taken back.
                self._end(EndCause.INCOMPATIBLE, 488, str(error), now_s)
                self._request.cancel(None, now_s)
        elif early is None or not early.is_settled:
            self._preview(response)

    def _early_dialog(self, response: Response) -> EarlyDialog | None:
        """§12.1.2: the early dialog of a provisional response, made by its first; None for one without a tag."""
        tag = response.to.tag
        if not tag:
            return None
        request, known = self._request.request, self._early.get(tag)
        if request is None or (known is not None and known.invite_number == request.cseq.number):
            return known
        if known is None and len(self._early) >= FORKS_MAX:
            return None
        dialog = as_caller(request, response)
        if known is not None:
            # Whoever answers the next INVITE under the tag that it gave to the one before: the numbers go on (§12.2.1.1), all else is new.
            known.leave()
            dialog = dialog._replace(local_cseq=max(dialog.local_cseq, known.dialog.local_cseq))
        early = EarlyDialog(self._endpoint, self._command.call, dialog, self._negotiation.fork(), self._knowledge, request.cseq.number)
        self._early[tag] = early
        return early

    def _preview(self, response: Response) -> None:
        """Early media in a response that may be lost: played, but the 2xx decides (§13.2.1)."""
        if not self._negotiation.is_offering:
            return
        try:
            body = body_of(response)
            session = None if body is None else self._negotiation.preview(body)
        except RemoteProtocolError:
            return  # early media that cannot be played is no reason to end the call; the 2xx decides
        if body is not None and session is not None and self._early_answer != (response.to.tag or "", body):
            self._early_answer = (response.to.tag or "", body)
            self._endpoint.emit(MediaAgreed(call=self._command.call, session=session, early=True))

    def update(self, command: Update, now_s: float) -> bool:
        """Offer anew before the answer, in the newest early dialog that can; False when none can."""
        return any(early.update(command, now_s) for early in reversed(self._early.values()))

    def watch(self, watcher: CallWatcher) -> None:
        """Tell `watcher` how the call goes until it is answered or over."""
        self._watcher = watcher

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The outcome of one target; further 2xx after it."""
        if response.status < 300:
            self._accepted(request, response, now_s)
        elif self._phase is Phase.CALLING:
            self._refused(response, now_s)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """Nobody answered at this target."""
        if self._phase is Phase.CALLING:
            cause = {408: EndCause.TIMEOUT, 488: EndCause.INCOMPATIBLE}.get(status, EndCause.UNREACHABLE)
            self._try_next(cause, status, text, now_s)

    # --- refusals

    def _refused(self, response: Response, now_s: float) -> None:
        status, text = response.status, explained(response)
        if status == 422 and self._retry_timer(response, now_s):
            return
        if status < 400:
            # §8.1.3.4: the contacts of a redirection are tried in the order of their q value.
            self._targets.redirect(response.contacts)
        cause = {408: EndCause.TIMEOUT, 488: EndCause.INCOMPATIBLE, 606: EndCause.INCOMPATIBLE}.get(status, EndCause.REFUSED)
        retry_after = response.get("Retry-After")
        if retry_after is not None:
            text = f"{text} (retry after {retry_after[:40]})"
        if status in (401, 407):
            text = f"{text}: no credentials for what {source_of(response)} asks"
        if status >= 600:
            # §21.6: a global failure: no other place is worth trying.
            self._end(cause, status, text, now_s)
        else:
            self._try_next(cause, status, text, now_s)

    def _retry_timer(self, response: Response, now_s: float) -> bool:
        """RFC 4028 §7.3: an interval that was too small for somebody on the way is raised, and the call placed again."""
        larger_s = refresh.raised(response, max(self._interval_s, self._interval_min_s))
        if larger_s is None or self._timer_retries >= TIMER_RETRIES_MAX:
            return False
        self._timer_retries += 1
        self._interval_s = self._interval_min_s = larger_s
        self._call(self._uri, now_s)
        return True

    def _try_next(self, cause: EndCause, status: int, text: str, now_s: float) -> None:
        """Call the next target; end with this reason when there is none."""
        target = self._targets.next()
        uri = None if target is None else request_uri(target, self._knowledge)
        if uri is None:
            self._end(cause, status, text, now_s)
            return
        self._call(uri, now_s)

    def _call(self, uri: Uri, now_s: float) -> None:
        self._uri = uri
        self._negotiation.withdraw()
        self._leave_early()
        self._request = ClientRequest(self._endpoint, self, self._knowledge, shorten=self._negotiation.shorten)
        self._request.begin(first_hop(uri, self._knowledge), now_s)

    # --- answers

    def _accepted(self, request: Request, response: Response, now_s: float) -> None:
        tag = response.to.tag or ""
        if tag in self._acks:
            # §13.2.2.4: each repetition of a 2xx gets the ACK again.
            self._acks[tag].send(now_s)
            return
        if len(self._acks) >= FORKS_MAX:
            return
        dialog, early = as_caller(request, response), self._early.get(tag)
        if early is not None:
            # §13.2.2.4: the early dialog becomes this one; route set and target are those of the 2xx, the numbers go on.
            dialog = dialog._replace(local_cseq=early.dialog.local_cseq, remote_cseq=early.dialog.remote_cseq)
        if self._phase is Phase.CALLING:
            self._connect(request, dialog, early, response, now_s)
            return
        # §13.2.2.4, §9.1: an answer from another fork, or one that crossed our CANCEL: ACK it, then end it.
        self._acknowledge(request, dialog, b"", now_s)
        Farewell(self._endpoint, dialog, self._knowledge).begin((), now_s)

    def _connect(self, request: Request, dialog: Dialog, early: EarlyDialog | None, response: Response, now_s: float) -> None:
        self._phase = Phase.CONNECTED
        self._endpoint.timers.clear(self, "unanswered")
        self._leave_early()
        negotiation = self._negotiation if early is None else early.negotiation
        session = Session(self._endpoint, self._command.call, dialog, negotiation, self._knowledge)
        session.peer_allows_update = allows(response, "UPDATE")
        answer, problem = b"", ""
        try:
            answer = self._negotiate(response, negotiation, early)
        except RemoteProtocolError as error:
            problem = str(error)
        self._acknowledge(request, dialog, answer, now_s)
        if self._watcher is not None:
            self._watcher.call_answered(now_s)
        if problem:
            # §13.2.2.4: an unusable answer: acknowledge, then end the session with BYE.
            session.end(EndCause.INCOMPATIBLE, 488, problem, now_s)
            return
        session.tell_answered()
        session.tell_media()
        if self._habits.session_timer is not Use.OFF:
            session.refresher.start(session_expires(response), now_s, we_asked=True)
        if early is not None:
            early.become(session)

    def _negotiate(self, response: Response, negotiation: Negotiation, early: EarlyDialog | None) -> bytes:
        """What the 2xx says about media; the answer that its ACK must carry, b"" for none (§13.2.2.4)."""
        if early is not None and early.is_settled:
            return b""  # RFC 6337 §3.1.1: after a reliable answer a description in the 2xx repeats it, and is ignored
        body = body_of(response)
        if self._command.offerless:
            if body is None:
                raise RemoteProtocolError("the 200 to an INVITE without offer holds no offer")
            return negotiation.answer(body, Standpoint.stated(response.via))[0]
        said = self._early_answer
        if body is None and said is not None and said[0] == (response.to.tag or ""):
            # The 2xx should repeat the description of the 18x (RFC 6337 §3.1.1); some peers do not, and mean it all the same.
            body = said[1]
        if body is None:
            raise RemoteProtocolError("the 200 holds no answer to our offer")
        negotiation.accept(body)
        return b""

    def _acknowledge(self, request: Request, dialog: Dialog, answer: bytes, now_s: float) -> None:
        headers = (*self._request.credentials, ("Content-Type", SDP)) if answer else self._request.credentials
        ack = dialog.compose("ACK", headers, answer, cseq=request.cseq.number)
        acknowledgement = self._acks[dialog.remote.tag or ""] = Acknowledgement(self._endpoint, ack, dialog.next_hop)
        acknowledgement.send(now_s)

    def _end(self, cause: EndCause, status: int, text: str, now_s: float) -> None:
        self._phase = Phase.ENDED
        self._endpoint.timers.clear(self, "unanswered")
        self._endpoint.calls.pop(self._command.call, None)
        self._leave_early()
        if self._watcher is not None:
            self._watcher.call_failed(status, text, now_s)
        self._endpoint.emit(CallEnded(call=self._command.call, cause=cause, status=status, text=text))

    def _leave_early(self) -> None:
        """No early dialog waits any more. They are kept for their numbers: a late 2xx of one of them still needs ACK and BYE."""
        for early in self._early.values():
            early.leave()


def invitation_headers(command: Invite, habits: CallHabits, knowledge: AccountKnowledge | None) -> Headers:
    """What an INVITE says beyond what every message of a session says."""
    headers: list[tuple[str, str]] = []
    if habits.reliable is Use.REQUIRED:
        headers.append(("Require", OPTION_TAG))  # RFC 3262 §4
    if command.replaces is not None:
        # RFC 3891 §4: whoever does not understand would ring for a call that nobody expects.
        headers += [("Replaces", str(command.replaces)), ("Require", "replaces")]
    if command.join is not None:
        headers += [("Join", str(command.join)), ("Require", "join")]
    if command.referred_by is not None:
        headers.append(("Referred-By", str(command.referred_by)))
    if habits.is_anonymous:
        headers.append(("Privacy", "id"))
        if knowledge is not None:
            # RFC 3325 §9.2: the server may know who we are, and is asked not to tell.
            headers.append(("P-Preferred-Identity", f"<{knowledge.account.aor}>"))
    return tuple(headers)


def source_of(response: Response) -> str:
    """The realm of a challenge for people, as far as it can be read."""
    value = response.get("WWW-Authenticate") or response.get("Proxy-Authenticate") or ""
    _, found, rest = value.partition('realm="')
    return f"realm {rest.partition(chr(34))[0]!r}" if found else "the server"
