"""Checks of what reads cards and keys: serial readers, Wiegand readers, matrix keypads."""

from __future__ import annotations

from collections.abc import Iterable

from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.references import check_unique, refer
from firmware.config.schema import Keypad, Settings

KEYS = frozenset("0123456789*#ABCD")
WITH_KEYS = ("keypad", "wiegand_bridge")  # serial readers that have keys, or may
NEEDED = frozenset("0123456789#")  # without these no PIN can be finished


def reader_wires(settings: Settings) -> Iterable[tuple[Path, object]]:
    """Every pin that they use, and where the file says so."""
    for index, reader in enumerate(settings.wiegand):
        yield ("wiegand", index, "gpio_d0"), reader.gpio_d0
        yield ("wiegand", index, "gpio_d1"), reader.gpio_d1
    for index, keypad in enumerate(settings.keypad):
        yield from ((("keypad", index, "gpio_rows", place), gpio) for place, gpio in enumerate(keypad.gpio_rows))
        yield from ((("keypad", index, "gpio_columns", place), gpio) for place, gpio in enumerate(keypad.gpio_columns))


def with_keys(settings: Settings) -> list[str]:
    """Every keypad, and every reader that has keys or may have them, by name."""
    readers = [reader.name for reader in settings.reader if reader.kind in WITH_KEYS]
    return [*(keypad.name for keypad in settings.keypad), *readers, *(reader.name for reader in settings.wiegand)]


def check_readers(settings: Settings, report: Report, locks: list[str]) -> None:
    """Complain about readers and keypads that open nothing, share a name or a port, or have no usable keys."""
    named: list[tuple[Path, str, str]] = [
        *((("reader", index), each.name, each.lock) for index, each in enumerate(settings.reader)),
        *((("wiegand", index), each.name, each.lock) for index, each in enumerate(settings.wiegand)),
        *((("keypad", index), each.name, each.lock) for index, each in enumerate(settings.keypad)),
    ]
    # The journal and the lock-out know all of them by name alone.
    check_unique(report, (((*path, "name"), name) for path, name, _ in named if name), "this name")
    for path, _, lock in named:
        refer(report, (*path, "lock"), lock, locks, "lock")
    check_unique(report, ((("reader", index, "port"), reader.port) for index, reader in enumerate(settings.reader)), "this port")
    for index, keypad in enumerate(settings.keypad):
        if all(report.sound(("keypad", index, key)) for key in ("keys", "gpio_rows", "gpio_columns")):
            _check_keys(report, ("keypad", index, "keys"), keypad)


def _check_keys(report: Report, path: Path, keypad: Keypad) -> None:
    rows, columns = len(keypad.gpio_rows), len(keypad.gpio_columns)
    keys = "".join(keypad.keys)
    strange = sorted(set(keys) - KEYS)
    missing = sorted(NEEDED - set(keys))
    if len(keypad.keys) != rows or any(len(row) != columns for row in keypad.keys):
        report.complain(path, f"they do not fit {rows} rows and {columns} columns", "give a text for each row, a character for each column")
    elif strange:
        report.complain(path, f'"{strange[0]}" is no key', "keys are 0 to 9, *, # and A to D")
    elif len(set(keys)) < len(keys):
        report.complain(path, "a key stands twice", "name each key once")
    elif missing:
        report.complain(path, f"there is no {missing[0]}", "a PIN needs the digits, and # at its end")
