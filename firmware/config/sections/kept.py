"""What is kept of what happened: [journal], [recording], [message]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between
from firmware.config.sections.values import Text


class Journal(NamedTuple):
    """[journal]: the record of everything that happened at the door."""

    path: Text = "/var/lib/portero/journal.db"
    rows_max: Annotated[int, between(1000, 10_000_000)] = 100_000
    keep_days: Annotated[int, between(1, 3650, "days")] = 365


class Recording(NamedTuple):
    """[recording]: whether calls are kept, and for how long. Many countries demand that both sides are told."""

    calls: Literal["never", "always"] = "never"
    path: Text = "/var/lib/portero/recordings"
    format: Literal["wav", "opus"] = "wav"  # opus: a tenth of the size
    announce: Literal["words", "beep", "nothing"] = "words"  # to both sides, when it begins
    minutes_max: Annotated[int, between(1, 60, "minutes")] = 10  # of one call
    keep_days: Annotated[int, between(1, 3650, "days")] = 30
    files_max: Annotated[int, between(1, 10_000)] = 200
    megabytes_max: Annotated[int, between(20, 1_000_000, "MB")] = 500


class LeftMessages(NamedTuple):
    """[message]: what visitors say whom nobody answered."""

    take: bool = False
    seconds: Annotated[float, between(5, 120, "s")] = 30.0  # of one message
    path: Text = "/var/lib/portero/messages"
    format: Literal["wav", "opus"] = "wav"
    keep_days: Annotated[int, between(1, 3650, "days")] = 30
    files_max: Annotated[int, between(1, 10_000)] = 100
    megabytes_max: Annotated[int, between(20, 1_000_000, "MB")] = 200
