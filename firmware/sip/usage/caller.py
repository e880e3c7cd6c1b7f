"""Who calls, on whose behalf, and in whose place: what an INVITE says beyond its offer (RFC 3891, RFC 3911, RFC 3325, RFC 5373)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.sip.auto_answer import auto_answer_wish
from firmware.sip.diversion import diversions
from firmware.sip.events import CallKey, IncomingCall
from firmware.sip.headers import NameAddr
from firmware.sip.identity import asserted_identities, hides_caller, remote_parties
from firmware.sip.message import Request
from firmware.sip.refer_to import referred_by
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.endpoint import AccountKnowledge
from firmware.sip.usage.negotiation import body_of


class Takeover(NamedTuple):
    """Our leg that the call shall replace, or join."""

    replaces: CallKey | None = None
    joins: CallKey | None = None


NO_TAKEOVER = Takeover()


def announcement(
    key: CallKey, transaction: ServerTransaction, knowledge: AccountKnowledge | None, takeover: Takeover, *, conference: str
) -> IncomingCall:
    """The call as the program hears of it. `conference`: the user part of the conference's own URI, '' when it has none."""
    request = transaction.request
    asserted = _vouched(request) if _is_trusted(transaction, knowledge) else None
    return IncomingCall(
        call=key,
        caller=request.from_,
        called=request.uri,
        source=transaction.source,
        account=None if knowledge is None else knowledge.account.name,
        has_offer=body_of(request) is not None,
        asserted=asserted,
        is_private=hides_caller(request),
        auto_answer=auto_answer_wish(request),
        diversions=diversions(request),
        referred_by=referred_by(request),
        replaces=takeover.replaces,
        joins=takeover.joins,
        is_authenticated=transaction.is_authenticated,
        is_conference=bool(conference) and request.uri.user_text == conference,
    )


def _vouched(request: Request) -> NameAddr | None:
    """Whom the server vouches for: P-Asserted-Identity, else the Remote-Party-ID that older PBXs send, if they have looked (screen=yes)."""
    asserted = asserted_identities(request)
    if asserted:
        return asserted[0]
    return next((party.address for party in remote_parties(request) if party.party == "calling" and party.is_screened), None)


def _is_trusted(transaction: ServerTransaction, knowledge: AccountKnowledge | None) -> bool:
    """RFC 3325 §5: an asserted identity counts only when it comes from a node that we trust; else it is ignored."""
    return knowledge is not None and knowledge.account.habits.trusts_identity and transaction.source.host in knowledge.hosts
