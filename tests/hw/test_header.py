"""Which chip is the pin header's, on boards made of files and a library that remembers what it was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw.api import HardwareError
from hw.header import header_chip

PI_5 = ("raspberrypi,5-model-b", "brcm,bcm2712")
# As Linux 7.3 and Raspberry Pi's own kernels name them; the order is whichever driver came first.
EARLIER = ("gpio-brcmstb@107d508500", "gpio-brcmstb@107d517c00")


class ChipError(Exception):
    """As lgpio's."""


class Library:
    """lgpio with chips of the given labels; an empty label is a chip that this user may not open."""

    error: type[Exception] = ChipError

    def __init__(self, *labels: str) -> None:
        self.labels, self.open = labels, 0

    def gpiochip_open(self, chip: int) -> int:
        if not self.labels[chip]:
            raise ChipError("can not open gpiochip")
        self.open += 1
        return chip + 100

    def gpiochip_close(self, handle: int) -> int:
        assert self.labels[handle - 100]
        self.open -= 1
        return 0

    def gpio_get_chip_info(self, handle: int) -> list[int | str]:
        return [0, 54, f"gpiochip{handle - 100}", self.labels[handle - 100]]


def found(folder: Path, compatible: tuple[str, ...], library: Library) -> int | None:
    (folder / "compatible").write_bytes(b"".join(name.encode() + b"\0" for name in compatible))
    for number in range(len(library.labels)):
        (folder / f"gpiochip{number}").touch()
    (folder / "gpiochip-of-somebody").touch()
    try:
        return header_chip(library, tree=folder, devices=folder)
    finally:
        assert library.open == 0


@pytest.mark.parametrize(
    ("compatible", "labels", "chip"),
    [
        (PI_5, (*EARLIER, "raspberrypi-exp-gpio", "pinctrl-rp1"), 3),
        (PI_5, ("pinctrl-rp1", *EARLIER), 0),  # Raspberry Pi's own kernels since 6.6.45
        (("raspberrypi,4-model-b", "brcm,bcm2711"), ("raspberrypi-exp-gpio", "pinctrl-bcm2711"), 1),
        (("raspberrypi,model-zero-2-w", "brcm,bcm2837"), ("pinctrl-bcm2835", "raspberrypi-exp-gpio"), 0),
        (("linux,dummy-virt",), ("9030000.pl061",), None),  # gpiozero's choice
    ],
)
def test_the_header_is_found_by_the_name_of_its_driver(
    tmp_path: Path, compatible: tuple[str, ...], labels: tuple[str, ...], chip: int | None
) -> None:
    assert found(tmp_path, compatible, Library(*labels)) == chip


def test_a_machine_without_a_device_tree_is_no_board_of_ours(tmp_path: Path) -> None:
    assert header_chip(Library("gpio-sim"), tree=tmp_path / "nowhere", devices=tmp_path) is None


def test_no_other_chip_is_taken_for_a_header_that_is_not_there_yet(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"pinctrl-rp1 is not there.*gpiochip0 gpio-brcmstb@107d508500, gpiochip1"):
        found(tmp_path, PI_5, Library(*EARLIER))


def test_a_header_that_may_not_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"group gpio.*seen: none"):
        found(tmp_path, PI_5, Library("", ""))
