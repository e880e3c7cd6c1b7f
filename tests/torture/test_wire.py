"""The judge itself: tests/torture/wire.py."""

from __future__ import annotations

import pytest

from tests.torture.wire import Message, Outcome, messages


def outcome(*statuses: int, verdicts: tuple[str, ...], transport: str = "UDP", data: bytes = b"", alive: bool = True) -> Outcome:
    return Outcome(Message("name", "3.1", verdicts, data), transport, statuses, frozenset(), alive)


@pytest.mark.parametrize(
    ("statuses", "verdicts", "right"),
    [
        ((400,), ("400",), True),
        ((200,), ("400",), False),
        ((100, 400), ("400",), True),
        ((), ("drop",), True),
        ((), ("normal",), False),
        ((200,), ("drop",), False),
        ((486,), ("normal",), True),
        ((500,), ("normal",), False),
        ((100,), ("normal",), True),
    ],
)
def test_an_answer_is_held_against_the_verdicts(statuses: tuple[int, ...], verdicts: tuple[str, ...], right: bool) -> None:
    assert outcome(*statuses, verdicts=verdicts).right is right
    assert not outcome(*statuses, verdicts=verdicts, alive=False).right


def test_a_message_that_never_ends_may_be_waited_for_on_a_stream_only() -> None:
    cut = b"INVITE sip:x SIP/2.0\r\nContent-Length: 9\r\n\r\nshort"
    assert outcome(verdicts=("400",), transport="TCP", data=cut).right
    assert not outcome(verdicts=("400",), transport="UDP", data=cut).right


def test_all_messages_are_there_and_none_has_the_branch_of_another() -> None:
    found = messages()
    assert len(found) == 62
    branches = [message.branch for message in found if message.branch.startswith(b"z9hG4bK")]
    assert len(branches) == len(set(branches)) > 50
