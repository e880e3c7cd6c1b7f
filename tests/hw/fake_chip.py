"""A kernel with GPIO chips for `hw.lines`: it answers the ioctls of linux/gpio.h, its lines are pipes into which a test puts edges."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from hw.lines import (
    BIAS,
    CHIP_INFO,
    EDGES,
    GET_CHIPINFO,
    GET_LINE,
    GET_LINEINFO,
    GET_VALUES,
    LINE_CONFIG,
    LINE_EVENT,
    LINE_INFO,
    LINE_REQUEST,
    LINE_VALUES,
    OUTPUT,
    PULLS,
    SET_CONFIG,
    SET_VALUES,
)


class FakeKernel:
    """`chips`: labels by file name. `log` has what was done to lines: `17 in up both`, `4 out 1`, `4 set 0`."""

    def __init__(self, folder: Path, chips: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.chips = {"gpiochip0": "pinctrl-bcm2835"} if chips is None else chips
        for name in self.chips:
            (folder / name).touch()
        self.log: list[str] = []
        self.levels: dict[int, bool] = {}  # what the wires outside say
        self.holders: dict[int, str] = {}
        self.second_version = True
        self.can_pull = True
        self._offsets: dict[int, int] = {}  # of the lines that are held, by descriptor
        self._ends: dict[int, int] = {}  # where edges are put in, by offset

    def ioctl(self, fd: int, number: int, argument: bytearray) -> int:
        os.fstat(fd)  # EBADF where the kernel would say so
        if number == GET_CHIPINFO:
            name = Path(os.readlink(f"/proc/self/fd/{fd}")).name
            CHIP_INFO.pack_into(argument, 0, name.encode(), self.chips[name].encode(), 54)
        elif not self.second_version:
            raise OSError(errno.EINVAL, "Invalid argument")
        elif number == GET_LINEINFO:
            offset = LINE_INFO.unpack(argument)[2]
            holder = self.holders.get(offset)
            LINE_INFO.pack_into(argument, 0, b"", (holder or "").encode(), offset, 0, int(holder is not None))
        elif number == GET_LINE:
            self._claim(argument)
        elif number == SET_CONFIG:
            self._configure(self._offsets[fd], bytes(argument))
        elif number == GET_VALUES:
            LINE_VALUES.pack_into(argument, 0, int(self.levels.get(self._offsets[fd], True)), 1)
        elif number == SET_VALUES:
            bits, mask = LINE_VALUES.unpack(argument)
            assert mask == 1
            self._level(self._offsets[fd], "set", bool(bits))
        else:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        return 0

    def edge(self, offset: int, at_ns: int, *, high: bool) -> None:
        """The line changes at this time, unless nobody listens."""
        self.levels[offset] = high
        if offset in self._ends:
            os.write(self._ends[offset], LINE_EVENT.pack(at_ns, 1 if high else 2, offset, 0, 0))

    def close(self) -> None:
        for end in self._ends.values():
            os.close(end)
        self._ends.clear()

    def _claim(self, argument: bytearray) -> None:
        offset, consumer, config, lines, kept, _ = LINE_REQUEST.unpack(argument)
        assert (consumer.rstrip(b"\0"), lines) == (b"portero", 1)
        if offset in self.holders:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self._configure(offset, config)
        read_end, self._ends[offset] = os.pipe()
        self._offsets[read_end] = offset
        LINE_REQUEST.pack_into(argument, 0, offset, consumer, config, lines, kept, read_end)

    def _configure(self, offset: int, config: bytes) -> None:
        flags, attributes, kind, values, mask = LINE_CONFIG.unpack(config)
        if flags & BIAS and not self.can_pull:
            raise OSError(errno.EINVAL, "Invalid argument")
        if flags & OUTPUT:
            assert (attributes, kind, mask) == (1, 2, 1)
            self._level(offset, "out", bool(values))
        else:
            assert attributes == 0
            pull = next((name for name, flag in PULLS.items() if flags & flag), "as it is")
            edges = next(name for name, flag in EDGES.items() if flags & EDGES["both"] == flag)
            self.log.append(f"{offset} in {pull} {edges}")

    def _level(self, offset: int, what: str, high: bool) -> None:
        self.levels[offset] = high
        self.log.append(f"{offset} {what} {int(high)}")
