"""The journal for a spreadsheet: who opened what, when and how, one column each, in the words and the clock of people."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TextIO

from firmware.csv_rows import guarded

if TYPE_CHECKING:
    from firmware.app.journal.log import Row

COLUMNS: Final = ("date", "time", "what", "where", "who", "how", "row")
# In which field of a record stands what; the first of them that it has counts.
WHERE: Final = ("lock", "contact", "keypad", "reader", "button", "part", "outlet", "target", "rule")
WHO: Final = ("who", "party", "caller", "by")
# Where numbers have a comma, a spreadsheet divides at semicolons, and what follows one begins a cell.
DIVIDED: Final = re.compile(r"([;\t|])(?=\s*[=+\-@＝＋－＠])")
HOW: Final = ("flat", "grant", "fault", "outcome", "refusal", "reason", "mode", "detail", "source")


def write_sheet(rows: Iterable[Row], out: TextIO) -> None:
    """CSV (RFC 4180) with a byte order mark, by which spreadsheets know UTF-8. No cell is a formula, whatever a caller calls himself."""
    out.write("\ufeff")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        at = datetime.fromtimestamp(row.at_s).astimezone()
        cells = (row.kind, *(_first(row.fields, names) for names in (WHERE, WHO, HOW)))
        writer.writerow((at.strftime("%Y-%m-%d"), at.strftime("%H:%M:%S"), *map(safe, cells), row.id))
        out.flush()


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, wherever it divides: for people, and not to be read back."""
    return DIVIDED.sub(r"\1'", guarded(text))


def _first(fields: Mapping[str, object], names: Iterable[str]) -> str:
    text = next((str(fields[name]) for name in names if fields.get(name) not in (None, "")), "")
    return "".join(sign for sign in text if sign.isprintable())
