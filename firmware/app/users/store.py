"""The store of users: one SQLite file beside the journal, and the key file of the secrets in it.

A change is one transaction: pulling the plug at any byte leaves the old store or the new one. The daemon and `portero users` may have it
open at the same time. Every call blocks; the daemon makes them in a thread of its own (`clerk`).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hmac import compare_digest
from pathlib import Path
from typing import NamedTuple

from firmware.app.users.person import USERS_MAX, Person, Problem, UserProblems, complaint
from firmware.app.users.seal import OVERLAPS, SALT_BYTES, Seal, Sealer, SecretKind, device_key
from firmware.errors import UsersError
from firmware.service_file import own_like_directory, sync_directory

SCHEMA_VERSION = 1
BUSY_LIMIT_S = 2.0  # an import of ten thousand users holds the file for less than a second

# Lists are joined by spaces: names of locks and groups, and card numbers, hold none. `locks` NULL stands for every lock.
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    groups TEXT NOT NULL,
    locks TEXT,
    profile TEXT,
    card_needs_pin INTEGER NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    uses_left INTEGER CHECK (uses_left >= 0)
) STRICT;
CREATE TABLE card (
    number TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX card_user ON card (user_id);
CREATE TABLE secret (
    mark BLOB PRIMARY KEY,
    proof BLOB NOT NULL,
    kind TEXT NOT NULL,
    digits INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    UNIQUE (user_id, kind)
) STRICT, WITHOUT ROWID;
"""
NOTHING = Seal(mark=bytes(16), proof=bytes(16), digits=0)  # compared when there is nobody, in the same time


class Summary(NamedTuple):
    """What the door needs to know of the whole: how many users, and the lengths of the longest PIN and code (0: none)."""

    users: int
    pin_digits: int
    code_digits: int


class Change(NamedTuple):
    """A user to add or to put in place of the one with this name. `seals` holds all uses of the digits that are new, by their kind."""

    person: Person
    line: int = 0
    seals: tuple[tuple[SecretKind, dict[SecretKind, Seal]], ...] = ()


