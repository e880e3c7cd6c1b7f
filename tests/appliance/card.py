"""A door's card as its installer has it in hand: flashed, edited, read."""

from __future__ import annotations

from pathlib import Path

from image.disk import ALIGN_MIB, BOOT_MIB, MIB, SLOT_MIB
from image.places import run

CARD_BYTES = 2_000_000_000  # a "2 GB" card


def flash(image: Path, card: Path) -> None:
    """What an installer does first: the image onto a card."""
    run("cp", "--sparse=always", image, card)
    with card.open("r+b") as file:
        file.truncate(CARD_BYTES)


def edit(card: Path, name: str, text: str, folder: Path) -> None:
    """What an installer does second: write a file on the card's boot partition."""
    source = folder / name
    source.write_text(text)
    run("mcopy", "-o", "-i", f"{card}@@{ALIGN_MIB * MIB}", source, f"::{name}")


def read(card: Path, name: str, folder: Path) -> str:
    """A file of the card's boot partition."""
    target = folder / "read-back"
    target.unlink(missing_ok=True)
    run("mcopy", "-n", "-i", f"{card}@@{ALIGN_MIB * MIB}", f"::{name}", target)
    return target.read_text()


def erase_data(card: Path) -> None:
    """What a worn-out card may do at last: every block of the data partition reads as zeros."""
    start = (ALIGN_MIB + BOOT_MIB + 2 * SLOT_MIB) * MIB
    run("fallocate", "--punch-hole", "--offset", str(start), "--length", str(card.stat().st_size - start), card)
