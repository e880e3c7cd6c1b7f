"""A call that we place, until its first 2xx or its end (RFC 3261 §13.2, §9.1, §8.1.3.4).

    CALLING --2xx--> CONNECTED (a Session takes over)
       | --refused, nobody there, cancelled--> ENDED
In CONNECTED and ENDED it lives on inside its INVITE transaction: each later 2xx of another fork gets ACK and BYE.
"""

from __future__ import annotations

from enum import Enum

from firmware.errors import RemoteProtocolError
from firmware.sip.events import CallEnded, CallProgress, EndCause, Hop, Invite, MediaAgreed, Reason
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request, Response
from firmware.sip.usage.acceptance import Acknowledgement
from firmware.sip.usage.addressing import common_headers, contact, first_hop, own_address, preloaded_route, request_uri
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.dialog import Dialog, as_caller
from firmware.sip.usage.dialog_request import Farewell
from firmware.sip.usage.endpoint import ALLOW, AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import SDP, Negotiation, body_of
from firmware.sip.usage.redirection import Targets
from firmware.sip.usage.session import Session

FORKS_MAX = 16  # dialogs acknowledged for one INVITE; a proxy that forks wider than a house has phones is out of order


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
        self._negotiation = Negotiation(command.media)
        self._targets = Targets(command.target, endpoint.settings.redirects_max, endpoint.settings.targets_max)
        self._request = ClientRequest(endpoint, self, knowledge)
        self._call_id = endpoint.ids.call_id()
        self._tag = endpoint.ids.tag()
        self._uri = command.target
        self._from: NameAddr | None = None
        self._cseq = 0
        self._early_answer: tuple[str, bytes] | None = None  # To tag and description of the newest early media
        self._acks: dict[str, Acknowledgement] = {}  # by To tag
        endpoint.calls[command.call] = self

    def begin(self, now_s: float) -> None:
        """Send the INVITE."""
        self._endpoint.timers.set(self, "unanswered", now_s + self._endpoint.settings.unanswered_max_s)
        self._try_next(EndCause.UNREACHABLE, 0, f"a {self._command.target.scheme} URI cannot be called", now_s)

    def hang_up(self, reason: Reason | None, status: int, now_s: float) -> None:
        """Take the call back (§9.1). The program is told at once; what still comes from the network is dealt with silently."""
        self._end(EndCause.LOCAL, 487, "cancelled")
        self._request.cancel(None if reason is None else str(reason), now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The call has rung for the longest time that anybody may wish."""
        assert name == "unanswered", name
        self._end(EndCause.TIMEOUT, 408, "nobody answered in time")
        self._request.cancel(str(Reason(protocol="SIP", cause=408, text="Nobody answered")), now_s)

    # --- the INVITE

    def compose(self, hop: Hop) -> Request:
        """The INVITE for one attempt: same Call-ID, From and To, next CSeq (§8.1.3.4, §8.1.3.5)."""
        if self._from is None:
            self._from = own_address(self._endpoint, hop, self._knowledge).with_tag(self._tag)
        self._cseq += 1
        headers = (
            ("Max-Forwards", "70"),
            *preloaded_route(self._knowledge),
            ("From", str(self._from)),
            ("To", f"<{request_uri(self._command.target, self._knowledge)}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} INVITE"),
            ("Contact", contact(self._endpoint, hop, self._knowledge)),
            ("Allow", ALLOW),
            *common_headers(self._endpoint),
        )
        if self._command.offerless:
            return Request("INVITE", self._uri, headers)
        offer = self._negotiation.offer(self._negotiation.wish, hop.local_host)
        return Request("INVITE", self._uri, (*headers, ("Content-Type", SDP)), offer)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """101-199: ringing, or early media (§13.2.2.1)."""
        if self._phase is not Phase.CALLING:
            return
        self._endpoint.emit(CallProgress(call=self._command.call, status=response.status, text=response.reason))
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

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The outcome of one target; further 2xx after it."""
        if response.status < 300:
            self._accepted(request, response, now_s)
        elif self._phase is Phase.CALLING:
            self._refused(response, now_s)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """Nobody answered at this target."""
        if self._phase is Phase.CALLING:
            self._try_next(EndCause.TIMEOUT if status == 408 else EndCause.UNREACHABLE, status, text, now_s)

    # --- refusals

    def _refused(self, response: Response, now_s: float) -> None:
        status, text = response.status, response.reason
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
            self._end(cause, status, text)
        else:
            self._try_next(cause, status, text, now_s)

    def _try_next(self, cause: EndCause, status: int, text: str, now_s: float) -> None:
        """Call the next target; end with this reason when there is none."""
        target = self._targets.next()
        uri = None if target is None else request_uri(target, self._knowledge)
        if uri is None:
            self._end(cause, status, text)
            return
        self._uri = uri
        self._negotiation.withdraw()
        self._request = ClientRequest(self._endpoint, self, self._knowledge)
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
        dialog = as_caller(request, response)
        if self._phase is Phase.CALLING:
            self._connect(dialog, response, now_s)
            return
        # §13.2.2.4, §9.1: an answer from another fork, or one that crossed our CANCEL: ACK it, then end it.
        self._acknowledge(dialog, b"", now_s)
        Farewell(self._endpoint, dialog, self._knowledge).begin((), now_s)

    def _connect(self, dialog: Dialog, response: Response, now_s: float) -> None:
        self._phase = Phase.CONNECTED
        self._endpoint.timers.clear(self, "unanswered")
        session = Session(self._endpoint, self._command.call, dialog, self._negotiation, self._knowledge)
        answer, problem = b"", ""
        try:
            answer = self._negotiate(response)
        except RemoteProtocolError as error:
            problem = str(error)
        self._acknowledge(dialog, answer, now_s)
        if problem:
            # §13.2.2.4: an unusable answer: acknowledge, then end the session with BYE.
            session.end(EndCause.INCOMPATIBLE, 488, problem, now_s)
            return
        session.tell_answered()
        session.tell_media()

    def _negotiate(self, response: Response) -> bytes:
        """What the 2xx says about media; the answer that its ACK must carry, b"" for none (§13.2.2.4)."""
        body = body_of(response)
        if self._command.offerless:
            if body is None:
                raise RemoteProtocolError("the 200 to an INVITE without offer holds no offer")
            return self._negotiation.answer(body, self._local_host(response))[0]
        early = self._early_answer
        if body is None and early is not None and early[0] == (response.to.tag or ""):
            # The 2xx should repeat the description of the 18x (RFC 6337 §3.1.1); some peers do not, and mean it all the same.
            body = early[1]
        if body is None:
            raise RemoteProtocolError("the 200 holds no answer to our offer")
        self._negotiation.accept(body)
        return b""

    def _local_host(self, response: Response) -> str:
        """Our address as our own Via states it."""
        return response.via.host

    def _acknowledge(self, dialog: Dialog, answer: bytes, now_s: float) -> None:
        headers = (*self._request.credentials, ("Content-Type", SDP)) if answer else self._request.credentials
        ack = dialog.compose("ACK", headers, answer)
        acknowledgement = self._acks[dialog.remote.tag or ""] = Acknowledgement(self._endpoint, ack, dialog.next_hop)
        acknowledgement.send(now_s)

    def _end(self, cause: EndCause, status: int, text: str) -> None:
        self._phase = Phase.ENDED
        self._endpoint.timers.clear(self, "unanswered")
        self._endpoint.calls.pop(self._command.call, None)
        self._endpoint.emit(CallEnded(call=self._command.call, cause=cause, status=status, text=text))


def source_of(response: Response) -> str:
    """The realm of a challenge for people, as far as it can be read."""
    value = response.get("WWW-Authenticate") or response.get("Proxy-Authenticate") or ""
    _, found, rest = value.partition('realm="')
    return f"realm {rest.partition(chr(34))[0]!r}" if found else "the server"
