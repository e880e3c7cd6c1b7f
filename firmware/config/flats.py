"""Flats: those in the file of `portero flats`, and the checks of all of them and of where they are dialled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import NamedTuple

from firmware import csv_rows
from firmware.config.checks import URI_PATTERN, Complaint, is_flat_name, is_flat_number, suggestion
from firmware.config.problems import Report
from firmware.config.readers import with_keys
from firmware.config.references import NUMBER_AS_HOST, TARGETS_MAX, refer
from firmware.config.schema import Flat, Settings

FLATS_MAX = 10_000  # of a whole block; each takes half a kilobyte
FILE_BYTES_MAX = 2 << 20  # ten thousand flats with long names and two addresses each
WRONG_ROWS_MAX = 100  # that are told: a file of another kind must not flood the terminal
COLUMNS = ("number", "name", "targets", "plan", "account", "locks")

Mistake = tuple[str, str, str]  # a key, what is wrong with it, the remedy


class Known(NamedTuple):
    """What a flat may name."""

    targets: frozenset[str]
    plans: frozenset[str]
    accounts: frozenset[str]
    locks: frozenset[str]
    call_key: str


def with_flats_of_file(settings: Settings, path: FilePath, report: Report) -> Settings:
    """Add the flats of the file, which need not be there. One that cannot be read takes its flats away and nothing else: buttons ring."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return settings
    except OSError as error:
        report.warnings.append(f"flats.file: {path} cannot be read ({error.strerror}); nobody can dial the flats in it")
        return settings

    def complain(line: int, wrong: str, remedy: str) -> None:
        report.complain_of(("flats", "file"), f"line {line} of {path.name}" if line else path.name, wrong, remedy)

    return settings._replace(flat=settings.flat + tuple(read_flats(data, settings, complain)))


def read_flats(data: bytes, settings: Settings, complain: csv_rows.Complain) -> Iterator[Flat]:
    """The flats of a CSV file that fit the configuration; all others are complained about."""
    known = _known(settings)
    seen: dict[str, str] = {flat.number: "in the configuration" for flat in settings.flat}
    wrong_rows = 0
    for row in csv_rows.read(data, COLUMNS, "number", FILE_BYTES_MAX, complain):
        flat = _flat(row.cells)
        mistakes: list[Complaint | None] = [is_flat_number(flat.number), is_flat_name(flat.name)]
        found = [*filter(None, mistakes), *((f"{key}: {wrong}", remedy) for key, wrong, remedy in _mistakes(flat, known))]
        if flat.number in seen:
            found.append((f"the number {flat.number} is used already, {seen[flat.number]}", "give another"))
        for wrong, remedy in found:
            complain(row.line, wrong, remedy)
        if not found:
            seen[flat.number] = f"in line {row.line}"
            yield flat
        wrong_rows += bool(found)
        if wrong_rows == WRONG_ROWS_MAX:
            return
        if len(seen) > FLATS_MAX:
            complain(row.line, f"there are more than {FLATS_MAX} flats", "divide the house among several doors")
            return


def _flat(cells: dict[str, str]) -> Flat:
    """A row as a flat; texts that come again and again are kept once."""
    locks = tuple(map(sys.intern, cells.get("locks", "").split()))
    return Flat(
        number=cells["number"].strip(),
        name=cells.get("name", "").strip(),
        targets=tuple(cells.get("targets", "").split()),
        plan=sys.intern(cells.get("plan", "").strip()) or None,
        account=sys.intern(cells.get("account", "").strip()) or None,
        locks=locks or None,
    )


def check_flats(settings: Settings, report: Report) -> None:
    """Complain about flats that nobody can dial or that ring nobody, and about keypads that cannot dial."""
    _check_dialling(settings, report)
    known = _known(settings)
    seen: set[str] = set()
    if len(settings.flat) > FLATS_MAX:
        report.complain(("flat",), f"there are {len(settings.flat)} of them", f"keep to {FLATS_MAX}")
    for index, flat in enumerate(settings.flat):
        for key, wrong, remedy in _mistakes(flat, known):
            if report.sound(("flat", index, key)):
                report.complain(("flat", index, key), wrong, remedy)
        if flat.number in seen:
            report.complain(("flat", index, "number"), f"the number {flat.number} is used already", "give another")
        seen.add(flat.number)


def _check_dialling(settings: Settings, report: Report) -> None:
    flats = settings.flats
    buttons = {button.name for button in settings.button}
    if not flats.keypads:
        report.complain(("flats", "keypads"), "nobody can dial these flats", 'name where it is done: keypads = ["pad"]')
    for index, name in enumerate(flats.keypads):
        refer(report, ("flats", "keypads", index), name, with_keys(settings), "keypad")
        if name in buttons:
            report.complain(("flats", "keypads", index), f'"{name}" is a button as well', "give one of them another name")
    for index, keypad in enumerate(settings.keypad):
        missing = [key for key in (flats.call_key, "*") if key not in "".join(keypad.keys) and (key != "*" or flats.call_key == "#")]
        if keypad.name in flats.keypads and missing and report.sound(("keypad", index, "keys")):
            use = "calls" if missing[0] == flats.call_key else "begins a PIN where # calls"
            report.complain(("keypad", index, "keys"), f"there is no {missing[0]}, which {use}", "add it, or see flats.call_key")
    if flats.call_key != "#" and flats.dial_after_s != "never":
        wrong = f"before {flats.call_key} or # it may be a PIN that somebody types slowly"
        report.complain(("flats", "dial_after_s"), wrong, 'leave it out, or write call_key = "#"')


def _known(settings: Settings) -> Known:
    return Known(
        targets=frozenset(target.name for target in settings.target),
        plans=frozenset(step.plan for step in settings.step),
        accounts=frozenset(account.name for account in settings.account),
        locks=frozenset(lock.name for lock in settings.lock),
        call_key=settings.flats.call_key,
    )


def _mistakes(flat: Flat, known: Known) -> Iterator[Mistake]:
    """Cheap where nothing is wrong: there may be ten thousand."""
    if known.call_key in flat.number:
        yield "number", f"{known.call_key} is the key that calls", "choose another number, or another call_key"
    if flat.plan is not None:
        if flat.targets:
            yield "plan", "the flat has targets as well", "keep one of them; a plan names its targets in its steps"
        yield from _strangers("plan", (flat.plan,), known.plans, "plan")
    elif not flat.targets:
        yield "targets", "nobody is rung", "name at least one target, or a SIP address"
    if len(flat.targets) > TARGETS_MAX:
        yield "targets", f"{len(flat.targets)} targets ring at once", f"keep to {TARGETS_MAX}"
    if len(set(flat.targets)) < len(flat.targets):
        yield "targets", "a target stands twice", "name it once"
    yield from _strangers("targets", flat.targets, known.targets, "target", URI_PATTERN.fullmatch)
    for target in flat.targets:
        if NUMBER_AS_HOST.fullmatch(target):
            yield "targets", f'"{target}" is a number without a server', f"write {target}@ and the server's name or address"
    if flat.account is not None:
        yield from _strangers("account", (flat.account,), known.accounts, "account")
    yield from _strangers("locks", flat.locks or (), known.locks, "lock")


def _strangers(
    key: str, names: tuple[str, ...], known: frozenset[str], what: str, passes: Callable[[str], object] = lambda name: False
) -> Iterator[Mistake]:
    for name in names:
        if name not in known and not passes(name):
            yield key, f'there is no {what} "{name}"', suggestion(name, sorted(known)) if known else f"add a [[{what}]] with this name"
