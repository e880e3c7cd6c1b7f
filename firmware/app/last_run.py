"""What the last run has left in the journal: presses without an outcome, the number of the next press, and the state of the door."""

from __future__ import annotations

import logging
from typing import NamedTuple

from firmware.app.journal.journal import Journal
from firmware.app.kept_door import start_from
from firmware.door.events import HealthChanged, PressId, Start
from firmware.errors import JournalError

log = logging.getLogger("portero.station")


class LastRun(NamedTuple):
    """`next_press` and `start` are for the door; `interrupted` presses had no outcome; `wrong` says why the journal cannot be written."""

    next_press: int
    start: Start
    interrupted: tuple[PressId, ...] = ()
    wrong: HealthChanged | None = None


def left_in(journal: Journal) -> LastRun:
    """Take up what the last run has left. What a full disk does not let us write waits for it; what can be read counts all the same."""
    if journal.found_wrong:
        log.warning("%s", journal.found_wrong)
    if journal.missing:
        return LastRun(journal.last_press() + 1, door_of(journal), wrong=_wrong(journal.missing))
    wrong: HealthChanged | None = None
    interrupted: tuple[PressId, ...] = ()
    try:
        interrupted = journal.close_interrupted()
    except JournalError as error:
        wrong = _wrong(str(error))
    if interrupted:
        log.warning("presses %s of the last run were interrupted", ", ".join(map(str, interrupted)))
    log.info("the journal goes on from %s", journal.head)
    return LastRun(journal.last_press() + 1, door_of(journal), interrupted, wrong)


def found_late(journal: Journal, at_start: Start) -> Start:
    """What the door hears when the journal is found after the start: what is news to it, and that all has to be kept there from now on."""
    log.info("the journal is found, and goes on from %s", journal.head)
    return (door_of(journal) if at_start == Start() else Start())._replace(late=True)


def door_of(journal: Journal) -> Start:
    """The state in which the last run has left the door."""
    try:
        kept = journal.kept("door")
    except JournalError as error:
        log.error("%s", error)
        return Start()
    return Start() if kept is None else start_from(kept[1], kept[0])


def _wrong(why: str) -> HealthChanged:
    log.error("%s", why)
    return HealthChanged(part="journal", working=False, detail=why)
