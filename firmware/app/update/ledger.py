"""What a device remembers of its updates, on the data partition where only root may write: /data/update/ledger.json.

The daemon's user cannot touch it: whoever took over the daemon must not lower the version below which nothing is installed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from firmware.errors import UpdateError

FILE_BYTES_MAX = 65_536
REJECTED_MAX = 16  # versions that did not work; the oldest are forgotten
UNTOLD_MAX = 16  # records that the door's journal does not have yet
TEXT_MAX = 300


class Before(NamedTuple):
    """The door as it was before an update: which accounts were registered, which locks were held open."""

    registered: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


class Trial(NamedTuple):
    """A version that was installed into `slot` and has not been judged yet. `why`: what it was rejected for."""

    slot: str
    version: str
    before: Before = Before()
    why: str = ""


class News(NamedTuple):
    """What the door's journal is to know: `change` is the value of a `door.SystemChange`."""

    change: str
    version: str
    detail: str = ""


class Ledger(NamedTuple):
    """`newest`: the newest version that proved itself. `seen`: what the server calls the bundle that was looked at last (ETag)."""

    newest: str = ""
    rejected: tuple[str, ...] = ()
    trial: Trial | None = None
    seen: str = ""
    untold: tuple[News, ...] = ()

    def rejecting(self, version: str, why: str) -> Ledger:
        """The same after `version` has failed."""
        rejected = (*(each for each in self.rejected if each != version), version)[-REJECTED_MAX:]
        return self._replace(rejected=rejected, trial=None).telling(News("rejected", version, why))

    def telling(self, news: News) -> Ledger:
        """The same with something that the journal is to know."""
        return self._replace(untold=(*self.untold, news._replace(detail=news.detail[:TEXT_MAX]))[-UNTOLD_MAX:])


def read_ledger(file: Path) -> Ledger:
    """What was remembered; nothing when there is no file. Raises UpdateError when it is damaged: then nobody knows what is too old."""
    try:
        with file.open("rb") as handle:
            return _parsed(json.loads(handle.read(FILE_BYTES_MAX)))
    except FileNotFoundError:
        return Ledger()
    except OSError as error:
        raise UpdateError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpdateError(f"{file} is damaged ({error}); remove it once you know which version may be installed") from error


def _parsed(tree: Any) -> Ledger:
    trial = tree["trial"]
    return Ledger(
        newest=str(tree["newest"]),
        rejected=tuple(map(str, tree["rejected"])),
        trial=None if trial is None else Trial(str(trial["slot"]), str(trial["version"]), _before(trial["before"]), str(trial["why"])),
        seen=str(tree["seen"]),
        untold=tuple(News(str(each["change"]), str(each["version"]), str(each["detail"])) for each in tree["untold"]),
    )


def _before(tree: Any) -> Before:
    return Before(registered=tuple(map(str, tree["registered"])), closed=tuple(map(str, tree["closed"])))


def write_ledger(file: Path, ledger: Ledger) -> None:
    """Keep it, durably and whole: a power cut leaves the old file or the new one. Raises UpdateError."""
    trial = ledger.trial
    tree = {
        **ledger._asdict(),
        "trial": None if trial is None else {**trial._asdict(), "before": trial.before._asdict()},
        "untold": [news._asdict() for news in ledger.untold],
    }
    fresh = file.with_suffix(".new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as handle:
            json.dump(tree, handle, indent=1)
            handle.flush()
            os.fsync(handle.fileno())
        fresh.rename(file)
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UpdateError(f"{file} cannot be written: {error.strerror}") from error
