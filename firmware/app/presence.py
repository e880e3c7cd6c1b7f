"""The door's presence: told to those who subscribe here, and kept at the servers of accounts that want it (RFC 3856, RFC 3903)."""

from __future__ import annotations

from firmware.config.schema import Settings
from firmware.sip import events as sip
from firmware.sip.notices import Publish, SetPresence
from firmware.sip.uri import Uri


class Presence:
    """Turns what happens on the line into commands; asks for nothing where the settings want nothing."""

    def __init__(self, settings: Settings) -> None:
        self._note = settings.station.name
        self._is_watched = bool(settings.incoming.watch)
        self._publishing = {account.name: account.uri for account in settings.account if account.publish}
        self._registered: set[str] = set()
        self._talking: set[str] = set()

    def on_event(self, event: sip.Event) -> tuple[sip.Command, ...]:
        """What follows from one event of the line."""
        if not self._is_watched and not self._publishing:
            return ()
        match event:
            case sip.Registered(account=account) if account in self._publishing and account not in self._registered:
                self._registered.add(account)
                return (*self._opened(), self._publication(account))
            case sip.RegistrationFailed(account=account) | sip.Unregistered(account=account):
                self._registered.discard(account)
                return ()
            case sip.CallAnswered(call=call):
                return self._talk(self._talking | {call})
            case sip.CallEnded(call=call):
                return self._talk(self._talking - {call})
            case _:
                return self._opened()

    def _opened(self) -> tuple[sip.Command, ...]:
        if not self._is_watched:
            return ()
        self._is_watched = False  # it stays open as long as the program lives
        return (SetPresence(is_open=True, note=self._note),)

    def _talk(self, talking: set[str]) -> tuple[sip.Command, ...]:
        changed = bool(talking) != bool(self._talking)
        self._talking = talking
        return tuple(self._publication(account) for account in sorted(self._registered)) if changed else ()

    def _publication(self, account: str) -> Publish:
        from firmware.sip.body import pidf

        uri = self._publishing[account]
        state = pidf.PresenceTuple(id="door", basic=pidf.OPEN, contact=uri, notes=(self._note,))
        activities = (pidf.ON_THE_PHONE,) if self._talking else ()
        return Publish(
            key=f"presence:{account}",
            target=Uri.parse(uri),
            package=pidf.EVENT,
            content_type=pidf.CONTENT_TYPE,
            body=pidf.encode(pidf.Presence(entity=uri, tuples=(state,), activities=activities)),
            account=sip.AccountName(account),
        )
