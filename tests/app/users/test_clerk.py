"""The store at the daemon's side: every question has its answer, and none holds the loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware.app.users.clerk import Clerk
from firmware.app.users.person import Person
from firmware.app.users.store import Change
from firmware.door import events as door
from firmware.errors import UsersError
from tests.app.users.people import change, opened

TENANTS = door.Right(locks=frozenset({door.LockName("front")}), profile="office")
ASK = door.AskId(7)


def run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


@asynccontextmanager
async def clerk(folder: Path) -> AsyncIterator[tuple[Clerk, asyncio.Queue[door.Input]]]:
    answers: asyncio.Queue[door.Input] = asyncio.Queue()
    made = Clerk(folder / "users.db", folder / "users.key", groups={"tenants": TENANTS}, clock=lambda: 42.0, tell=answers.put_nowait)
    try:
        yield made, answers
    finally:
        await made.close()


def filled(folder: Path) -> None:
    with contextlib.closing(opened(folder)) as store:
        eva = Person(name="Eva", groups=("tenants", "gone"), locks=("gate",), cards=("CAFE01",), uses_left=1, valid_until=99)
        store.apply([change(store, eva, pin="583216", duress="903817")])


EVA = door.User(
    name="Eva",
    rights=(door.Right(locks=frozenset({door.LockName("gate")}), profile=None), TENANTS),
    valid_until_s=99,
    uses_left=1,
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            door.VerifyDigits(ask=ASK, place=door.Place.KEYPAD, digits="583216"),
            door.Verified(ask=ASK, user=EVA, duress=False, at_s=42.0),
        ),
        (
            door.VerifyDigits(ask=ASK, place=door.Place.KEYPAD, digits="903817"),
            door.Verified(ask=ASK, user=EVA, duress=True, at_s=42.0),
        ),
        (
            door.VerifyDigits(ask=ASK, place=door.Place.CALL, digits="583216"),
            door.Verified(ask=ASK, user=None, duress=False, at_s=42.0),
        ),
        (door.VerifyCard(ask=ASK, card="CAFE01"), door.Verified(ask=ASK, user=EVA, duress=False, at_s=42.0)),
        (door.VerifyCard(ask=ASK, card="CAFE02"), door.Verified(ask=ASK, user=None, duress=False, at_s=42.0)),
        (door.Spend(ask=ASK, user="Eva"), door.Spent(ask=ASK, done=True)),
        (door.Spend(ask=ASK, user="Bob"), door.Spent(ask=ASK, done=False)),
    ],
)
def test_each_question_has_its_answer(tmp_path: Path, question: door.Question, answer: door.Input) -> None:
    filled(tmp_path)

    async def work() -> None:
        async with clerk(tmp_path) as (made, answers):
            changed = await made.reload()
            assert changed == answers.get_nowait() == door.UsersChanged(users=1, pin_digits=6, code_digits=6)
            made.ask(question)
            assert await answers.get() == answer

    run(work())


def test_without_a_store_there_are_no_users_and_nothing_is_made(tmp_path: Path) -> None:
    async def work() -> None:
        async with clerk(tmp_path) as (made, answers):
            assert await made.reload() == door.UsersChanged(users=0, pin_digits=0, code_digits=0)
            answers.get_nowait()
            made.ask(door.VerifyCard(ask=ASK, card="CAFE01"))
            answer = await answers.get()
            assert isinstance(answer, door.NotVerified)
            assert "no store" in answer.detail

    run(work())
    assert list(tmp_path.iterdir()) == []


def test_a_change_by_another_process_counts_at_once_and_is_summed_up_on_reload(tmp_path: Path) -> None:
    filled(tmp_path)

    async def work() -> None:
        async with clerk(tmp_path) as (made, answers):
            await made.reload()
            with contextlib.closing(opened(tmp_path)) as other:
                other.apply([Change(person=Person(name="Eva", cards=("CAFE02",)))])
            answers.get_nowait()
            made.ask(door.VerifyCard(ask=ASK, card="CAFE01"))
            assert await answers.get() == door.Verified(ask=ASK, user=None, duress=False, at_s=42.0)
            assert await made.reload() == door.UsersChanged(users=1, pin_digits=0, code_digits=0)

    run(work())


def test_a_store_that_cannot_be_read_is_an_error_and_then_no_store(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "users.key").unlink()

    async def work() -> None:
        async with clerk(tmp_path) as (made, answers):
            with pytest.raises(UsersError, match="restore it"):
                await made.reload()
            made.ask(door.Spend(ask=ASK, user="Eva"))
            assert isinstance(await answers.get(), door.NotVerified)

    run(work())
