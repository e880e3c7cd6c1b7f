"""gpiozero's pins on the kernel's lines: the one file that knows gpiozero.

gpiozero is used for what it is good at (which board, which header, which pin has which name and which fixed resistor; a mock that tests
drive), by its pins rather than its devices. The lines are `hw.lines`; edges are read by the thread that acts on them, a `hw.keeper`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from gpiozero import GPIOZeroError, PinFixedPull, PinInvalidFunction, PinSetInput
from gpiozero.pins.local import get_pi_revision
from gpiozero.pins.pi import PiFactory, PiPin

from hw.api import HardwareError
from hw.keeper import Heard, Keeper
from hw.lines import UNCLAIMED, Chip, Line

ERRORS = (GPIOZeroError, OSError, HardwareError)  # by which a pin may refuse


class LineFactory(PiFactory):  # type: ignore[misc]  # gpiozero has no types
    """The pins of the board that this runs on. Closes `chip`. Raises HardwareError where gpiozero does not know the board."""

    def __init__(self, chip: Chip) -> None:
        super().__init__()
        self.chip = chip
        self.pin_class = LinePin
        try:
            self._get_board_info()
        except (GPIOZeroError, OSError) as error:
            chip.close()
            raise HardwareError(f"no GPIO pins that are known ({error}): this is no Raspberry Pi") from error

    def close(self) -> None:
        super().close()
        self.chip.close()

    def holder(self, gpio: int) -> str:
        """Who holds this pin's line; empty when it is free. No line is touched. Raises OSError when the chip has no such line."""
        return self.chip.holder(gpio)

    def ticks(self) -> float:
        return time.monotonic()

    def ticks_diff(self, later: float, earlier: float) -> float:
        return later - earlier

    def _get_revision(self) -> int:
        return int(get_pi_revision())


class LinePin(PiPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose line is untouched until it is given a function, and has no other state on the way to it."""

    keeper: Keeper  # whose thread reads the edges; set before `when_changed`
    when_changed: Callable[[float, int], None] | None  # gpiozero's: held weakly

    def __init__(self, factory: LineFactory, info: object) -> None:
        super().__init__(factory, info)
        self._line = Line(factory.chip, self._number)
        self._function = "input"
        self._pull = self.info.pull or "floating"
        self._edges = "both"

    def close(self) -> None:
        """Give the line back as it is: whoever wants it at rest has put it there."""
        self.when_changed = None
        self._line.close()

    def output_with_state(self, state: bool) -> None:
        self._line.drive(high=bool(state))
        self._function = "output"

    def input_with_pull(self, pull: str) -> None:
        if self.info.pull not in (pull, ""):
            raise PinFixedPull(f"{self!r} has a physical pull-{self.info.pull} resistor")
        self._line.listen(pull, "none" if self.when_changed is None else self._edges)
        self._function, self._pull = "input", pull

    def fileno(self) -> int:
        return self._line.fileno()

    def hear(self) -> list[Heard]:
        """What has happened at the pin, for its keeper. Raises OSError when the chip has gone away."""
        return [Heard(edge.at_ns, partial(self._call_when_changed, edge.at_ns / 1e9, int(edge.high))) for edge in self._line.edges()]

    def _call_when_changed(self, ticks: float, state: int) -> None:
        with self._when_changed_lock:  # another thread may just stop listening
            tell = self.when_changed
        if tell is not None:
            tell(ticks, state)

    def _enable_event_detect(self) -> None:
        self._line.listen(self._pull, self._edges)
        self.keeper.listen(self)

    def _disable_event_detect(self) -> None:
        self.keeper.forget(self)
        self._line.listen(self._pull, "none")

    def _get_function(self) -> str:
        return self._function

    def _set_function(self, value: str) -> None:
        if value not in ("input", "output"):
            raise PinInvalidFunction(f"function of {self!r} must be input or output, not {value!r}")
        if value == "output":
            self.output_with_state(state=False)
        else:
            self.input_with_pull(self._pull)

    def _get_state(self) -> bool:
        if self._line.fileno() == UNCLAIMED:
            self.input_with_pull(self._pull)
        return self._line.high()

    def _set_state(self, value: bool) -> None:
        if self._function != "output":
            raise PinSetInput(f"cannot set the state of {self!r}, an input")
        self._line.set(high=bool(value))

    def _get_pull(self) -> str:
        return self._pull

    def _set_pull(self, value: str) -> None:
        if self._function != "input":
            raise PinFixedPull(f"cannot set the pull of {self!r}, an output")
        self.input_with_pull(value)

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        self._edges = value
        if self.when_changed is not None:
            self._line.listen(self._pull, value)
