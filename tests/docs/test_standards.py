"""docs/standards.md: its tests exist and name their standard, and no standard that the source obeys is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "standards.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| \d{4}", line)]


def named_in(*folders: str) -> set[str]:
    """The RFC numbers that Python source in these folders names."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert files
    return {number for path in files for number in re.findall(r"RFC (\d{4})", path.read_text(encoding="utf-8"))}


def listed() -> set[str]:
    return {number for row in ROWS for number in row[0].split()}


def in_passing() -> set[str]:
    return set(re.findall(r"\d{4}", PAGE.rpartition("obeyed elsewhere:")[2]))


@pytest.mark.parametrize("row", [row for row in ROWS if row[3]], ids=lambda row: row[0])
def test_the_tests_of_a_standard_exist_and_name_it(row: list[str]) -> None:
    files = [ROOT / "tests" / name for name in re.findall(r"`([^`]+)`", row[3])]
    assert [str(path) for path in files if not path.is_file()] == []
    text = "".join([path.read_text(encoding="utf-8") for path in files])
    assert [number for number in row[0].split() if f"RFC {number}" not in text] == []


def test_only_what_asks_nothing_of_us_goes_without_tests() -> None:
    assert all(row[2].startswith("nothing to do") for row in ROWS if not row[3])
    assert sorted(listed() - named_in("firmware")) == sorted(number for row in ROWS if not row[3] for number in row[0].split())


def test_every_standard_that_the_source_names_is_on_the_page() -> None:
    assert sorted(named_in("firmware/sip", "firmware/sdp") - listed()) == sorted(in_passing())
