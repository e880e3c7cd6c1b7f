"""A nursery of writers for the kill test: forks one at each line on its input, which then changes the whole store until it is killed.

Each change gives every user one card and one number of uses, both of the same generation. `begin N` is said before, `done N` after it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from firmware.app.users import seal
from firmware.app.users.person import Person
from firmware.app.users.store import Change, UserStore

USERS = 20


def say(text: str) -> None:
    os.write(1, (text + "\n").encode())


def write_for_ever(store: UserStore) -> None:
    generation = next((person.uses_left or 0 for person in store.people()), 0)
    while True:
        generation += 1
        say(f"begin {generation}")
        people = [Person(name=f"user {number}", uses_left=generation, cards=(f"{generation:08X}{number:02X}",)) for number in range(USERS)]
        store.apply([Change(person=person, line=line) for line, person in enumerate(people)])
        say(f"done {generation}")


def main() -> None:
    seal.SCRYPT_COST = 2
    folder = Path(sys.argv[1])
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            say(f"child {os.getpid()}")
            write_for_ever(UserStore(folder / "users.db", folder / "users.key", create=True))
        os.waitpid(child, 0)
        say("gone")


main()
