from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

from firmware.app.users.person import CARDS_MAX, GROUPS_MAX, USES_MAX, Person, UserProblems, complaint
from firmware.app.users.seal import Seal, SecretKind
from firmware.app.users.store import Change, Summary, UserStore
from firmware.errors import UsersError
from tests.app.users.people import change, opened

PIN, CODE, DURESS = SecretKind.PIN, SecretKind.CODE, SecretKind.DURESS
FULL = Person(
    name='Ännä "Nan", =1+1',
    groups=("tenants", "staff"),
    locks=None,
    profile="office",
    cards=("0042", "CAFE01"),
    card_needs_pin=True,
    valid_from=1_000,
    valid_until=2_000,
    uses_left=3,
)


def test_a_user_is_read_back_as_written(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        made = change(store, FULL, pin="583216", code="5832", duress="903817")
        store.apply([made])
        assert list(store.people()) == [made.person]
        assert store.summary() == Summary(users=1, pin_digits=6, code_digits=6)
    with contextlib.closing(opened(tmp_path)) as again:
        assert again.named(FULL.name) == made.person
        assert again.by_digits("583216", (PIN, DURESS)) == (made.person, PIN)


def test_digits_are_found_only_for_what_they_are(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        eva = change(store, Person(name="Eva"), pin="583216", code="740931", duress="903817")
        store.apply([eva])
        assert store.by_digits("583216", (PIN, DURESS)) == (eva.person, PIN)
        assert store.by_digits("740931", (CODE, DURESS)) == (eva.person, CODE)
        assert store.by_digits("903817", (CODE, DURESS)) == store.by_digits("903817", (PIN, DURESS)) == (eva.person, DURESS)
        assert store.by_digits("583216", (CODE, DURESS)) is None
        assert store.by_digits("58321", (PIN, DURESS)) is None


def test_a_mark_without_its_proof_is_nobody(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        good = store.sealer.seals("583216")[PIN]
        store.apply([Change(person=Person(name="Eva", secrets={PIN: Seal(mark=good.mark, proof=bytes(16), digits=6)}))])
        assert store.by_digits("583216", (PIN,)) is None


def test_the_file_holds_no_digits(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([change(store, Person(name="Eva"), pin="58321690")])
    assert all(b"58321690" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_card_is_found(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([Change(person=Person(name="Eva", cards=("0042",))), Change(person=Person(name="Bob", cards=("CAFE01",)), line=3)])
        found = store.by_card("0042")
        assert found is not None
        assert found.name == "Eva"
        assert store.by_card("42") is None


def test_uses_are_written_off_one_by_one_and_never_below_none(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store, contextlib.closing(opened(tmp_path)) as other:
        store.apply([Change(person=Person(name="Eva", uses_left=2)), Change(person=Person(name="Bob"), line=3)])
        assert [store.spend("Eva"), other.spend("Eva"), store.spend("Eva"), other.spend("Eva")] == [True, True, False, False]
        assert not store.spend("Bob"), "whose uses are not counted"
        assert not store.spend("nobody")


def test_a_change_replaces_the_user_of_this_name_whole(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([change(store, FULL, pin="583216")])
        bare = Person(name=FULL.name)
        store.apply([Change(person=bare)])
        assert list(store.people()) == [bare]
        assert store.by_card("0042") is None
        assert store.by_digits("583216", (PIN,)) is None


def test_two_users_may_exchange_cards_and_digits_in_one_change(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        eva, bob = Person(name="Eva", cards=("AAAA",)), Person(name="Bob", cards=("BBBB",))
        store.apply([change(store, eva, pin="583216"), change(store, bob, pin="903817")._replace(line=3)])
        swapped = [
            change(store, eva._replace(cards=("BBBB",)), pin="903817"),
            change(store, bob._replace(cards=("AAAA",)), pin="583216")._replace(line=3),
        ]
        store.apply(swapped)
        found = store.by_digits("583216", (PIN,))
        assert found is not None
        assert found[0].name == "Bob"


@pytest.mark.parametrize(
    ("first", "second"),
    [("pin", "pin"), ("code", "code"), ("duress", "duress"), ("pin", "duress"), ("duress", "pin"), ("code", "duress"), ("duress", "code")],
)
def test_digits_that_could_be_two_users_are_refused_and_nothing_changes(tmp_path: Path, first: str, second: str) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([change(store, Person(name="Eva"), **{first: "583216"})])
        before = list(store.people())
        with pytest.raises(UserProblems, match=r"Bob.*taken; choose others"):
            store.apply([Change(person=Person(name="Zoe")), change(store, Person(name="Bob"), **{second: "583216"})._replace(line=3)])
        assert list(store.people()) == before


def test_a_pin_may_be_the_code_of_another(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([change(store, Person(name="Eva"), pin="583216")])
        store.apply([change(store, Person(name="Bob"), code="583216")])
        assert store.summary().users == 2


def test_every_bad_row_is_named_with_its_line(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([Change(person=Person(name="Eva", cards=("AAAA",)))])
        with pytest.raises(UserProblems) as refused:
            store.apply(
                [Change(person=Person(name="A", cards=("AAAA",)), line=5), Change(person=Person(name="B", cards=("AAAA",)), line=9)]
            )
        assert [(problem.line, problem.who) for problem in refused.value.problems] == [(5, "A"), (9, "B")]
        with pytest.raises(UserProblems, match="line 7, A: the name stands on line 5 already"):
            store.apply([Change(person=Person(name="A"), line=5), Change(person=Person(name="A"), line=7)])


def test_replace_makes_the_change_the_whole_store(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([Change(person=Person(name="Eva", cards=("AAAA",)))])
        store.apply([Change(person=Person(name="Bob", cards=("AAAA",)))], replace=True)
        assert [person.name for person in store.people()] == ["Bob"]


def test_removing_a_user_removes_cards_and_secrets(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)) as store:
        store.apply([change(store, Person(name="Eva", cards=("AAAA",)), pin="583216")])
        assert store.remove(["Eva", "nobody"]) == 1
        store.apply([change(store, Person(name="Bob", cards=("AAAA",)), pin="583216")])
        assert store.summary() == Summary(users=1, pin_digits=6, code_digits=0)


def test_a_store_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.app.users.store.USERS_MAX", 2)
    with contextlib.closing(opened(tmp_path)) as store:
        with pytest.raises(UserProblems, match="would hold 3 users"):
            store.apply([Change(person=Person(name=name), line=line) for line, name in enumerate("ABC")])
        assert store.summary().users == 0


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    with contextlib.closing(opened(tmp_path)):
        assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in tmp_path.iterdir())


def test_a_store_that_is_not_there_is_made_only_on_purpose(tmp_path: Path) -> None:
    with pytest.raises(UsersError, match="portero users add"):
        UserStore(tmp_path / "users.db", tmp_path / "users.key")
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_its_key_or_with_another_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    key = tmp_path / "users.key"
    key.write_bytes(bytes(32))
    with pytest.raises(UsersError, match="not the key with which"):
        opened(tmp_path)
    key.unlink()
    with pytest.raises(UsersError, match="restore it"):
        opened(tmp_path)
    assert not key.exists(), "a new key would hide that the old one is lost"


def test_a_file_that_is_no_store_or_of_a_newer_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "users.db").write_bytes(b"no database" * 100)
    with pytest.raises(UsersError, match="cannot be used"):
        opened(tmp_path)
    (tmp_path / "users.db").unlink()
    with contextlib.closing(sqlite3.connect(tmp_path / "users.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UsersError, match="update the program"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("person", "wrong"),
    [
        (Person(name=""), "name"),
        (Person(name=" Eva"), "name"),
        (Person(name="E\nva"), "name"),
        (Person(name="x" * 65), "name"),
        (Person(name="Eva", cards=("xyz",)), "no card number"),
        (Person(name="Eva", cards=tuple(f"AAA{number}" for number in range(CARDS_MAX + 1))), "cards"),
        (Person(name="Eva", cards=("AAAA", "AAAA")), "twice"),
        (Person(name="Eva", groups=tuple(map(str, range(GROUPS_MAX + 1)))), "groups"),
        (Person(name="Eva", valid_from=5, valid_until=5), "ends before"),
        (Person(name="Eva", uses_left=USES_MAX + 1), "number of uses"),
        (Person(name="Eva", card_needs_pin=True, cards=("AAAA",)), "without a PIN"),
    ],
)
def test_a_bad_entry_is_named_with_its_remedy(tmp_path: Path, person: Person, wrong: str) -> None:
    found = complaint(person)
    assert found is not None
    assert wrong in found[0]
    with contextlib.closing(opened(tmp_path)) as store, pytest.raises(UserProblems):
        store.apply([Change(person=person)])


def test_an_entry_with_everything_at_its_bounds_is_fine() -> None:
    assert complaint(Person(name="x" * 64, valid_from=0, valid_until=1, uses_left=0, cards=("AAAA",))) is None
    assert complaint(Person(name="Eva", valid_from=5)) is None


def test_a_store_that_is_a_link_is_refused_and_nothing_made_behind_it(tmp_path: Path) -> None:
    """Root makes the store in the service's directory: a link there could have it make, and give away, a file anywhere."""
    (tmp_path / "users.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsersError, match=r"users\.db: the store of users is a link"):
        UserStore(tmp_path / "users.db", tmp_path / "users.key", create=True)
    assert not (tmp_path / "elsewhere").exists()
