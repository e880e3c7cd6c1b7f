"""New, still there, held: with time in the hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hw.decode.presence import Presence, Stay

S = 1_000_000_000
AWAY = 3 * S // 2
HELD = 4 * S


def stays(*seen: tuple[str, int], held_ns: int | None = HELD) -> list[Stay]:
    presence = Presence(away_ns=AWAY, held_ns=held_ns)
    return [presence.see(card, at_ns) for card, at_ns in seen]


def test_a_card_counts_once_while_it_is_there() -> None:
    assert stays(("A", 0), ("A", S), ("A", 2 * S)) == [Stay.NEW, Stay.STILL, Stay.STILL]


def test_a_card_counts_again_after_it_was_away() -> None:
    assert stays(("A", 0), ("A", AWAY - 1), ("A", 2 * AWAY - 1)) == [Stay.NEW, Stay.STILL, Stay.NEW]


def test_another_card_counts_at_once_and_so_does_the_first_after_it() -> None:
    assert stays(("A", 0), ("B", 1), ("A", 2)) == [Stay.NEW, Stay.NEW, Stay.NEW]


def test_a_card_that_stays_is_held_once() -> None:
    seen = stays(*(("A", at_ns) for at_ns in range(0, 10 * S, S)))
    assert seen == [Stay.NEW, Stay.STILL, Stay.STILL, Stay.STILL, Stay.HELD, *[Stay.STILL] * 5]


def test_held_begins_anew_with_each_stay() -> None:
    one_stay = [("A", at_ns) for at_ns in range(0, 5 * S, S)]
    seen = stays(*one_stay, *((card, at_ns + 20 * S) for card, at_ns in one_stay))
    assert seen.count(Stay.HELD) == 2


def test_a_reader_for_which_nothing_is_held_never_says_so() -> None:
    assert Stay.HELD not in stays(*(("A", at_ns) for at_ns in range(0, 60 * S, S)), held_ns=None)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 5 * S)), max_size=40))
def test_each_stay_is_new_once_and_held_once_at_most(steps: list[tuple[str, int]]) -> None:
    presence = Presence(away_ns=AWAY, held_ns=HELD)
    now_ns = 0
    since_ns = 0
    held = False
    for card, pause_ns in steps:
        now_ns += pause_ns
        match presence.see(card, now_ns):
            case Stay.NEW:
                since_ns, held = now_ns, False
            case Stay.HELD:
                assert not held
                assert now_ns - since_ns >= HELD
                held = True
            case Stay.STILL:
                assert pause_ns < AWAY
                assert held or now_ns - since_ns < HELD
