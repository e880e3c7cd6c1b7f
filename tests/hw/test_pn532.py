"""The conversation with a PN532: with a chip that obeys, with one that does not, and with a line that carries anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.decode.pn532 import (
    ACK,
    ANSWER_NS,
    CHECK_NS,
    FIELD_OFF,
    FIND_ONE_A,
    PAUSE_NS_MAX,
    REST_NS,
    SAM_NORMAL,
    SEARCH_FOR_EVER,
    WAKE,
    Pn532,
    Step,
    frame,
    read_targets,
    split_frames,
)
from hw.decode.sighting import Kind, Sighting, card
from tests.hw.pn532_chip import Chip, answer, target

DATA = Path(__file__).parents[1] / "data" / "readers"
UID = bytes.fromhex("04A1B2C3D4E580")
FRAME_BYTES_MAX = 4 + 255 + 1


class Talk:
    """The machine and a chip, joined in memory, with a clock."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.chip = Chip()
        self.machine = Pn532(0)
        self.seen: list[Sighting] = []
        self.settle()

    def settle(self) -> None:
        while output := self.machine.take_output():
            self.hear(self.chip.hear(output))

    def hear(self, data: bytes) -> None:
        self.seen += self.machine.feed(data, self.now_ns)

    def show(self, number: bytes) -> None:
        self.hear(self.chip.show(number))
        self.settle()

    def go(self, to_ns: int) -> None:
        while (at_ns := self.machine.deadline_ns()) <= to_ns:
            self.now_ns = at_ns
            self.seen += self.machine.expire(at_ns)
            self.settle()
        self.now_ns = to_ns

    def cards(self) -> list[str]:
        return [sighting.text for sighting in self.seen if sighting.kind is Kind.CARD]


def test_a_command_is_framed_as_the_manual_prints_it() -> None:
    assert frame(b"\x02") == bytes.fromhex("0000FF02FED4022A00")  # GetFirmwareVersion
    assert frame(SAM_NORMAL) == bytes.fromhex("0000FF05FBD4140114010200")


def test_the_chip_is_woken_set_up_and_asked_to_search_for_ever() -> None:
    first = Pn532(0).take_output()
    assert first == ACK + WAKE + frame(SAM_NORMAL)
    talk = Talk()
    assert talk.chip.commands == [SAM_NORMAL, SEARCH_FOR_EVER, FIND_ONE_A]
    assert talk.chip.searching
    assert talk.seen == [Sighting(Kind.ANSWERS, "")]
    assert talk.machine.deadline_ns() == CHECK_NS  # silence until then: no card, no wake-up


@pytest.mark.parametrize("number", ["04A1B2C3", "04A1B2C3D4E580", "04A1B2C3D4E5F60718FF"])
def test_a_card_of_each_size_is_read(number: str) -> None:
    talk = Talk()
    talk.show(bytes.fromhex(number))
    assert talk.cards() == [number]


def test_a_card_that_stays_is_found_four_times_a_second_and_then_the_line_is_silent() -> None:
    talk = Talk()
    talk.show(UID)
    talk.go(1_000_000_000)
    assert len(talk.cards()) == 5
    assert talk.chip.commands[3:6] == [FIELD_OFF, FIND_ONE_A, FIELD_OFF]
    talk.chip.take_away()
    talk.go(2_000_000_000)
    assert len(talk.cards()) == 5
    assert talk.machine.deadline_ns() == 4 * REST_NS + REST_NS + CHECK_NS
    talk.show(UID)
    assert len(talk.cards()) == 6


def test_a_minute_without_a_card_makes_sure_that_the_chip_is_there() -> None:
    talk = Talk()
    before = len(talk.chip.commands)
    talk.go(CHECK_NS)
    assert talk.chip.commands[before:] == [SAM_NORMAL, SEARCH_FOR_EVER, FIND_ONE_A]
    assert not any(sighting.kind is Kind.BROKEN for sighting in talk.seen)
    talk.show(UID)
    assert talk.cards() == ["04A1B2C3D4E580"]


def test_a_chip_that_lost_its_power_is_noticed_and_set_up_again() -> None:
    talk = Talk()
    talk.chip.powered = False
    talk.go(CHECK_NS + 3 * ANSWER_NS)
    assert [seen.kind for seen in talk.seen] == [Kind.ANSWERS, Kind.BROKEN, Kind.BROKEN]
    assert "HSU" in talk.seen[-1].text
    talk.chip = Chip()
    talk.go(talk.now_ns + PAUSE_NS_MAX)
    kinds = [seen.kind for seen in talk.seen]
    assert kinds[-1] is Kind.ANSWERS
    assert talk.chip.searching


