"""The event package `presence`: whether the door is there, and what it does (RFC 3856, RFC 3863)."""

from __future__ import annotations


class PresenceState:
    """What the program wants to be known of us; closed until it says otherwise."""

    name = "presence"
    content_type = "application/pidf+xml"
    gap_s = 5.0  # RFC 3856 §6.10: not more than one NOTIFY in five seconds

    def __init__(self) -> None:
        self._serial = 0
        self._is_open = False
        self._note = ""
        self._on_the_phone = False

    @property
    def serial(self) -> int:
        """Rises with each change."""
        return self._serial

    def set(self, *, is_open: bool, note: str) -> bool:
        """Take the program's word; True when it is news."""
        return self._become((is_open, note, self._on_the_phone))

    def set_on_the_phone(self, on_the_phone: bool) -> bool:
        """Whether a call is up; True when it is news."""
        return self._become((self._is_open, self._note, on_the_phone))

    def _become(self, state: tuple[bool, str, bool]) -> bool:
        if state == (self._is_open, self._note, self._on_the_phone):
            return False
        self._is_open, self._note, self._on_the_phone = state
        self._serial += 1
        return True

    def document(self, entity: str, version: int, since: int | None) -> bytes:
        """The whole state each time: PIDF knows no partial one."""
        from firmware.sip.body import pidf

        notes = (self._note,) if self._note else ()
        basic = pidf.OPEN if self._is_open else pidf.CLOSED
        activities = (pidf.ON_THE_PHONE,) if self._on_the_phone else ()
        tuples = (pidf.PresenceTuple(id="door", basic=basic, contact=entity, notes=notes),)
        return pidf.encode(pidf.Presence(entity=entity, tuples=tuples, activities=activities))
