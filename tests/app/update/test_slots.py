"""Which slot boots: the file that U-Boot's script and the update share."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.app.update.slots import CONFIRMED, TRIES, Slots, other, parse, read_slots, slot_named, write_slots
from firmware.errors import UpdateError

FRESH = Slots(("a", "b"), (CONFIRMED, 0))  # as the image is flashed


def boot(slots: Slots) -> tuple[str, Slots]:
    """What boot.cmd does: the slot that starts, and what it leaves in the file."""
    slot = slots.primary
    if slot is None:
        slots = slots._replace(left=(TRIES, TRIES))
        slot = slots.order[0]
    return slot, slots if slots.is_confirmed(slot) else slots.with_tries(slot, slots.tries(slot) - 1)


def test_the_text_is_what_the_image_is_flashed_with() -> None:
    assert str(FRESH) == "order=a b\nleft_a=9\nleft_b=0\n"
    assert parse(str(FRESH)) == FRESH


@pytest.mark.parametrize("text", ["", "order=\nleft_a=\n", "order=x y\nleft_a=-1\nleft_b=12\n", "\xff\xfe=\n", "left_a\nleft_b=many"])
def test_a_broken_file_means_what_it_means_to_u_boot(text: str) -> None:
    assert parse(text) == Slots(("a", "b"), (TRIES, TRIES))


def test_what_u_boot_exports_is_read() -> None:
    assert parse("left_a=9\nleft_b=2\norder=b a\0") == Slots(("b", "a"), (9, 2))


def test_a_confirmed_slot_never_wears_out() -> None:
    slots = FRESH
    for _ in range(20):
        slot, slots = boot(slots)
        assert (slot, slots) == ("a", FRESH)


def test_a_new_system_that_never_confirms_itself_gives_way() -> None:
    slots = FRESH.with_state("b", good=False).with_primary("b")
    started = []
    for _ in range(5):
        slot, slots = boot(slots)
        started.append(slot)
    assert started == ["b", "b", "b", "a", "a"]


def test_a_new_system_that_confirms_itself_stays_and_the_old_one_is_there_to_go_back_to() -> None:
    _, slots = boot(FRESH.with_primary("b"))
    slots = slots.with_state("b", good=True)
    assert (slots.primary, slots.is_confirmed("a"), slots.is_confirmed("b")) == ("b", True, True)
    assert slots.with_primary("a") == Slots(("a", "b"), (CONFIRMED, CONFIRMED))


def test_a_rejected_system_is_not_started_again() -> None:
    slots = FRESH.with_primary("b").with_state("b", good=False)
    assert slots == Slots(("a", "b"), (CONFIRMED, 0))


@pytest.mark.parametrize("running", ["a", "b"])
def test_a_power_cut_after_any_write_of_an_update_boots_a_whole_system(running: str) -> None:
    now = slot_named(running)
    new = other(now)
    before = Slots().with_state(now, good=True).with_state(new, good=True).with_primary(now)
    marked = before.with_state(new, good=False)
    for cut in (before, marked):  # while the new slot is written it must not be started
        assert boot(cut)[0] == now
    assert boot(marked.with_primary(new))[0] == new


def test_the_file_is_written_in_place_and_keeps_its_length(tmp_path: Path) -> None:
    file = tmp_path / "slots.env"
    write_slots(file, FRESH)
    before = file.stat()
    write_slots(file, FRESH.with_primary("b"))
    assert (file.stat().st_ino, file.stat().st_size) == (before.st_ino, before.st_size)
    assert read_slots(file) == Slots(("b", "a"), (CONFIRMED, TRIES))


@pytest.mark.parametrize("tail", ["\0", "\n# somebody's note\n"])
def test_a_longer_file_is_filled_up_with_what_u_boot_skips(tmp_path: Path, tail: str) -> None:
    file = tmp_path / "slots.env"
    file.write_text(str(FRESH) + tail)
    write_slots(file, FRESH.with_primary("b"))
    text = file.read_text()
    assert len(text) == len(str(FRESH) + tail)
    assert [line for line in text.strip("\0").splitlines()[3:] if not line.startswith("#")] == []
    assert read_slots(file) == Slots(("b", "a"), (CONFIRMED, TRIES))


def test_a_missing_file_is_a_fresh_card_and_an_unreadable_one_is_told(tmp_path: Path) -> None:
    assert read_slots(tmp_path / "slots.env") == Slots()
    with pytest.raises(UpdateError, match="cannot be read"):
        read_slots(tmp_path)
    with pytest.raises(UpdateError, match="cannot be written"):
        write_slots(tmp_path / "no folder" / "slots.env", FRESH)


def test_there_are_two_slots() -> None:
    with pytest.raises(UpdateError, match="'c' is no slot"):
        slot_named("c")
