"""Mock pins with a key matrix between them: a column is low when pressed keys join it, by whatever way, with a row that is driven low.

That includes the ways through other keys, so ghosts appear here as they do on a pad without diodes.
"""

from __future__ import annotations

from functools import partial

from gpiozero.pins.mock import MockFactory

ROWS = (5, 6, 13, 19)
COLUMNS = (16, 20, 21)
KEYS = ("123", "456", "789", "*0#")
JOINS = {name: (ROWS[row], COLUMNS[column]) for row, line in enumerate(KEYS) for column, name in enumerate(line)}


class MatrixPins(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """`press` and `let_go` keys; columns move and tell as on the wall."""

    def __init__(self) -> None:
        super().__init__()
        self.pressed: set[str] = set()
        for gpio in COLUMNS:
            pin = self.pin(gpio)
            pin._get_state = partial(self._is_high, gpio)

    def press(self, name: str) -> None:
        before = [self.is_low(gpio) for gpio in COLUMNS]
        self.pressed.add(name)
        for gpio, was_low in zip(COLUMNS, before, strict=True):
            pin = self.pin(gpio)
            if self.is_low(gpio) and not was_low and pin._when_changed is not None:
                pin._call_when_changed()

    def let_go(self, name: str) -> None:
        self.pressed.discard(name)

    def _is_high(self, gpio: int) -> bool:
        return not self.is_low(gpio)

    def is_low(self, gpio: int) -> bool:
        """Follow the pressed keys from this line to any row that is driven low."""
        reached = {gpio}
        for _ in JOINS:
            reached |= {end for name in self.pressed for end in JOINS[name] if set(JOINS[name]) & reached}
        return any(self.pin(row).function == "output" and not self.pin(row)._state for row in reached & set(ROWS))
