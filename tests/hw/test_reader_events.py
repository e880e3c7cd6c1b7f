"""What the program is told of what a decoder saw."""

from __future__ import annotations

from hw.api import CardHeld, CardRead, DeviceFault, HardwareEvent, KeyPressed
from hw.decode.sighting import Kind, Sighting, broken, card, key
from hw.reader_events import BROKEN_IN_A_ROW, ReaderEvents

MS = 1_000_000


def told(*seen: tuple[Sighting, int], held_after_ms: int | None = 4000) -> list[HardwareEvent]:
    events = ReaderEvents("cards", repeat_after_ms=1500, held_after_ms=held_after_ms)
    return [event for sighting, at_ms in seen for event in events.of(sighting, at_ms * MS)]


def test_a_card_is_read_once_and_then_held_once() -> None:
    assert told(*((card("0A"), at_ms) for at_ms in range(0, 9000, 250))) == [
        CardRead(reader="cards", card="0A", at_ns=0),
        CardHeld(reader="cards", card="0A", at_ns=4000 * MS),
    ]


def test_a_raw_card_keeps_its_length() -> None:
    assert told((card("0A", 20), 1)) == [CardRead(reader="cards", card="0A", at_ns=MS, bits=20)]


def test_a_card_that_makes_up_its_numbers_is_one_card_while_it_stays() -> None:
    seen = [(card(f"08{at_ms:06X}", random=True), at_ms) for at_ms in range(0, 5000, 250)]
    assert told(*seen) == [
        CardRead(reader="cards", card="08000000", at_ns=0),
        CardHeld(reader="cards", card="08000FA0", at_ns=4000 * MS),
    ]
    assert len(told((card("08000001"), 0), (card("08000002"), 1))) == 2  # of other readers the numbers are real


def test_every_key_counts() -> None:
    assert told((key("1"), 1), (key("1"), 2)) == [
        KeyPressed(keypad="cards", key="1", at_ns=MS),
        KeyPressed(keypad="cards", key="1", at_ns=2 * MS),
    ]


def test_a_broken_frame_is_nothing_but_a_row_of_them_is_a_fault_until_something_is_read() -> None:
    row = [(broken("crossed"), at_ms) for at_ms in range(2 * BROKEN_IN_A_ROW)]
    assert told(*row[: BROKEN_IN_A_ROW - 1], (key("1"), 50), *row[: BROKEN_IN_A_ROW - 1]) == [
        KeyPressed(keypad="cards", key="1", at_ns=50 * MS)
    ]
    fault, well, read = told(*row, (card("0A"), 60))
    assert fault == DeviceFault(device="cards", working=False, detail="reader cards: crossed", at_ns=(BROKEN_IN_A_ROW - 1) * MS)
    assert well == DeviceFault(device="cards", working=True, detail="reader cards works again", at_ns=60 * MS)
    assert isinstance(read, CardRead)


def test_a_device_that_answers_again_is_well_without_a_card() -> None:
    answers = Sighting(Kind.ANSWERS, "")
    assert told((answers, 0)) == []
    row = [(broken("silent"), at_ms) for at_ms in range(BROKEN_IN_A_ROW)]
    assert [event.working for event in told(*row, (answers, 9)) if isinstance(event, DeviceFault)] == [False, True]


def test_ill_wiring_needs_no_repetition_and_ends_with_the_first_reading() -> None:
    events = ReaderEvents("cards", repeat_after_ms=0, held_after_ms=None)
    assert events.ill_wired("low", 5) == DeviceFault(device="cards", working=False, detail="reader cards: low", at_ns=5)
    assert [type(event) for event in events.of(key("1"), 6)] == [DeviceFault, KeyPressed]
