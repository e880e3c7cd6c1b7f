"""From the last digit, or the card, to the decision with ten thousand users in the store; and what an import of them costs.

    python -m tests.bench.bench_access

The floor of a PIN is one scrypt, which is slow on purpose; the store's own share is what is measured without it. The decision is the whole
way: the door's question, the clerk's thread, the file, the answer, and the door's `Unlock`.
"""

from __future__ import annotations

import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from firmware.app.users.clerk import Clerk
from firmware.app.users.form import from_csv, to_csv
from firmware.app.users.seal import SecretKind
from firmware.app.users.store import UserStore
from firmware.config.codes import weakness
from firmware.door.events import CardRead, Input, KeyPressed, LockName, Unlock, UsersChanged, VerifyCard, VerifyDigits
from firmware.door.machine import handle
from firmware.door.state import Door
from tests.bench.measure import Row, median, percentile, report
from tests.door.house import DIRECTORY, FRONT

USERS = 10_000
TRIES = 200
PIN_KINDS = (SecretKind.PIN, SecretKind.DURESS)


def crowd() -> tuple[str, list[str]]:
    """A CSV file of ten thousand users with a PIN and a card each, and the PINs."""
    chance = random.Random(2)
    pins = [f"{pin:08}" for pin in chance.sample(range(10**7, 10**8), 2 * USERS)]
    pins = [pin for pin in pins if weakness(pin) is None][:USERS]
    lines = [f"Tenant {number},*,{number:08X},{pin}" for number, pin in enumerate(pins)]
    return "name,locks,cards,pin\n" + "\n".join(lines) + "\n", pins


def timed_ms(work: Callable[[int], object]) -> list[float]:
    spans = []
    for number in range(TRIES):
        started = time.perf_counter()
        work(number)
        spans.append((time.perf_counter() - started) * 1e3)
    return spans


async def decided_ms(clerk: Clerk, answers: asyncio.Queue[Input], users: UsersChanged, keys: list[list[Input]]) -> list[float]:
    """From the last input of each entry to the Unlock."""
    spans = []
    directory = DIRECTORY._replace(keypads={"pad": LockName(FRONT)}, cards=(), codes=())
    for entry in keys:
        door, _ = handle(Door(directory=directory, next_press=1), users, 0.0)
        for given in entry[:-1]:
            door, _ = handle(door, given, 1.0)
        started = time.perf_counter()
        door, effects = handle(door, entry[-1], 1.0)
        while not any(isinstance(effect, Unlock) for effect in effects):
            for effect in effects:
                if isinstance(effect, VerifyDigits | VerifyCard):
                    clerk.ask(effect)
            door, effects = handle(door, await answers.get(), 1.0)
        spans.append((time.perf_counter() - started) * 1e3)
    return spans


async def decisions(folder: Path, pins: list[str]) -> tuple[list[float], list[float]]:
    answers: asyncio.Queue[Input] = asyncio.Queue()
    clerk = Clerk(folder / "users.db", folder / "users.key", groups={}, clock=time.time, tell=answers.put_nowait)
    users = await clerk.reload()
    answers.get_nowait()
    chosen = random.Random(3).sample(range(USERS), TRIES)
    typed: list[list[Input]] = [[KeyPressed(keypad="pad", key=key) for key in pins[number] + "#"] for number in chosen]
    shown: list[list[Input]] = [[CardRead(reader="wall", card=f"{number:08X}")] for number in chosen]
    result = await decided_ms(clerk, answers, users, typed), await decided_ms(clerk, answers, users, shown)
    await clerk.close()
    return result


def main() -> None:
    text, pins = crowd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = UserStore(folder / "users.db", folder / "users.key", create=True)
        started = time.perf_counter()
        changes = from_csv(text.encode(), store.sealer, lambda _person, _digits: ())
        sealed_s = time.perf_counter() - started
        started = time.perf_counter()
        store.apply(changes)
        written_s = time.perf_counter() - started
        scrypt = timed_ms(lambda number: store.sealer.seals(pins[number]))
        known = timed_ms(lambda number: store.by_digits(pins[number], PIN_KINDS))
        nobody = timed_ms(lambda number: store.by_digits(f"9{number:07}99", PIN_KINDS))
        cards = timed_ms(lambda number: store.by_card(f"{number * 37:08X}"))
        made = {pin: store.sealer.seals(pin) for pin in pins[:TRIES]}
        with patch.object(store.sealer, "seals", made.__getitem__):
            looked = timed_ms(lambda number: store.by_digits(pins[number], PIN_KINDS))
        typed, shown = asyncio.run(decisions(folder, pins))
        started = time.perf_counter()
        exported = to_csv(store.people(), store.sealer)
        exported_s = time.perf_counter() - started
        assert exported.count("\n") == USERS + 1
        size_mb = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        store.close()
    floor_ms = median(scrypt)

    def beside_scrypt(what: str, value: float, aim: str = "") -> Row:
        return Row(what=what, value=value, unit="ms", against="one scrypt", against_value=floor_ms, aim=aim)

    report(
        "access",
        [
            beside_scrypt("last key → decision, 10 000 users, median", median(typed)),
            beside_scrypt("last key → decision, 99th percentile", percentile(typed, 0.99)),
            beside_scrypt("PIN that is known, in the store, median", median(known)),
            beside_scrypt("PIN that is nobody's, in the store, median", median(nobody), aim="the same"),
            Row(what="PIN in the store without the hash, median", value=median(looked), unit="ms"),
            Row(what="card → decision, 10 000 users, median", value=median(shown), unit="ms"),
            Row(what="card → decision, 99th percentile", value=percentile(shown, 0.99), unit="ms"),
            Row(what="card in the store, median", value=median(cards), unit="ms"),
            Row(what="import of 10 000 users: sealing on every core", value=sealed_s, unit="s"),
            Row(what="import of 10 000 users: checking and one transaction", value=written_s, unit="s"),
            Row(what="export of 10 000 users", value=exported_s, unit="s"),
            Row(what="size of the store", value=size_mb, unit="MB"),
            Row(what="memory of this process at most", value=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, unit="MB"),
        ],
    )


if __name__ == "__main__":
    main()
