"""The kernel's lines: that the numbers are those of its header, and what is asked of a kernel that a test plays."""

from __future__ import annotations

import errno
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw import lines
from hw.api import HardwareError
from hw.lines import Chip, Edge, Line
from tests.hw.fake_chip import FakeKernel

# What a C compiler makes of linux/gpio.h, a number a line.
HEADER = """
#include <linux/gpio.h>
#include <stddef.h>
#include <stdio.h>
#define SAY(number) printf("%llu\\n", (unsigned long long)(number))
int main(void) {
    SAY(sizeof(struct gpiochip_info)); SAY(sizeof(struct gpio_v2_line_info)); SAY(sizeof(struct gpio_v2_line_config));
    SAY(sizeof(struct gpio_v2_line_request)); SAY(sizeof(struct gpio_v2_line_values)); SAY(sizeof(struct gpio_v2_line_event));
    SAY(GPIO_GET_CHIPINFO_IOCTL); SAY(GPIO_V2_GET_LINEINFO_IOCTL); SAY(GPIO_V2_GET_LINE_IOCTL);
    SAY(GPIO_V2_LINE_SET_CONFIG_IOCTL); SAY(GPIO_V2_LINE_GET_VALUES_IOCTL); SAY(GPIO_V2_LINE_SET_VALUES_IOCTL);
    SAY(GPIO_V2_LINE_FLAG_USED); SAY(GPIO_V2_LINE_FLAG_INPUT); SAY(GPIO_V2_LINE_FLAG_OUTPUT);
    SAY(GPIO_V2_LINE_FLAG_EDGE_RISING); SAY(GPIO_V2_LINE_FLAG_EDGE_FALLING);
    SAY(GPIO_V2_LINE_FLAG_BIAS_PULL_UP); SAY(GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN); SAY(GPIO_V2_LINE_FLAG_BIAS_DISABLED);
    SAY(GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES); SAY(GPIO_V2_LINE_EVENT_RISING_EDGE); SAY(GPIO_V2_LINE_EVENT_FALLING_EDGE);
    struct gpio_v2_line_info info = {.consumer = {1}, .offset = 2, .flags = 3};
    struct gpio_v2_line_request request = {.offsets = {4}, .consumer = {5}, .num_lines = 9, .event_buffer_size = 10, .fd = 11};
    request.config.flags = 6;
    request.config.num_attrs = 1;
    request.config.attrs[0].attr.id = 2;
    request.config.attrs[0].attr.values = 7;
    request.config.attrs[0].mask = 8;
    struct gpio_v2_line_event event = {.timestamp_ns = 12, .id = 13, .offset = 14, .seqno = 15, .line_seqno = 16};
    const struct { const void *start; size_t size; } all[] = {{&info, sizeof info}, {&request, sizeof request}, {&event, sizeof event}};
    for (size_t n = 0; n < 3; n++) {
        for (size_t at = 0; at < all[n].size; at++) printf("%02x", ((const unsigned char *)all[n].start)[at]);
        printf("\\n");
    }
    return 0;
}
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[FakeKernel]:
    kernel = FakeKernel(tmp_path)
    yield kernel
    kernel.close()


@pytest.fixture
def line(kernel: FakeKernel) -> Iterator[Line]:
    chip = Chip(kernel.folder / "gpiochip0", kernel.ioctl)
    line = Line(chip, 17)
    yield line
    line.close()
    chip.close()


def test_sizes_places_and_numbers_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    (tmp_path / "header.c").write_text(HEADER)
    subprocess.run(["cc", "-o", tmp_path / "header", tmp_path / "header.c"], check=True, timeout=120)
    said = subprocess.run([tmp_path / "header"], check=True, capture_output=True, text=True, timeout=60).stdout.split()
    structs = (lines.CHIP_INFO, lines.LINE_INFO, lines.LINE_CONFIG, lines.LINE_REQUEST, lines.LINE_VALUES, lines.LINE_EVENT)
    calls = (lines.GET_CHIPINFO, lines.GET_LINEINFO, lines.GET_LINE, lines.SET_CONFIG, lines.GET_VALUES, lines.SET_VALUES)
    flags = (1, lines.INPUT, lines.OUTPUT, lines.EDGES["rising"], lines.EDGES["falling"], *lines.PULLS.values())
    ours = [*(each.size for each in structs), *calls, *flags, lines.OUTPUT_VALUES, lines.RISING_EDGE, 2]
    assert said[:-3] == [str(each) for each in ours]
    config = lines.LINE_CONFIG.pack(6, 1, 2, 7, 8)
    assert said[-3:] == [
        lines.LINE_INFO.pack(b"", b"\1", 2, 0, 3).hex(),
        lines.LINE_REQUEST.pack(4, b"\5", config, 9, 10, 11).hex(),
        lines.LINE_EVENT.pack(12, 13, 14, 15, 16).hex(),
    ]


def test_a_line_is_untouched_until_it_is_used_and_then_has_its_level_at_once(kernel: FakeKernel, line: Line) -> None:
    assert kernel.log == []
    line.drive(high=True)
    line.set(high=False)
    assert not line.high()
    line.listen("up", "none")
    assert kernel.log == ["17 out 1", "17 set 0", "17 in up none"]


def test_edges_come_with_their_times_and_levels(kernel: FakeKernel, line: Line) -> None:
    line.listen("floating", "both")
    kernel.edge(17, 1_000, high=False)
    kernel.edge(17, 2_000_000_000_001, high=True)
    assert line.edges() == [Edge(1_000, high=False), Edge(2_000_000_000_001, high=True)]
    assert line.high()


def test_a_chip_that_cannot_pull_is_used_without(kernel: FakeKernel, line: Line, caplog: pytest.LogCaptureFixture) -> None:
    kernel.can_pull = False
    with caplog.at_level(logging.DEBUG, "hw.lines"):
        line.listen("up", "both")
    assert kernel.log == ["17 in as it is both"]
    assert "line 17 of pinctrl-bcm2835 has no pull up" in caplog.text


def test_a_line_of_another_program_is_refused_with_its_name(kernel: FakeKernel, line: Line) -> None:
    kernel.holders[17] = "spi0 CS0"
    with pytest.raises(HardwareError, match="held by spi0 CS0"):
        line.drive(high=True)
    kernel.holders[17] = ""
    with pytest.raises(HardwareError, match="held by somebody without a name"):
        line.drive(high=True)


def test_another_refusal_is_the_kernels_own(kernel: FakeKernel, line: Line) -> None:
    def broken(_fd: int, _number: int, _argument: bytearray) -> int:
        raise OSError(errno.EIO, "Input/output error")

    line._chip.ioctl = broken
    with pytest.raises(OSError, match="Input/output error"):
        line.listen("up", "none")
    with pytest.raises(OSError, match="Input/output error"):
        line.drive(high=False)
