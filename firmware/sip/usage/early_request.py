"""What a dialog answers before its call is answered to requests that must wait for that, or have no meaning in it (RFC 3261 §12.1)."""

from __future__ import annotations

from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.usage.negotiation import SDP

NOT_YET = frozenset(("INFO", "MESSAGE", "REFER", "SUBSCRIBE"))
COME_BACK_S = 5  # a person who is about to answer has done so, mostly


def answer_early(request: Request, own: Headers) -> Response:
    """`own`: the headers of a target refresh.

    The dialog exists, so that 481 would be untrue, and to many peers it is the end of the call. What only an answered call can do is put
    off by a 500 with Retry-After (§21.5.1): that is about the one request and nothing else (RFC 5057 §5.1).
    """
    if request.method == "OPTIONS":
        # §11.2: inside a dialog it is answered as outside of it.
        return make_response(request, 200, headers=(*own, ("Accept", SDP)))
    if request.method in NOT_YET:
        return make_response(request, 500, "Not before the call is answered", headers=(("Retry-After", str(COME_BACK_S)),))
    # RFC 3261 §15: the callee must not end an early dialog with BYE. RFC 3262 §3, RFC 6665 §4.1.3: what a PRACK or a NOTIFY is about
    # does not exist.
    return make_response(request, 481)
