"""What waits in the mailboxes that servers keep for the door's accounts (RFC 3842).

Nobody listens to a mailbox of a door: whoever called it and was sent there waits in vain. So an account may ask its server, other servers
tell unasked, and `portero doctor` says what to do about it.
"""

from __future__ import annotations

import logging

from firmware.config.schema import Settings
from firmware.errors import RemoteProtocolError
from firmware.sip import events as sip
from firmware.sip.notices import MailboxTold, Notified, Subscribe, SubscriptionChanged
from firmware.sip.uri import Uri

log = logging.getLogger("portero.mailboxes")

PACKAGE = "message-summary"
PREFIX = "mailbox:"  # of the keys of these subscriptions


class Mailboxes:
    """Turns what happens on the line into subscriptions; asks for nothing where the settings want nothing."""

    def __init__(self, settings: Settings) -> None:
        self.waiting: dict[str, int] = {}  # new messages by account, as far as servers have told
        self._watched = {account.name: account.uri for account in settings.account if account.watch_mailbox}
        self._asked: set[str] = set()

    def on_event(self, event: sip.Event) -> tuple[sip.Command, ...]:
        """What follows from one event of the line."""
        match event:
            case sip.Registered(account=account) if account in self._watched and account not in self._asked:
                self._asked.add(account)
                return (self._question(account),)
            case SubscriptionChanged(key=key, state="terminated") if key.startswith(PREFIX):
                self._asked.discard(key.removeprefix(PREFIX))  # refused for good: asked again with the next registration
            case Notified(key=key, body=body) if key.startswith(PREFIX):
                self._hear(key.removeprefix(PREFIX), body)
            case MailboxTold(account=account, body=body):
                self._hear(account, body)
            case _:
                pass
        return ()

    def _question(self, account: str) -> Subscribe:
        from firmware.sip.body.message_summary import CONTENT_TYPE

        return Subscribe(
            key=f"{PREFIX}{account}",
            target=Uri.parse(self._watched[account]),
            package=PACKAGE,
            account=sip.AccountName(account),
            accept=(CONTENT_TYPE,),
        )

    def _hear(self, account: str, body: bytes) -> None:
        from firmware.sip.body.message_summary import decode

        try:
            summary = decode(body)
        except RemoteProtocolError as error:
            log.info("account %s: what the server tells of its mailbox cannot be read: %s", account, error)
            return
        # A server may say that something waits without a number (RFC 3842 §5.2: counts are optional).
        new = (sum(count.new for count in summary.counts) or 1) if summary.waiting else 0
        if self.waiting.get(account, 0) != new:
            log.info("account %s: new messages in its mailbox at the server: %d", account, new)
        self.waiting[account] = new
