"""The kernel's GPIO lines: the one file that speaks to /dev/gpiochip* (linux/gpio.h, second version of the interface, since Linux 5.10).

A line is asked for once, with its direction, pull and level in one call, so that it passes through no other state on the way; changes go
through the same request. Who holds it has it alone. Edges wait in the kernel, each with the monotonic time at which its interrupt took
it, until the request's descriptor is read: nobody has to look before there is something to see.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hw.api import HardwareError

log = logging.getLogger(__name__)
Ioctl = Callable[[int, int, bytearray], object]  # as fcntl.ioctl: descriptor, number, argument, which the kernel may change

CONSUMER = "portero"  # under this name others see our lines
EDGES_KEPT = 256  # a line's edges that the kernel keeps while Python is late: twice the longest frame of any reader
NO_BIAS = {errno.EINVAL, errno.EOPNOTSUPP, 524}  # what drivers answer who cannot pull; 524 is the kernel's own ENOTSUPP

# struct gpiochip_info: name, label, lines
CHIP_INFO = struct.Struct("=32s32sI")
# struct gpio_v2_line_info: name, consumer, offset, num_attrs, flags, ten attributes and padding
LINE_INFO = struct.Struct("=32s32sIIQ176x")
# struct gpio_v2_line_config: flags, num_attrs, padding, then ten attributes of which the first is used: id, padding, values, mask
LINE_CONFIG = struct.Struct("=QI20xI4xQQ216x")
# struct gpio_v2_line_request: 64 offsets of which the first is used, consumer, config, num_lines, event_buffer_size, padding, fd
LINE_REQUEST = struct.Struct(f"=I252x32s{LINE_CONFIG.size}sII20xi")
# struct gpio_v2_line_values: bits, mask
LINE_VALUES = struct.Struct("=QQ")
# struct gpio_v2_line_event: timestamp_ns, id, offset, seqno, line_seqno, padding
LINE_EVENT = struct.Struct("=QIIII24x")

READS, CHANGES = 2, 3  # _IOR and _IOWR of asm-generic/ioctl.h: x86 and every ARM


def _number(direction: int, number: int, argument: struct.Struct) -> int:
    return direction << 30 | argument.size << 16 | 0xB4 << 8 | number


GET_CHIPINFO = _number(READS, 0x01, CHIP_INFO)
GET_LINEINFO = _number(CHANGES, 0x05, LINE_INFO)
GET_LINE = _number(CHANGES, 0x07, LINE_REQUEST)
SET_CONFIG = _number(CHANGES, 0x0D, LINE_CONFIG)
GET_VALUES = _number(CHANGES, 0x0E, LINE_VALUES)
SET_VALUES = _number(CHANGES, 0x0F, LINE_VALUES)

INPUT, OUTPUT = 1 << 2, 1 << 3
EDGES = {"none": 0, "rising": 1 << 4, "falling": 1 << 5, "both": 1 << 4 | 1 << 5}
PULLS = {"up": 1 << 8, "down": 1 << 9, "floating": 1 << 10}
BIAS = PULLS["up"] | PULLS["down"] | PULLS["floating"]
OUTPUT_VALUES = 2  # the attribute with an output's level
RISING_EDGE = 1  # the event's id; a falling edge is 2
UNCLAIMED = -1


class Edge(NamedTuple):
    """A line changed to this level; the time is the kernel's, monotonic."""

    at_ns: int
    high: bool


class Line:
    """One line of a chip. It is untouched until its first `drive` or `listen`, and ours from then on until `close`.

    Any thread may call it. OSError is raised when the kernel refuses, HardwareError when somebody else has the line.
    """

    def __init__(self, chip: Chip, offset: int) -> None:
        self._chip = chip
        self._offset = offset
        self._fd = UNCLAIMED

    def fileno(self) -> int:
        """The descriptor that can be read when there are edges."""
        return self._fd

    def drive(self, *, high: bool) -> None:
        """Make it an output, which has this level from its first moment."""
        self._configure(OUTPUT, high=high)

    def listen(self, pull: str, edges: str) -> None:
        """Make it an input, pulled `up`, `down` or left `floating`, that keeps its edges: `rising`, `falling`, `both`, `none`."""
        flags = INPUT | PULLS[pull] | EDGES[edges]
        try:
            self._configure(flags)
        except OSError as error:
            if error.errno not in NO_BIAS:
                raise
            log.debug("line %d of %s has no pull %s: it is what its wire makes it", self._offset, self._chip.label, pull)
            self._configure(flags & ~BIAS)

    def high(self) -> bool:
        values = bytearray(LINE_VALUES.pack(0, 1))
        self._chip.ioctl(self._fd, GET_VALUES, values)
        return bool(LINE_VALUES.unpack(values)[0] & 1)

    def set(self, *, high: bool) -> None:
        """Change an output's level."""
        self._chip.ioctl(self._fd, SET_VALUES, bytearray(LINE_VALUES.pack(int(high), 1)))

    def edges(self) -> list[Edge]:
        """Every edge that waits, oldest first; waits for one itself when there is none."""
        events = LINE_EVENT.iter_unpack(os.read(self._fd, LINE_EVENT.size * EDGES_KEPT))
        return [Edge(at_ns, kind == RISING_EDGE) for at_ns, kind, *_ in events]

    def close(self) -> None:
        """Give it back; what it does then is the kernel's affair."""
        if self._fd != UNCLAIMED:
            os.close(self._fd)
            self._fd = UNCLAIMED

    def _configure(self, flags: int, *, high: bool = False) -> None:
        attribute = (1, OUTPUT_VALUES, int(high), 1) if flags & OUTPUT else (0, 0, 0, 0)
        config = LINE_CONFIG.pack(flags, *attribute)
        if self._fd == UNCLAIMED:
            self._fd = self._chip.claim(self._offset, config)
        else:
            self._chip.ioctl(self._fd, SET_CONFIG, bytearray(config))


class Chip:
    """An open GPIO chip. Raises OSError when it cannot be opened."""

    def __init__(self, path: Path, ioctl: Ioctl = fcntl.ioctl) -> None:
        self.ioctl = ioctl
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        info = bytearray(CHIP_INFO.size)
        try:
            ioctl(self._fd, GET_CHIPINFO, info)
        except OSError:
            self.close()
            raise
        self.label = _text(CHIP_INFO.unpack(info)[1])

    def holder(self, offset: int) -> str:
        """The name under which somebody, or the kernel itself, holds a line; empty when it is free. Raises OSError."""
        info = bytearray(LINE_INFO.pack(b"", b"", offset, 0, 0))
        self.ioctl(self._fd, GET_LINEINFO, info)
        _, consumer, _, _, flags = LINE_INFO.unpack(info)
        return (_text(consumer) or "somebody without a name") if flags & 1 else ""

    def claim(self, offset: int, config: bytes) -> int:
        """The descriptor of a line that is ours now. Raises HardwareError when another has it, OSError when the kernel refuses."""
        request = bytearray(LINE_REQUEST.pack(offset, CONSUMER.encode(), config, 1, EDGES_KEPT, 0))
        try:
            self.ioctl(self._fd, GET_LINE, request)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise HardwareError(f"the line is held by {self.holder(offset) or 'another device of the board'}") from error
        return int(LINE_REQUEST.unpack(request)[-1])

    def close(self) -> None:
        if self._fd != UNCLAIMED:
            os.close(self._fd)
            self._fd = UNCLAIMED


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode(errors="replace")
