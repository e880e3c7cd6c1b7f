"""Rows of a CSV file (RFC 4180) as spreadsheets write it: with commas or semicolons, in UTF-8, its columns named by the first line.

A cell that a spreadsheet would take for a formula or a number (`=1+1`, `0042`, `12E45`) carries an apostrophe in front, as does one that
begins with an apostrophe; reading takes one away.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

# Formulas, also with the wide signs of Asian keyboards, and what a spreadsheet rounds, shortens or recounts.
RISKY = re.compile(r"['=+\-@＝＋－＠\t\r]|0\d|\d{12,}|\d+[eE]\d+$", re.ASCII)

Complain = Callable[[int, str, str], None]  # a line, 0 for the file as a whole; what is wrong; the remedy


class Row(NamedTuple):
    """One line of the file: its number, its cells by column."""

    line: int
    cells: dict[str, str]


def guarded(text: str) -> str:
    return "'" + text if RISKY.match(text) else text


def unguarded(text: str) -> str:
    return text.removeprefix("'")


def read(data: bytes, columns: tuple[str, ...], needed: str, bytes_max: int, complain: Complain) -> Iterator[Row]:
    """The rows. Of `columns` the file may leave out any but `needed`; what it is not sound in is complained about, and left out."""
    if len(data) > bytes_max:
        complain(0, f"the file is larger than {bytes_max} bytes", "divide it")
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        complain(data.count(b"\n", 0, error.start) + 1, "this is not UTF-8 text", "save the file as CSV in UTF-8")
        return
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True)
    try:
        yield from _rows(reader, columns, needed, complain)
    except csv.Error as error:
        complain(reader.line_num, f"this is not CSV ({error})", "look for a quotation mark that is not closed")


def _rows(reader: Iterator[list[str]], columns: tuple[str, ...], needed: str, complain: Complain) -> Iterator[Row]:
    header = [unguarded(cell.strip()) for cell in next(reader, [])]
    strange = [cell for cell in header if cell not in columns]
    if needed not in header or strange or len(set(header)) < len(header):
        wrong = f"there is no column {strange[0]!r}" if strange else f"the first line must name the columns, each once, {needed} among them"
        complain(1, wrong, f"known are: {', '.join(columns)}")
        return
    before = 1
    for cells in reader:
        line, before = before + 1, reader.line_num  # type: ignore[attr-defined]  # a csv reader has it; typeshed hides the class
        if len(cells) > len(header):
            complain(line, f"{len(cells)} cells under {len(header)} columns", "put cells with a comma into quotation marks")
        elif any(cells):
            yield Row(line=line, cells={name: unguarded(cell) for name, cell in zip(header, cells, strict=False)})