class UserStore:
    """An open store. One thread at a time."""

    def __init__(self, path: Path, key_path: Path, *, create: bool = False) -> None:
        """Raises UsersError when there is no store (unless `create`), or it cannot be used, or the key is missing or another one."""
        self._path = path
        if not create and not path.exists():
            raise UsersError(f"{path}: there is no store of users; `portero users add` makes one")
        with _translated(path), contextlib.ExitStack() as on_error:
            self._connection = _connected(path)
            on_error.callback(self._connection.close)
            self.sealer = self._sealer(key_path)
            on_error.pop_all()

    def close(self) -> None:
        self._connection.close()

    # --- the door's questions -------------------------------------------------------------------------------------------

    def by_digits(self, digits: str, kinds: Sequence[SecretKind]) -> tuple[Person, SecretKind] | None:
        """Whose secret of one of these kinds the digits are. Slow on purpose, and equally slow for nobody's digits."""
        seals = self.sealer.seals(digits)
        found: tuple[Person, SecretKind] | None = None
        with _translated(self._path):
            for kind in kinds:
                row = self._connection.execute(
                    "SELECT user_id, proof FROM secret WHERE mark = ? AND kind = ?", (seals[kind].mark, kind.value)
                ).fetchone()
                same = compare_digest(NOTHING.proof if row is None else row[1], seals[kind].proof)
                if same and row is not None and found is None:
                    found = self._person(row[0]), kind
        return found

    def by_card(self, number: str) -> Person | None:
        """Whose card this is."""
        with _translated(self._path):
            row = self._connection.execute("SELECT user_id FROM card WHERE number = ?", (number,)).fetchone()
            return None if row is None else self._person(row[0])

    def spend(self, name: str) -> bool:
        """Write off one use, durably; False when there was none left or nobody of this name counts uses."""
        with _translated(self._path), _transaction(self._connection):
            return (
                self._connection.execute("UPDATE user SET uses_left = uses_left - 1 WHERE name = ? AND uses_left > 0", (name,)).rowcount
                == 1
            )

    def summary(self) -> Summary:
        longest = "SELECT coalesce(max(digits), 0) FROM secret WHERE kind IN (?, 'duress')"
        with _translated(self._path):
            users = self._connection.execute("SELECT count(*) FROM user").fetchone()[0]
            pin, code = (self._connection.execute(longest, (kind,)).fetchone()[0] for kind in ("pin", "code"))
        return Summary(users=users, pin_digits=pin, code_digits=code)

    # --- the administrator's ---------------------------------------------------------------------------------------------

    def people(self, *, after: str = "", limit: int = USERS_MAX) -> Iterator[Person]:
        """Users in the order of their names, from the one behind `after` on; every one without that."""
        page = "SELECT id FROM user WHERE name > ? ORDER BY name LIMIT ?"
        with _translated(self._path):
            for (user_id,) in self._connection.execute(page, (after, limit)).fetchall():
                yield self._person(user_id)

    def named(self, name: str) -> Person | None:
        with _translated(self._path):
            row = self._connection.execute("SELECT id FROM user WHERE name = ?", (name,)).fetchone()
            return None if row is None else self._person(row[0])

    def remove(self, names: Iterable[str]) -> int:
        """Remove the users of these names; how many there were."""
        with _translated(self._path), _transaction(self._connection):
            return sum(self._connection.execute("DELETE FROM user WHERE name = ?", (name,)).rowcount for name in names)

    def apply(self, changes: Sequence[Change], *, replace: bool = False) -> None:
        """Make all changes or none; with `replace` they become the whole store. Raises UserProblems with every bad one."""
        problems = [
            Problem(line=change.line, who=change.person.name, wrong=wrong[0], remedy=wrong[1])
            for change in changes
            if (wrong := complaint(change.person)) is not None
        ]
        problems += _named_twice(changes)
        with _translated(self._path), _transaction(self._connection):
            if not problems:
                problems = self._made(changes, replace=replace)
            if problems:
                raise UserProblems(tuple(sorted(problems, key=lambda problem: problem.line)))

    def _made(self, changes: Sequence[Change], *, replace: bool) -> list[Problem]:
        """First every old card and secret goes, then the new ones come: so two users may exchange cards in one file."""
        if replace:
            self._connection.execute("DELETE FROM user")
        ids = [self._put(change.person) for change in changes]
        problems = []
        for change, user_id in zip(changes, ids, strict=True):
            for wrong, remedy in self._equipped(change, user_id):
                problems.append(Problem(line=change.line, who=change.person.name, wrong=wrong, remedy=remedy))
        users = self._connection.execute("SELECT count(*) FROM user").fetchone()[0]
        if users > USERS_MAX:
            problems.append(Problem(line=0, who="the store", wrong=f"it would hold {users} users", remedy=f"keep to {USERS_MAX}"))
        return problems

    def _put(self, person: Person) -> int:
        values = (
            person.name,
            " ".join(person.groups),
            None if person.locks is None else " ".join(person.locks),
            person.profile,
            person.card_needs_pin,
            person.valid_from,
            person.valid_until,
            person.uses_left,
        )
        self._connection.execute(
            "INSERT INTO user (name, groups, locks, profile, card_needs_pin, valid_from, valid_until, uses_left)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET groups = excluded.groups, locks = excluded.locks,"
            " profile = excluded.profile, card_needs_pin = excluded.card_needs_pin, valid_from = excluded.valid_from,"
            " valid_until = excluded.valid_until, uses_left = excluded.uses_left",
            values,
        )
        user_id: int = self._connection.execute("SELECT id FROM user WHERE name = ?", (person.name,)).fetchone()[0]
        self._connection.execute("DELETE FROM card WHERE user_id = ?", (user_id,))
        self._connection.execute("DELETE FROM secret WHERE user_id = ?", (user_id,))
        return user_id

    def _equipped(self, change: Change, user_id: int) -> Iterator[tuple[str, str]]:
        for card in change.person.cards:
            if not self._inserted("INSERT INTO card (number, user_id) VALUES (?, ?)", (card, user_id)):
                yield f"card {card} belongs to another user", "give another, or take it from that user first"
        for kind, seals in change.seals:
            marks = tuple(seals[other].mark for other in OVERLAPS[kind] if other is not kind)
            if any(self._connection.execute("SELECT 1 FROM secret WHERE mark = ?", (mark,)).fetchone() for mark in marks):
                yield f"the digits of {kind.value} are taken", "choose others"
        for kind, seal in change.person.secrets.items():
            values = (seal.mark, seal.proof, kind.value, seal.digits, user_id)
            if not self._inserted("INSERT INTO secret (mark, proof, kind, digits, user_id) VALUES (?, ?, ?, ?, ?)", values):
                yield f"the digits of {kind.value} are taken", "choose others"

    def _inserted(self, statement: str, values: tuple[object, ...]) -> bool:
        try:
            self._connection.execute(statement, values)
        except sqlite3.IntegrityError:
            return False
        return True

    def _person(self, user_id: int) -> Person:
        row = self._connection.execute(
            "SELECT name, groups, locks, profile, card_needs_pin, valid_from, valid_until, uses_left FROM user WHERE id = ?", (user_id,)
        ).fetchone()
        cards = self._connection.execute("SELECT number FROM card WHERE user_id = ? ORDER BY number", (user_id,)).fetchall()
        secrets = self._connection.execute("SELECT kind, mark, proof, digits FROM secret WHERE user_id = ?", (user_id,)).fetchall()
        return Person(
            name=row[0],
            groups=tuple(row[1].split()),
            locks=None if row[2] is None else tuple(row[2].split()),
            profile=row[3],
            cards=tuple(number for (number,) in cards),
            card_needs_pin=bool(row[4]),
            secrets={SecretKind(kind): Seal(mark=mark, proof=proof, digits=digits) for kind, mark, proof, digits in secrets},
            valid_from=row[5],
            valid_until=row[6],
            uses_left=row[7],
        )

    def _sealer(self, key_path: Path) -> Sealer:
        meta = dict(self._connection.execute("SELECT name, value FROM meta"))
        key = device_key(key_path, create="key_id" not in meta)
        if "key_id" not in meta:
            sealer = Sealer(key, os.urandom(SALT_BYTES))
            # Whoever else begins the same store at the same time wins or loses as a whole.
            with _transaction(self._connection):
                self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('salt', ?)", (sealer.store_salt,))
                salt: bytes = self._connection.execute("SELECT value FROM meta WHERE name = 'salt'").fetchone()[0]
                sealer = Sealer(key, salt)
                self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('key_id', ?)", (sealer.key_id.encode(),))
            return sealer
        sealer = Sealer(key, meta["salt"])
        if sealer.key_id.encode() != meta["key_id"]:
            raise UsersError(f"{key_path}: this is not the key with which the secrets in {self._path} were made; restore it from a backup")
        return sealer


