"""Who calls, on whose behalf, and in whose place: what an INVITE says beyond its offer (RFC 3891, RFC 3911, RFC 3325, RFC 5373)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.sip.auto_answer import auto_answer_wish
from firmware.sip.diversion import diversions
from firmware.sip.events import CallKey, IncomingCall
from firmware.sip.identity import asserted_identities, hides_caller
from firmware.sip.refer_to import referred_by
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.endpoint import AccountKnowledge


class Takeover(NamedTuple):
    """Our leg that the call shall replace, or join."""

    replaces: CallKey | None = None
    joins: CallKey | None = None


NO_TAKEOVER = Takeover()


def announcement(key: CallKey, transaction: ServerTransaction, knowledge: AccountKnowledge | None, takeover: Takeover) -> IncomingCall:
    """The call as the program hears of it."""
    request = transaction.request
    asserted = asserted_identities(request) if _is_trusted(transaction, knowledge) else ()
    return IncomingCall(
        call=key,
        caller=request.from_,
        called=request.uri,
        source=transaction.source,
        account=None if knowledge is None else knowledge.account.name,
        has_offer=bool(request.body),
        asserted=asserted[0] if asserted else None,
        is_private=hides_caller(request),
        auto_answer=auto_answer_wish(request),
        diversions=diversions(request),
        referred_by=referred_by(request),
        replaces=takeover.replaces,
        joins=takeover.joins,
        is_authenticated=transaction.is_authenticated,
    )


def _is_trusted(transaction: ServerTransaction, knowledge: AccountKnowledge | None) -> bool:
    """RFC 3325 §5: an asserted identity counts only when it comes from a node that we trust; else it is ignored."""
    return knowledge is not None and knowledge.account.habits.trusts_identity and transaction.source.host in knowledge.hosts
