"""What every request must pass before anyone acts on it (RFC 3261 §8.2): method, Request-URI, extensions, body."""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip.message import METHODS, Request, Response, make_response
from firmware.sip.settings import AgentSettings, CallHabits, Use
from firmware.sip.usage.dialog import Dialog
from firmware.sip.usage.endpoint import ALLOW, KNOWN_METHODS, Endpoint
from firmware.sip.usage.negotiation import SDP, body_of, is_optional

# Option tags: RFC 3262, RFC 4028, RFC 3891, RFC 3911, RFC 4488, RFC 4538, RFC 4916, RFC 5373.
SUPPORTED = ("100rel", "timer", "replaces", "join", "norefersub", "tdialog", "from-change", "answermode")


def supported(*habits: CallHabits) -> tuple[str, ...]:
    """The extensions that we understand and that one of these habits, at least, does not forbid."""
    off = {"100rel"} if all(each.reliable is Use.OFF for each in habits) else set()
    if all(each.session_timer is Use.OFF for each in habits):
        off.add("timer")
    return tuple([tag for tag in SUPPORTED if tag not in off])


def supported_somewhere(settings: AgentSettings) -> tuple[str, ...]:
    """The extensions that count where it is not known yet over which account, if any, somebody speaks."""
    return supported(settings.habits, *[account.habits for account in settings.accounts])


def refusal(settings: AgentSettings, request: Request) -> Response | None:
    """The response that refuses the request, None when it may be processed. In the order that §8.2 asks for."""
    if request.method not in KNOWN_METHODS:
        # §8.2.1: a method that we know but do not allow is 405, one that nobody knows 501 (§21.5.2); both list Allow.
        return make_response(request, 405 if request.method in METHODS else 501, headers=(("Allow", ALLOW),))
    if request.method == "CANCEL":
        return None
    if request.method != "INVITE" and (request.get("Replaces") is not None or request.get("Join") is not None):
        # RFC 3891 §3, RFC 3911 §4: in any request but INVITE these are refused.
        return make_response(request, 400)
    if not request.uri.is_sip:
        # §8.2.2.1: a scheme that we do not support is 416.
        return make_response(request, 416)
    demanded = demand_refusal(request, supported_somewhere(settings)) if request.get("Require") is not None else None
    return _body_refusal(settings, request) if demanded is None else demanded


def demand_refusal(request: Request, known: tuple[str, ...]) -> Response | None:
    """The response to a request that requires extensions beyond `known`, None when it does not."""
    unknown = [tag for tag in request.get_all("Require") if tag.lower() not in known]
    # §8.2.2.3: options that we do not understand are listed in Unsupported. Proxy-Require is not ours to judge.
    return make_response(request, 420, headers=(("Unsupported", ", ".join(unknown)),)) if unknown else None


def entered(endpoint: Endpoint, dialog: Dialog, request: Request) -> tuple[Dialog, Response | None]:
    """A request inside a dialog: the dialog after it, and the response that refuses it, None when it may be processed."""
    if dialog.is_stale(request.cseq.number):
        # §12.2.2: a sequence number below the last one is out of order.
        return dialog, make_response(request, 500, "Request out of order")
    return dialog.heard(request.cseq.number), refusal(endpoint.settings, request)


def _body_refusal(settings: AgentSettings, request: Request) -> Response | None:
    method = request.method
    accepted: tuple[str, ...] = ()
    if method in ("INVITE", "OPTIONS", "PRACK", "UPDATE"):
        accepted = (SDP,)
    elif method == "INFO" and request.get("Info-Package") is None:
        accepted = tuple(sorted(settings.info_types))
    if request.body and accepted:
        encoding = request.get("Content-Encoding")
        if encoding is not None and encoding.lower() != "identity":
            # §8.2.3: an encoding that we do not understand is 415 with what we accept.
            return make_response(request, 415, headers=(("Accept-Encoding", "identity"),))
        if not _is_understood(request, accepted):
            # §8.2.3: a body type that we do not understand, and that is not marked optional, is 415 with what we accept.
            return make_response(request, 415, headers=(("Accept", ", ".join(accepted)),))
    if method == "INVITE" and not _takes_sdp(request):
        # §21.4.7: the answer could only be a session description, which the caller does not accept.
        return make_response(request, 406)
    return None


def _is_understood(request: Request, accepted: tuple[str, ...]) -> bool:
    if request.content_type in accepted or is_optional(request):
        return True
    if SDP not in accepted:
        return False
    try:
        return body_of(request) is not None
    except RemoteProtocolError:
        return False


def _takes_sdp(request: Request) -> bool:
    """§20.1: without Accept an INVITE accepts application/sdp; an Accept that names neither it nor a wildcard does not."""
    accepted = [value.partition(";")[0].strip().lower() for value in request.get_all("Accept")]
    return not accepted or any(kind in (SDP, "application/*", "*/*") for kind in accepted)
