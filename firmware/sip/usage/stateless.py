"""What is answered without a transaction, so that a flood of it leaves nothing behind (RFC 3261 §8.2.7): strangers, questions, nonsense."""

from __future__ import annotations

from collections.abc import Callable

from firmware.sip.events import Hop, Send
from firmware.sip.message import MalformedRequest, Request, Response, make_response
from firmware.sip.transaction.layer import response_hop
from firmware.sip.usage.admission import Admission
from firmware.sip.usage.endpoint import KNOWN_METHODS, Endpoint
from firmware.sip.usage.options import capabilities, conference_contact
from firmware.sip.usage.server_request import refusal

TRANSACTED_METHODS = KNOWN_METHODS - {"OPTIONS"}  # those that change something


class Stateless:
    """The stateless side of one agent. It answers through the endpoint, and remembers nothing."""

    def __init__(self, endpoint: Endpoint, admission: Admission) -> None:
        self._endpoint = endpoint
        self._admission = admission
        self._capabilities = capabilities(endpoint.settings)

    def takes(self, request: Request, source: Hop, *, is_ours: Callable[[Request], bool]) -> bool:
        """Whether that is all: the request is not wanted here, or only asks. `is_ours` looks whether it belongs to something of ours."""
        endpoint = self._endpoint
        is_server = endpoint.is_server(source.host)
        if self._admission.is_unwanted(request, endpoint.settings.users, is_server=is_server) and not is_ours(request):
            answer = self._admission.refusal(request)
        elif request.to_tag is None and request.method not in TRANSACTED_METHODS:
            answer = self._answer(request, source)
        else:
            return False
        if answer is not None:
            endpoint.emit(Send(hop=response_hop(request.via, source), data=answer.to_bytes()))
        return True

    def _answer(self, request: Request, source: Hop) -> Response:
        """OPTIONS (§11.2), and every method that is not allowed here: the answer to a repetition is the same, so nothing is remembered.

        Deviation: while we talk §11.2 would have 486, as an INVITE gets. Servers ask whether we live, and some take any refusal for no.
        """
        tag = self._admission.stateless_tag(request)
        refused = refusal(self._endpoint.settings, request)
        if refused is not None:
            return tagged(refused, tag)
        headers = self._capabilities + conference_contact(self._endpoint, request, source)
        return make_response(request, 200, to_tag=tag, headers=headers)

    def refuse_malformed(self, error: MalformedRequest, source: Hop) -> None:
        """§16.3 item 1, §8.2: what cannot be understood is refused without keeping state."""
        if self._admission.is_silent_to(is_server=self._endpoint.is_server(source.host)):
            return
        response = make_response(error.reply_to, error.status, to_tag=self._endpoint.ids.tag())
        hop = source if error.via is None else response_hop(error.via, source)
        self._endpoint.emit(Send(hop=hop, data=response.to_bytes()))


def tagged(response: Response, tag: str) -> Response:
    """§8.2.6.2: every response but 100 bears a To tag."""
    return response if response.to_tag is not None else response.with_header("To", f"{response.get('To')};tag={tag}")
