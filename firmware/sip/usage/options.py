"""OPTIONS: what we can do, and what a neighbour can (RFC 3261 §11)."""

from __future__ import annotations

from firmware.sip.events import Hop, OptionsAnswered, QueryOptions
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response
from firmware.sip.settings import AgentSettings
from firmware.sip.usage.addressing import common_headers, contact, first_hop, own_address, preloaded_route, request_uri
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.endpoint import ALLOW, AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import SDP
from firmware.sip.usage.server_request import supported_somewhere


def capabilities(settings: AgentSettings) -> Headers:
    """§11.2: what the 200 to OPTIONS outside a dialog tells: Allow, Accept, Accept-Encoding, Accept-Language, Supported."""
    return (
        ("Allow", ALLOW),
        ("Accept", SDP),
        ("Accept-Encoding", "identity"),
        ("Accept-Language", "en"),
        ("Supported", ", ".join(supported_somewhere(settings))),
    )


def conference_contact(endpoint: Endpoint, request: Request, source: Hop) -> Headers:
    """RFC 4579 §5: whether a URI is that of a conference can be asked by OPTIONS; the Contact of the answer says so, if it is."""
    name = endpoint.settings.conference
    return (("Contact", contact(endpoint, source, None, is_focus=True)),) if name and request.uri.user_text == name else ()


class OptionsQuery:
    """One question to a neighbour."""

    def __init__(self, endpoint: Endpoint, command: QueryOptions, knowledge: AccountKnowledge | None) -> None:
        self._endpoint = endpoint
        self._command = command
        self._knowledge = knowledge
        self._uri = request_uri(command.target, knowledge) or command.target
        self._call_id = endpoint.ids.call_id()
        self._tag = endpoint.ids.tag()
        self._cseq = 0

    def begin(self, now_s: float) -> None:
        """Ask."""
        request = ClientRequest(self._endpoint, self, self._knowledge)
        request.begin(first_hop(self._uri, self._knowledge), now_s)

    def compose(self, hop: Hop) -> Request:
        """§11.1: built like any request outside a dialog, with Accept and a Contact."""
        self._cseq += 1
        headers = (
            ("Max-Forwards", "70"),
            *preloaded_route(self._knowledge),
            ("From", str(own_address(self._endpoint, hop, self._knowledge).with_tag(self._tag))),
            ("To", f"<{self._uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} OPTIONS"),
            ("Contact", contact(self._endpoint, hop, self._knowledge, is_secure=self._uri.is_secure)),
            ("Accept", SDP),
            *common_headers(self._endpoint),
        )
        return Request("OPTIONS", self._uri, headers)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The answer."""
        self._endpoint.emit(OptionsAnswered(key=self._command.key, status=response.status, text=response.reason))

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        self._endpoint.emit(OptionsAnswered(key=self._command.key, status=status, text=text))
