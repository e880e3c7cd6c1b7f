"""Users as CSV (RFC 4180), there and back without loss: what a spreadsheet needs in order not to change or run a cell.

Lists stand in one cell, separated by spaces. Times are UTC, `2026-12-24T17:00:00Z`; without `Z` or an offset they are those of the
station's zone. PIN, code and duress are digits, or the sealed form of an export from this station.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, tzinfo

from firmware import csv_rows
from firmware.app.users.person import Person, Problem, UserProblems
from firmware.app.users.seal import SCHEME, Seal, Sealer, SecretKind
from firmware.app.users.store import Change
from firmware.csv_rows import Row, guarded
from firmware.errors import UsersError

COLUMNS = (
    "name", "groups", "locks", "profile", "cards", "card_needs_pin", "pin", "code", "duress", "valid_from", "valid_until", "uses_left"
)  # fmt: skip
FILE_BYTES_MAX = 8 << 20  # ten thousand users with every cell full have half of this
PROBLEMS_MAX = 100  # a file of another kind must not flood the terminal
ALL_LOCKS = "*"
YES_NO = {"yes": True, "no": False, "": False, "true": True, "false": False, "1": True, "0": False}

# What is wrong with a user and his new digits, and the remedies.
Check = Callable[[Person, Mapping[SecretKind, str]], Iterable[tuple[str, str]]]


# --- there -------------------------------------------------------------------------------------------------------------------


def to_csv(people: Iterable[Person], sealer: Sealer) -> str:
    """The file as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180 §2.1
    writer.writerow(COLUMNS)
    for person in people:
        writer.writerow([guarded(cell) for cell in _cells(person, sealer)])
    return out.getvalue()


def _cells(person: Person, sealer: Sealer) -> Iterator[str]:
    yield person.name
    yield " ".join(person.groups)
    yield ALL_LOCKS if person.locks is None else " ".join(person.locks)
    yield person.profile or ""
    yield " ".join(person.cards)
    yield "yes" if person.card_needs_pin else "no"
    for kind in SecretKind:
        yield sealer.written(person.secrets[kind]) if kind in person.secrets else ""
    yield time_text(person.valid_from)
    yield time_text(person.valid_until)
    yield "" if person.uses_left is None else str(person.uses_left)


def time_text(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- and back ----------------------------------------------------------------------------------------------------------------


def from_csv(data: bytes, sealer: Sealer, check: Check, zone: tzinfo | None = None) -> list[Change]:
    """What the file wants; `zone` as for `time_of`. Raises UserProblems with every bad row, by line."""
    problems: list[Problem] = []
    people: list[tuple[Row, Person]] = []

    def complain(line: int, wrong: str, remedy: str) -> None:
        problems.append(Problem(line=line, who="the file", wrong=wrong, remedy=remedy))

    for row in csv_rows.read(data, COLUMNS, "name", FILE_BYTES_MAX, complain):
        person = _person(row, sealer, zone, problems)
        if person is not None:
            people.append((row, person))
            digits = {kind: row.cells[kind.value] for kind, seal in person.secrets.items() if seal is UNSEALED}
            problems += [Problem(line=row.line, who=person.name, wrong=wrong, remedy=remedy) for wrong, remedy in check(person, digits)]
    if problems:
        raise UserProblems(tuple(sorted(problems, key=lambda problem: problem.line)[:PROBLEMS_MAX]))
    return _sealed(people, sealer)


def _person(row: Row, sealer: Sealer, zone: tzinfo | None, problems: list[Problem]) -> Person | None:
    cells = {name: row.cells.get(name, "") for name in COLUMNS}
    try:
        return Person(
            name=cells["name"],
            groups=tuple(cells["groups"].split()),
            locks=locks_of(cells["locks"]),
            profile=cells["profile"].strip() or None,
            cards=tuple(sorted(cells["cards"].upper().split())),
            card_needs_pin=yes_or_no(cells["card_needs_pin"]),
            secrets={kind: sealer.read(text) for kind in SecretKind if (text := cells[kind.value]).startswith(SCHEME)} | _plain(cells),
            valid_from=time_of(cells["valid_from"], zone),
            valid_until=time_of(cells["valid_until"], zone),
            uses_left=number_of(cells["uses_left"]),
        )
    except UsersError as error:
        wrong, _, remedy = str(error).partition("; ")
        problems.append(Problem(line=row.line, who=cells["name"] or "no name", wrong=wrong, remedy=remedy))
        return None


def _plain(cells: dict[str, str]) -> dict[SecretKind, Seal]:
    """Places for the secrets that are given as digits; their seals are made when everything else is right."""
    return {kind: UNSEALED for kind in SecretKind if (text := cells[kind.value]) and not text.startswith(SCHEME)}


UNSEALED = Seal(mark=b"", proof=b"", digits=0)


def _sealed(people: list[tuple[Row, Person]], sealer: Sealer) -> list[Change]:
    """One slow hash for each secret, on every core."""
    with ThreadPoolExecutor() as pool:
        wanted = [(row, person, [kind for kind, seal in person.secrets.items() if seal is UNSEALED]) for row, person in people]
        made = [[(kind, pool.submit(sealer.seals, row.cells[kind.value])) for kind in kinds] for row, _, kinds in wanted]
        return [
            sealed(person, tuple((kind, future.result()) for kind, future in futures), row.line)
            for (row, person, _), futures in zip(wanted, made, strict=True)
        ]


def sealed(person: Person, seals: tuple[tuple[SecretKind, dict[SecretKind, Seal]], ...], line: int = 0) -> Change:
    """The user with these new secrets."""
    secrets = {**person.secrets, **{kind: by_kind[kind] for kind, by_kind in seals}}
    return Change(person=person._replace(secrets=secrets), line=line, seals=seals)


# --- cells -------------------------------------------------------------------------------------------------------------------


def locks_of(cell: str) -> tuple[str, ...] | None:
    return None if cell.strip() == ALL_LOCKS else tuple(cell.split())


def yes_or_no(cell: str) -> bool:
    found = YES_NO.get(cell.strip().lower())
    if found is None:
        raise UsersError(f"card_needs_pin: {cell!r} is neither yes nor no; write one of them")
    return found


def time_of(cell: str, zone: tzinfo | None = None) -> int | None:
    """Seconds since 1970. A time without `Z` or an offset is one of `zone`, None: of this machine."""
    if not cell.strip():
        return None
    try:
        read = datetime.fromisoformat(cell.strip())
        return int((read if read.tzinfo is not None else read.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError, OSError):
        raise UsersError(f"{cell!r} is no time; write 2026-12-24T18:00, or with Z for UTC") from None


def number_of(cell: str) -> int | None:
    if not cell.strip():
        return None
    if not re.fullmatch(r"[0-9]{1,7}", cell.strip()):
        raise UsersError(f"uses_left: {cell!r} is no number; give a whole number, or nothing for any number of uses")
    return int(cell)
