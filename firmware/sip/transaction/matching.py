"""Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3)."""

from __future__ import annotations

from firmware.ids import MAGIC_COOKIE
from firmware.sip.message import Request, Response

ClientKey = tuple[str, str]  # branch, method
ServerKey = tuple[str, ...]
MergeKey = tuple[str, str, int, str]


def client_key(message: Request | Response) -> ClientKey:
    """§17.1.3: the branch of the top Via and the method of CSeq; the latter tells CANCEL from the request that it cancels."""
    return message.via.branch or "", message.cseq.method


def server_key(request: Request, method: str | None = None) -> ServerKey:
    """§17.2.3: branch, sent-by and method, where an ACK counts as INVITE. `method` asks for a sibling: the INVITE of a CANCEL.

    Call-ID and CSeq number are added: a retransmission, an ACK and a CANCEL repeat them, so nothing that belongs together is torn apart,
    and a peer that uses one branch for several requests (RFC 4475 has such messages) still gets all of them answered.
    """
    via = request.via
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    branch = via.branch or ""
    number = str(request.cseq.number)
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return branch, via.host.lower(), str(via.port or ""), method, request.call_id, number
    # §17.2.3, for RFC 2543 peers: Request-URI, From tag, Call-ID, CSeq number and top Via. The To tag is left out: an ACK bears
    # the one that we gave, its INVITE none, and the other fields tell calls apart.
    return str(request.uri), request.from_.tag or "", request.call_id, number, str(via), method


def merge_key(request: Request) -> MergeKey:
    """§8.2.2.2: two requests outside a dialog with equal From tag, Call-ID and CSeq are the same one that came over two ways."""
    return request.from_.tag or "", request.call_id, request.cseq.number, request.method
