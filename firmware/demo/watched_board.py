"""The simulated board, with a memory for its lamps: relays remember by themselves."""

from __future__ import annotations

import time
from typing import NamedTuple

from hw.microphone import Microphone
from hw.settings import BoardSettings, LampSettings
from hw.simulated import SimulatedBoard, SimulatedLamp


class LampMoved(NamedTuple):
    """A lamp was switched."""

    lamp: str
    on: bool
    at_s: float


class _WatchedLamp(SimulatedLamp):
    """A lamp that notes when it is switched."""

    def __init__(self, settings: LampSettings, moves: list[LampMoved]) -> None:
        super().__init__(settings)
        self._moves = moves

    def set(self, *, on: bool, blink_period_s: float | None = None) -> None:
        if on != self.on:
            self._moves.append(LampMoved(self.name, on, time.monotonic()))
        super().set(on=on, blink_period_s=blink_period_s)


class WatchedBoard(SimulatedBoard):
    """A board in memory whose lamps write down what they do."""

    def __init__(self, settings: BoardSettings, *, microphone: Microphone) -> None:
        super().__init__(settings, microphone=microphone)
        self.moves: list[LampMoved] = []  # a handful a call
        self._watched = {each.name: _WatchedLamp(each, self.moves) for each in settings.lamps}

    def lamp(self, name: str) -> SimulatedLamp:
        return self._watched[name]

    def close(self) -> None:
        super().close()
        for lamp in self._watched.values():
            lamp.set(on=False)