def test_nobody_there_is_asked_with_growing_pauses() -> None:
    machine = Pn532(0)
    asked: list[int] = []
    for _ in range(8):
        assert machine.take_output() == ACK + WAKE + frame(SAM_NORMAL)
        asked.append(machine.deadline_ns() // ANSWER_NS)
        assert machine.expire(machine.deadline_ns() - 1) == ()
        assert [seen.kind for seen in machine.expire(machine.deadline_ns())] == [Kind.BROKEN]
    assert asked == [1, 3, 7, 15, 31, 61, 91, 121]


def test_an_answer_ends_the_growing_of_the_pauses() -> None:
    machine = Pn532(0)
    for _ in range(5):
        machine.expire(machine.deadline_ns())
    now_ns = machine.deadline_ns() - 1
    machine.feed(answer(b"\x15"), now_ns)
    assert machine.deadline_ns() == now_ns + ANSWER_NS
    machine.expire(now_ns + ANSWER_NS)
    assert machine.deadline_ns() == now_ns + 3 * ANSWER_NS


def test_half_a_frame_is_forgotten_with_the_next_attempt() -> None:
    machine = Pn532(0)
    machine.feed(b"\x00\xff\xff\x01", 0)  # the beginning of 255 bytes that never come
    machine.expire(ANSWER_NS)
    assert [seen.kind for seen in machine.feed(answer(b"\x15"), ANSWER_NS + 1)] == [Kind.ANSWERS]


def test_a_card_found_while_a_check_aborts_the_search_is_a_card() -> None:
    machine = Pn532(0)
    assert machine.feed(target(UID), 0) == (card("04A1B2C3D4E580"),)
    assert machine._step is Step.WAKING


@pytest.mark.parametrize("lost", [bytes.fromhex("0000FF01FF7F8100"), frame(FIND_ONE_A), answer(b"")])
def test_an_error_in_the_middle_of_a_search_leads_to_a_new_one_within_a_second(lost: bytes) -> None:
    talk = Talk()
    talk.hear(lost)
    assert talk.machine.deadline_ns() == ANSWER_NS
    talk.go(ANSWER_NS)
    assert talk.chip.searching
    talk.hear(lost)
    talk.machine._step = Step.RESTING
    talk.hear(lost)  # where nothing was asked it means nothing
    assert talk.machine._step is Step.RESTING


def test_an_answer_to_something_else_is_no_answer() -> None:
    machine = Pn532(0)
    machine.take_output()
    assert machine.feed(answer(b"\x33"), 0) == ()
    assert machine.take_output() == b""


def test_an_acknowledgement_alone_is_not_an_answer() -> None:
    machine = Pn532(0)
    machine.feed(ACK, 5)
    assert machine.deadline_ns() == ANSWER_NS


@pytest.mark.parametrize(
    "broken",
    [
        bytes.fromhex("01"),  # a target without anything
        bytes.fromhex("0101000408"),  # no length
        bytes.fromhex("010100040805") + b"12345",  # a length that no card has
        bytes.fromhex("010100040807") + b"1234",  # cut off
    ],
)
def test_a_card_without_a_readable_number_is_broken(broken: bytes) -> None:
    assert [seen.kind for seen in read_targets(broken)] == [Kind.BROKEN]


@pytest.mark.parametrize(("number", "random"), [("08A1B2C3", True), ("04A1B2C3", False), ("08A1B2C3D4E580", False)])
def test_a_number_that_the_card_makes_up_is_marked(number: str, random: bool) -> None:
    payloads, _ = split_frames(target(bytes.fromhex(number)))
    assert read_targets(payloads[0][2:]) == (card(number, random=random),)


def test_no_card_is_no_card() -> None:
    assert read_targets(b"") == ()
    assert read_targets(b"\x00") == ()


def test_what_follows_the_number_of_a_card_is_not_part_of_it() -> None:
    payloads, rest = split_frames(target(UID, ats=bytes.fromhex("0675778102")))
    assert read_targets(payloads[0][2:]) == (card("04A1B2C3D4E580"),)
    assert rest == b"\x00"  # the postamble, which may begin the next


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff",  # a start code and nothing
        bytes.fromhex("0000FF05FAD515"),  # wrong length checksum
        bytes.fromhex("0000FF02FED5151700"),  # wrong data checksum
        bytes.fromhex("0000FF000000"),  # no length
        bytes.fromhex("0000FFFF0000"),  # a NACK
        bytes.fromhex("0000FFFFFF0102FDD5"),  # an extended frame
        b"\xff\x00\x55" * 9,
    ],
)
def test_a_right_frame_is_found_behind_garbage(garbage: bytes) -> None:
    payloads, _ = split_frames(garbage + answer(b"\x15"))
    assert payloads == [b"\xd5\x15"]


def test_a_whole_conversation_with_garbage_in_it_is_read() -> None:
    machine = Pn532(0)
    seen = machine.feed((DATA / "pn532_card.dat").read_bytes(), 0)
    assert seen == (Sighting(Kind.ANSWERS, ""), card("04A1B2C3D4E580"))
    assert machine._step is Step.RESTING


@given(st.lists(st.binary(max_size=30) | st.sampled_from([ACK, answer(b"\x15"), answer(b"\x33"), target(UID)]), max_size=20), st.data())
def test_frames_are_found_however_the_line_cuts_them_and_nothing_is_kept(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    whole, pieced = Pn532(0), Pn532(0)
    seen = whole.feed(stream, 0)
    found: list[Sighting] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += pieced.feed(stream[:size], 0)
        stream = stream[size:]
        assert len(pieced._partial) < FRAME_BYTES_MAX
    assert tuple(found) == seen
    assert (whole._step, whole.take_output()) == (pieced._step, pieced.take_output())


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, CHECK_NS)), max_size=30))
def test_whatever_comes_the_machine_always_has_a_deadline_ahead(steps: list[tuple[bytes, int]]) -> None:
    machine = Pn532(0)
    now_ns = 0
    for data, pause_ns in steps:
        now_ns += pause_ns
        machine.feed(data, now_ns)
        machine.expire(now_ns)
        machine.take_output()
        assert now_ns < machine.deadline_ns() <= now_ns + CHECK_NS
