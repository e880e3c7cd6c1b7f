"""Texts that rules send to phones; that one does not arrive is news of the station's health."""

from __future__ import annotations

import logging
from collections.abc import Callable

from firmware.door import events as door
from firmware.errors import LocalProtocolError
from firmware.sip import events as sip
from firmware.sip.notices import RequestAnswered, SendMessage
from firmware.sip.uri import Uri

log = logging.getLogger("portero.messages")

WAITING_MAX = 16  # without an answer: each waits for half a minute at most, and old news helps nobody


class Messages:
    """Belongs to the event loop."""

    def __init__(self, command: Callable[[sip.Command], None], tell: Callable[[door.Input], None]) -> None:
        self._command = command
        self._tell = tell
        self._waiting: dict[str, str] = {}  # the address, by the key of its message
        self._failed: set[str] = set()
        self._sent = 0

    def send(self, effect: door.Message) -> None:
        """Send it, or give it up when too many wait for their answer."""
        if len(self._waiting) >= WAITING_MAX:
            self._health(effect.uri, f"{WAITING_MAX} messages wait for an answer already")
            return
        self._sent += 1
        key = f"rule message {self._sent}"
        account = None if effect.account is None else sip.AccountName(effect.account)
        self._waiting[key] = effect.uri
        try:
            self._command(SendMessage(key=key, target=Uri.parse(effect.uri), body=effect.text.encode(), account=account))
        except LocalProtocolError as error:
            del self._waiting[key]
            self._health(effect.uri, str(error))

    def on_answer(self, event: RequestAnswered) -> None:
        """What became of a message, of a rule or of somebody else."""
        uri = self._waiting.pop(event.key, None)
        if uri is not None:
            self._health(uri, "" if 200 <= event.status < 300 else f"a message was answered {event.status} {event.text}")

    def _health(self, uri: str, wrong: str) -> None:
        """News only: a phone that takes no messages is one entry in the journal."""
        if bool(wrong) is (uri in self._failed):
            return
        (self._failed.add if wrong else self._failed.discard)(uri)
        log.log(logging.WARNING if wrong else logging.INFO, "messages to %s: %s", uri, wrong or "arrive again")
        self._tell(door.HealthChanged(part=f"messages to {uri}", working=not wrong, detail=wrong or "arrive again"))
