"""Which chip is the pin header's, on boards made of files and a kernel that a test plays."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hw.api import HardwareError
from hw.header import header_chip
from hw.lines import Chip
from tests.hw.fake_chip import FakeKernel

PI_5 = ("raspberrypi,5-model-b", "brcm,bcm2712")
PI_4 = ("raspberrypi,4-model-b", "brcm,bcm2711")
ZERO_2_W = ("raspberrypi,model-zero-2-w", "brcm,bcm2837")
EMULATED = ("linux,dummy-virt",)
# As Linux 7.3 and Raspberry Pi's own kernels name them; the order is whichever driver came first.
EARLIER = ("gpio-brcmstb@107d508500", "gpio-brcmstb@107d517c00")


def found(folder: Path, compatible: tuple[str, ...], *labels: str, kernel: FakeKernel | None = None) -> Chip:
    (folder / "compatible").write_bytes(b"".join(name.encode() + b"\0" for name in compatible))
    (folder / "gpiochip-of-somebody").touch()
    kernel = kernel or FakeKernel(folder, {f"gpiochip{number}": label for number, label in enumerate(labels)})
    return header_chip(tree=folder, devices=folder, ioctl=kernel.ioctl)


@pytest.mark.parametrize(
    ("compatible", "labels", "chip"),
    [
        (PI_5, (*EARLIER, "raspberrypi-exp-gpio", *EARLIER * 4, "pinctrl-rp1"), "pinctrl-rp1"),  # gpiochip11
        (PI_5, ("pinctrl-rp1", *EARLIER), "pinctrl-rp1"),  # Raspberry Pi's own kernels since 6.6.45
        (PI_4, ("raspberrypi-exp-gpio", "pinctrl-bcm2711"), "pinctrl-bcm2711"),
        (ZERO_2_W, ("pinctrl-bcm2835", "raspberrypi-exp-gpio"), "pinctrl-bcm2835"),
        (EMULATED, ("9030000.pl061", "gpio-sim"), "9030000.pl061"),
    ],
)
def test_the_header_is_found_by_the_name_of_its_driver(
    tmp_path: Path, compatible: tuple[str, ...], labels: tuple[str, ...], chip: str
) -> None:
    taken = found(tmp_path, compatible, *labels)
    assert taken.label == chip
    taken.close()


def test_a_machine_without_a_device_tree_is_no_board_of_ours(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, {"gpiochip0": "gpio-sim"})
    taken = header_chip(tree=tmp_path / "nowhere", devices=tmp_path, ioctl=kernel.ioctl)
    assert taken.label == "gpio-sim"
    taken.close()


def test_no_other_chip_is_taken_for_a_header_that_is_not_there_yet(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"pinctrl-rp1 is not there; seen: gpiochip0 gpio-brcmstb@107d508500, gpiochip1"):
        found(tmp_path, PI_5, *EARLIER)


def test_a_header_that_may_not_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, _flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    kernel = FakeKernel(tmp_path, {"gpiochip0": "pinctrl-rp1"})
    (tmp_path / "compatible").write_bytes(b"brcm,bcm2712\0")
    monkeypatch.setattr("hw.lines.os.open", forbidden)
    with pytest.raises(HardwareError, match="seen: gpiochip0, which this user may not open: is it in group gpio"):
        header_chip(tree=tmp_path, devices=tmp_path, ioctl=kernel.ioctl)


def test_a_machine_without_a_chip_says_so(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="chip gpiochip0 is not there; seen: none"):
        header_chip(tree=tmp_path, devices=tmp_path)


def test_a_file_that_is_no_chip_says_what_the_kernel_said(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    with pytest.raises(HardwareError, match=r"gpiochip0, which does not answer \(Inappropriate ioctl"):
        header_chip(tree=tmp_path, devices=tmp_path)


def test_an_older_kernel_is_told_apart(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path)
    kernel.second_version = False
    with pytest.raises(HardwareError, match=r"pinctrl-bcm2835 does not answer as Linux does since 5\.10"):
        found(tmp_path, ZERO_2_W, kernel=kernel)
