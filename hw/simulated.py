"""The whole door in memory: what tests drive, what the demo presses, what `--simulate` runs on a machine without pins or sound card.

It is the real driver from the wire inwards: a press moves a level through the same debounce, a relay obeys the same timer as on
the wall. Only wires, contacts, microphone and speaker are made up. Two kinds of time:

- `SimulatedBoard(settings)` lives in real time; a thread keeps its deadlines.
- `SimulatedBoard(settings, now_ns=clock)` lives in the caller's time and has no thread: move the clock to `next_deadline_ns()`, call
  `run_due()`, repeat. The sound card does not wait then.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from hw.api import CardRead, DeviceFault, HardwareEvent, KeyPressed, RelayEdge, Sink
from hw.exit import way_out
from hw.input_line import InputKind, InputLine
from hw.keeper import Keeper, Timed, earliest_ns
from hw.microphone import Microphone
from hw.reader_events import ReaderEvents
from hw.relay import TimedRelay
from hw.settings import BoardSettings, InputSettings, LampSettings, ReaderSettings, RelaySettings, WiegandSettings
from hw.simulated_reader import SimulatedReader
from hw.simulated_sound import SimulatedSound

if TYPE_CHECKING:
    from pathlib import Path

HISTORY_MAX = 1000  # edges kept a relay: a test sees all of them, a station that simulates for a year does not grow


class SimulatedInput:
    """A button or contact with a finger at it. Also its own deadline: the moment at which the finger lets go."""

    def __init__(self, line: InputLine, now_ns: Callable[[], int]) -> None:
        self.line = line
        self._now_ns = now_ns
        self._active = False
        self._let_go_at_ns: int | None = None

    def level_high(self) -> bool:
        """What the wire carries now."""
        return self._active == self.line.settings.active_high

    def set(self, *, active: bool, for_ns: int | None = None) -> None:
        now_ns = self._now_ns()
        self._let_go_at_ns = None if for_ns is None else now_ns + for_ns
        self._move(active=active, at_ns=now_ns)

    def deadline_ns(self) -> int | None:
        return self._let_go_at_ns

    def expire(self, now_ns: int) -> None:
        at_ns = self._let_go_at_ns
        if at_ns is not None and now_ns >= at_ns:
            self._let_go_at_ns = None
            self._move(active=False, at_ns=at_ns)

    def _move(self, *, active: bool, at_ns: int) -> None:
        self._active = active
        self.line.level(self.level_high(), at_ns)


class SimulatedRelay(TimedRelay):
    """A relay without a contact, which remembers."""

    def __init__(self, settings: RelaySettings, now_ns: Callable[[], int]) -> None:
        super().__init__(settings, drive=self._moved, now_ns=now_ns)
        self._clock = now_ns
        self._history: deque[RelayEdge] = deque(maxlen=HISTORY_MAX)

    @property
    def history(self) -> tuple[RelayEdge, ...]:
        """The last edges, oldest first."""
        return tuple(self._history)

    def _moved(self, closed: bool) -> None:
        self._history.append(RelayEdge(relay=self.name, closed=closed, at_ns=self._clock()))


class SimulatedLamp:
    """A lamp whose state can be read."""

    def __init__(self, settings: LampSettings) -> None:
        self._settings = settings
        self.on = False
        self.blink_period_s: float | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    def set(self, *, on: bool, blink_period_s: float | None = None) -> None:
        self.on = on
        self.blink_period_s = blink_period_s if on else None


class SimulatedBoard:
    """Implements `hw.api.Board`; the verbs below `close` are the visitor's, the tester's and the vandal's."""

    def __init__(
        self,
        settings: BoardSettings,
        *,
        now_ns: Callable[[], int] | None = None,
        microphone: Microphone | None = None,
        speaker_wav: Path | None = None,
    ) -> None:
        self._own_time = now_ns is None
        self._now_ns = now_ns or time.monotonic_ns
        self._sink: Sink | None = None
        self._relays = {each.name: SimulatedRelay(each, self._now_ns) for each in settings.relays}
        self._buttons = self._inputs(settings.buttons, InputKind.BUTTON)
        self._contacts = self._inputs(settings.contacts, InputKind.CONTACT)
        self._lamps = {each.name: SimulatedLamp(each) for each in settings.lamps}
        self._readers = self._reading(settings)
        self._keypads = frozenset(each.name for each in settings.keypads)
        self._wiegand = frozenset(each.name for each in settings.wiegand)
        self._sound = SimulatedSound(
            settings.sound,
            microphone=microphone,
            speaker_wav=speaker_wav,
            now_ns=self._now_ns,
            sleep=time.sleep if self._own_time else None,
        )
        inputs = (*self._buttons.values(), *self._contacts.values())
        # The finger before the line it moves: what is due at the same time happens in this order.
        self._timed: tuple[Timed, ...] = (*self._relays.values(), *inputs, *(each.line for each in inputs), *self._readers.values())
        self._keeper: Keeper | None = None

    def start(self, sink: Sink) -> None:
        assert self._sink is None, "a board is started once"
        self._sink = sink
        wake: Callable[[], None] = _no_thread
        guard: Callable[[], None] = _no_thread
        if self._own_time:
            self._keeper = Keeper("simulated-board", self._timed, at_end=self._release_all)
            self._keeper.start()
            wake, guard = self._keeper.wake, self._keeper.require_alive
        self._sound.attach(sink)
        for relay in self._relays.values():
            relay.attach(sink, guard=guard, wake=wake)
        for reader in self._readers.values():
            reader.attach(sink, wake)
        for each in (*self._buttons.values(), *self._contacts.values()):
            each.line.begin(each.level_high, self._now_ns(), sink, wake)

    def relay(self, name: str) -> SimulatedRelay:
        return self._relays[name]

    def lamp(self, name: str) -> SimulatedLamp:
        return self._lamps[name]

    @property
    def sound(self) -> SimulatedSound:
        return self._sound

    def close(self) -> None:
        if self._keeper is not None:
            self._keeper.close()
        self._release_all()
        for lamp in self._lamps.values():
            lamp.set(on=False)
        self._sound.close()

    def press(self, button: str, duration_s: float = 0.2) -> None:
        """A finger on the button for `duration_s`. Too short a press is not reported, as on the wall. Raises KeyError."""
        self._buttons[button].set(active=True, for_ns=round(duration_s * 1e9))

    def hold(self, button: str) -> None:
        """A finger, or a stone, on the button until `let_go`."""
        self._buttons[button].set(active=True)

    def let_go(self, button: str) -> None:
        self._buttons[button].set(active=False)

    def set_contact(self, contact: str, *, active: bool) -> None:
        """A door opens, a request-to-exit or tamper switch moves. Raises KeyError."""
        self._contacts[contact].set(active=active)

    def card(self, reader: str, card: str) -> None:
        """A card (upper-case hexadecimal) that comes to the reader and goes. Raises KeyError."""
        if reader not in self._readers:
            raise KeyError(reader)
        self._tell(CardRead(reader=reader, card=card, at_ns=self._now_ns()))

    def hold_card(self, reader: str, card: str, duration_s: float) -> None:
        """A card that is held to the reader. As on the wall, it is not read anew if it was there a moment ago. Raises KeyError."""
        self._readers[reader].hold(card, round(duration_s * 1e9))

    def wiegand(self, reader: str, bits: str) -> None:
        """A frame such as `"01…1"` at a Wiegand reader, through the decoder. Raises KeyError."""
        if reader not in self._wiegand:
            raise KeyError(reader)
        self._readers[reader].frame(bits)

    def key(self, keypad: str, key: str) -> None:
        """One key of a keypad, or of a reader that has keys. Raises KeyError."""
        if keypad not in self._keypads and keypad not in self._readers:
            raise KeyError(keypad)
        self._tell(KeyPressed(keypad=keypad, key=key, at_ns=self._now_ns()))

    def fault(self, device: str, detail: str, *, working: bool = False) -> None:
        """A device of any name fails, or works again."""
        self._tell(DeviceFault(device=device, working=working, detail=detail, at_ns=self._now_ns()))

    def next_deadline_ns(self) -> int | None:
        """When something will happen by itself, in the caller's time."""
        return earliest_ns(self._timed)

    def run_due(self) -> None:
        """Let everything happen that is due at the caller's time, in order of time."""
        now_ns = self._now_ns()
        while (first_ns := earliest_ns(self._timed)) is not None and first_ns <= now_ns:
            for each in self._timed:
                each.expire(first_ns)

    def _inputs(self, settings: tuple[InputSettings, ...], kind: InputKind) -> dict[str, SimulatedInput]:
        return {each.name: SimulatedInput(InputLine(each, kind, way_out(each, self._relays)), self._now_ns) for each in settings}

    def _reading(self, settings: BoardSettings) -> dict[str, SimulatedReader]:
        def reader(each: ReaderSettings | WiegandSettings, gap_ns: int | None) -> SimulatedReader:
            events = ReaderEvents(each.name, repeat_after_ms=each.repeat_after_ms, held_after_ms=each.held_after_ms)
            return SimulatedReader(events, self._now_ns, gap_ns)

        serial = {each.name: reader(each, None) for each in settings.readers}
        return serial | {each.name: reader(each, each.gap_ms * 1_000_000) for each in settings.wiegand}

    def _tell(self, event: HardwareEvent) -> None:
        assert self._sink is not None, "the board was not started"
        self._sink(event)

    def _release_all(self) -> None:
        for relay in self._relays.values():
            relay.release()


def _no_thread() -> None:
    """In the caller's time nobody has to be woken, and the caller is the guard."""
