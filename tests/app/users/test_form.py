"""Users as CSV: there and back without loss, and each mistake named with its line."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.app.users.form import COLUMNS, FILE_BYTES_MAX, PROBLEMS_MAX, from_csv, time_of, to_csv
from firmware.app.users.person import Person, UserProblems
from firmware.app.users.seal import Seal, Sealer, SecretKind
from firmware.csv_rows import guarded, unguarded
from firmware.errors import UsersError
from tests.app.users.people import opened

SEALER = Sealer(b"k" * 32, b"s" * 16)
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \"',;=+-@"), min_size=1, max_size=64).filter(
    lambda name: name == name.strip() and name.isprintable()
)
WORDS = st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True), max_size=4, unique=True).map(tuple)
SEALS = st.builds(Seal, mark=st.binary(min_size=16, max_size=16), proof=st.binary(min_size=16, max_size=16), digits=st.integers(4, 16))
TIMES = st.none() | st.integers(0, 4_000_000_000)
PEOPLE = st.builds(
    Person,
    name=NAMES,
    groups=WORDS,
    locks=st.none() | WORDS,
    profile=st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True),
    cards=st.lists(st.text("0123456789ABCDEF", min_size=4, max_size=32), max_size=4, unique=True).map(lambda cards: tuple(sorted(cards))),
    card_needs_pin=st.booleans(),
    secrets=st.dictionaries(st.sampled_from(SecretKind), SEALS),
    valid_from=TIMES,
    valid_until=TIMES,
    uses_left=st.none() | st.integers(0, 1_000_000),
)


def anybody(_person: Person, _digits: Mapping[SecretKind, str]) -> Iterator[tuple[str, str]]:
    return iter(())


def read(text: str) -> list[Person]:
    return [change.person for change in from_csv(text.encode(), SEALER, anybody)]


def problems(data: bytes | str) -> list[str]:
    with pytest.raises(UserProblems) as refused:
        from_csv(data.encode() if isinstance(data, str) else data, SEALER, anybody)
    return [str(problem) for problem in refused.value.problems]


@given(people=st.lists(PEOPLE, max_size=5))
def test_what_is_written_is_read_back(people: list[Person]) -> None:
    assert read(to_csv(people, SEALER)) == people


@given(people=st.lists(PEOPLE, min_size=1, max_size=3))
def test_no_cell_is_a_formula_or_a_number_that_a_spreadsheet_changes(people: list[Person]) -> None:
    for row in list(csv.reader(io.StringIO(to_csv(people, SEALER), newline="")))[1:]:
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
            assert not (cell.isdecimal() and cell.isascii()) or str(int(cell)) == cell


@given(text=st.text())
def test_a_guard_is_taken_away_again(text: str) -> None:
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'quoted", "0042", "12E45", "1234567890123"])
def test_what_a_spreadsheet_would_run_or_recount_is_guarded(text: str) -> None:
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Eva", "42", "CAFE", "E5", "0"])
def test_what_is_harmless_is_left_as_it_is(text: str) -> None:
    assert guarded(text) == text


def test_the_form_of_a_spreadsheet_elsewhere_is_read() -> None:
    text = '\ufeffname;cards;locks\r\n"Müller; Eva";\'0042 cafe01;*\r\n\r\n'
    assert read(text) == [Person(name="Müller; Eva", cards=("0042", "CAFE01"), locks=None)]


def test_digits_become_seals() -> None:
    found = from_csv(b"name,pin,duress\nEva,0480316,903817\n", SEALER, anybody)
    assert found[0].line == 2
    assert found[0].person.secrets == {
        SecretKind.PIN: SEALER.seals("0480316")[SecretKind.PIN],
        SecretKind.DURESS: SEALER.seals("903817")[SecretKind.DURESS],
    }
    assert {kind for kind, _ in found[0].seals} == {SecretKind.PIN, SecretKind.DURESS}


def test_each_bad_row_is_named_with_line_and_remedy() -> None:
    text = (
        "name,card_needs_pin,valid_from,uses_left,pin\n"
        "Eva,maybe,,,\n"
        '"Bob\nBy",no,,,\n'  # a cell of two lines: the row's first line counts
        "Cia,no,tomorrow,,\n"
        "Dan,no,,many,\n"
        "Eli,no,,,portero1:00000000:6:AAAA\n"
        "Fay,no,,,,,too,many\n"
    )
    assert problems(text) == [
        "line 2, Eva: card_needs_pin: 'maybe' is neither yes nor no; write one of them",
        "line 5, Cia: 'tomorrow' is no time; write 2026-12-24T18:00, or with Z for UTC",
        "line 6, Dan: uses_left: 'many' is no number; give a whole number, or nothing for any number of uses",
        "line 7, Eli: the secret was exported by another station; write the digits instead, or bring that station's store and key",
        "line 8, the file: 8 cells under 5 columns; put cells with a comma into quotation marks",
    ]


def test_what_the_configuration_does_not_know_is_named_too() -> None:
    def check(person: Person, digits: Mapping[SecretKind, str]) -> Iterator[tuple[str, str]]:
        yield f"{person.name} with {len(digits)} secrets is not wanted", "go"

    with pytest.raises(UserProblems, match="line 2, Eva: Eva with 1 secrets is not wanted; go"):
        from_csv(b"name,pin\nEva,583216\n", SEALER, check)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"name\n\xff\xfe\n", "line 2, the file: this is not UTF-8 text"),
        (b"", "line 1, the file: the first line must name the columns"),
        (b"cards\nCAFE\n", "line 1, the file: the first line must name the columns"),
        (b"name,name\nEva,Eva\n", "line 1, the file: the first line must name the columns"),
        (b"name,shoe size\nEva,39\n", "line 1, the file: there is no column 'shoe size'"),
        (b'name\n"Eva\n', "the file: this is not CSV"),
        (b"x" * (FILE_BYTES_MAX + 1), "the file is larger"),
    ],
)
def test_a_file_that_is_none_is_named(data: bytes, wrong: str) -> None:
    assert wrong in problems(data)[0]


def test_a_file_of_another_kind_does_not_flood_the_terminal() -> None:
    assert len(problems("name,uses_left\n" + "Eva,many\n" * 1000)) == PROBLEMS_MAX


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(UserProblems):
        from_csv(b"name,pin,valid_from\n" + data, SEALER, anybody)


def test_every_column_is_written() -> None:
    assert to_csv([], SEALER) == ",".join(COLUMNS) + "\r\n"


def test_a_store_goes_through_a_file_unchanged(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply(from_csv(b"name,pin,cards,uses_left\n=Eva,583216,0042,1\nBob,903817,,\n", store.sealer, anybody))
        before = list(store.people())
        store.apply(from_csv(to_csv(before, store.sealer).encode(), store.sealer, anybody), replace=True)
        assert list(store.people()) == before


def test_a_time_without_a_zone_is_local_and_nonsense_is_refused() -> None:
    assert time_of("1970-01-02T00:00:00Z") == 86_400
    assert time_of("1970-01-02T02:00:00+02:00") == 86_400
    assert time_of(" ") is None
    berlin = ZoneInfo("Europe/Berlin")
    assert time_of("1970-01-02T01:00:00", berlin) == 86_400
    assert time_of("2026-07-01T14:00", berlin) == 1_782_907_200, "summer time"
    assert time_of("1970-01-02T00:00:00Z", berlin) == 86_400, "an offset outranks the zone"
    for nonsense in ("never", "9999-99-99", "0001-01-01T00:00"):
        with pytest.raises(UsersError) if nonsense != "0001-01-01T00:00" else contextlib.suppress(UsersError):
            time_of(nonsense)