def _named_twice(changes: Sequence[Change]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for change in changes:
        before = first.setdefault(change.person.name, change.line)
        if before != change.line:
            yield Problem(
                line=change.line, who=change.person.name, wrong=f"the name stands on line {before} already", remedy="give another"
            )


def _connected(path: Path) -> sqlite3.Connection:
    _make_sure(path)
    where = f"{path.absolute().as_uri()}?mode=rw"  # makes none: the link that takes the file's place now must not have one made elsewhere
    connection = sqlite3.connect(where, uri=True, timeout=BUSY_LIMIT_S, isolation_level=None, check_same_thread=False)
    with contextlib.ExitStack() as on_error:
        on_error.callback(connection.close)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        with _transaction(connection):
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        if version == 0:
            sync_directory(path.parent)
        elif version != SCHEMA_VERSION:
            raise UsersError(f"{path}: its schema has version {version}, this program knows {SCHEMA_VERSION}; update the program")
        on_error.pop_all()
    return connection


def _make_sure(path: Path) -> None:
    """Have a file there that is the store itself. Raises UsersError for a link: root must not be led out of the service's directory."""
    if path.is_symlink():
        raise UsersError(f"{path}: the store of users is a link; name the file itself in users.path")
    with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)) as file:
        own_like_directory(file.fileno(), path.parent)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise UsersError(f"{path}: the store of users cannot be used ({error}); check its directory, rights and space") from error
