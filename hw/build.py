"""From settings to a board: the one place that knows every driver; besides `api` and `settings` all that the program needs.

Drivers are imported when they are wanted: a station without a reader never loads pyserial, a simulated one loads no library at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hw.api import Camera, HardwareError, Lamp, Relay, Sink
from hw.settings import BoardSettings, CameraKind, CameraSettings, ReaderKind
from hw.sound import HealingSound

if TYPE_CHECKING:
    from hw.decode.sighting import Decoder
    from hw.gpio import GpioPanel, PinFactory
    from hw.serial_port import SerialReader
    from hw.simulated import SimulatedBoard


class WiredBoard:
    """Implements `hw.api.Board` with what is really screwed to the wall."""

    def __init__(self, panel: GpioPanel | None, readers: tuple[SerialReader, ...], sound: HealingSound) -> None:
        self._panel = panel
        self._readers = readers
        self._sound = sound

    def start(self, sink: Sink) -> None:
        self._sound.attach(sink)
        if self._panel is not None:
            self._panel.start(sink)
        for reader in self._readers:
            reader.start(sink)

    def relay(self, name: str) -> Relay:
        if self._panel is None:
            raise KeyError(name)
        return self._panel.relays[name]

    def lamp(self, name: str) -> Lamp:
        if self._panel is None:
            raise KeyError(name)
        return self._panel.lamps[name]

    @property
    def sound(self) -> HealingSound:
        return self._sound

    def close(self) -> None:
        if self._panel is not None:
            self._panel.close()
        for reader in self._readers:
            reader.close()
        self._sound.close()


def build_board(settings: BoardSettings, *, pins: Callable[[], PinFactory] | None = None) -> WiredBoard:
    """The wired board; relays rest from here on. Raises HardwareError. `pins` replaces the board's own pins."""
    panel = _panel(settings, pins) if gpios(settings) else None
    from hw.alsa import open_duplex, set_up

    return WiredBoard(panel, _readers(settings), HealingSound(settings.sound, open_duplex, set_up=set_up))


def build_camera(settings: CameraSettings, sink: Sink) -> Camera:
    """The camera, which nothing opens yet; `sink` learns when it is gone. Raises HardwareError for a file that cannot be played."""
    if settings.kind is CameraKind.FILE:
        from pathlib import Path

        from hw.camera_file import FileCamera

        return FileCamera(Path(settings.device), fps=settings.fps)
    from hw.camera import ProcessCamera, RpicamPrograms, V4l2Programs, installed

    programs = RpicamPrograms if settings.kind is CameraKind.RPICAM else V4l2Programs
    return ProcessCamera(programs(settings, installed), sink)


def build_simulated(settings: BoardSettings) -> SimulatedBoard:
    """The same board in memory; `hw.simulated.SimulatedBoard` itself offers more."""
    from hw.simulated import SimulatedBoard

    return SimulatedBoard(settings)


def release_relays(settings: BoardSettings, *, pins: Callable[[], PinFactory] | None = None) -> None:
    """Put every relay line to rest after the program that held it died: the service manager's last step. Raises HardwareError."""
    if settings.relays:
        from hw.gpio import board_pins, rest_relays

        rest_relays(settings.relays, (pins or board_pins)())


def held_lines(wanted: Iterable[int]) -> dict[int, str]:
    """Which of these GPIO numbers others hold, and who; no line is touched. Raises HardwareError."""
    from hw.gpio import board_pins, naming
    from hw.lines import CONSUMER

    pins = board_pins()
    try:
        holders: dict[int, str] = {}
        for gpio in wanted:
            with naming("a line", gpio):
                holders[gpio] = pins.holder(gpio)
    finally:
        pins.close()
    return {gpio: holder for gpio, holder in holders.items() if holder not in ("", CONSUMER)}


def gpios(settings: BoardSettings) -> list[int]:
    """Every GPIO number that the settings name, as often as they name it."""
    inputs = [each.gpio for each in (*settings.buttons, *settings.contacts)]
    outputs = [*(each.gpio for each in settings.relays), *(each.gpio for each in settings.lamps)]
    wiegand = [gpio for each in settings.wiegand for gpio in (each.gpio_d0, each.gpio_d1)]
    keypads = [gpio for each in settings.keypads for gpio in (*each.gpio_rows, *each.gpio_columns)]
    return inputs + outputs + wiegand + keypads


def _panel(settings: BoardSettings, pins: Callable[[], PinFactory] | None) -> GpioPanel:
    from hw.gpio import GpioPanel, board_pins

    used = gpios(settings)
    twice = {gpio for gpio in used if used.count(gpio) > 1}
    if twice:
        raise HardwareError("used twice: " + ", ".join(f"GPIO{gpio}" for gpio in sorted(twice)))
    lines = (pins or board_pins)()
    try:
        if not settings.wiegand and not settings.keypads:
            return GpioPanel(settings, lines)
        from hw.gpio_readers import GpioReaders

        return GpioPanel(settings, lines, lambda made: GpioReaders(settings, made))
    except HardwareError:
        lines.close()
        raise


def _readers(settings: BoardSettings) -> tuple[SerialReader, ...]:
    if not settings.readers:
        return ()
    from hw.serial_port import SerialReader

    return tuple(SerialReader(each, decoder_of(each.kind)) for each in settings.readers)


def decoder_of(kind: ReaderKind) -> Callable[[int], Decoder]:
    """What makes the decoder of such a reader, given the time."""
    match kind:
        case ReaderKind.RDM6300:
            from hw.decode.rdm6300 import Rdm6300

            return lambda _now_ns: Rdm6300()
        case ReaderKind.PN532:
            from hw.decode.pn532 import Pn532

            return Pn532
        case ReaderKind.WIEGAND_BRIDGE:
            from hw.decode.wiegand_serial import WiegandBridge

            return lambda _now_ns: WiegandBridge()
        case ReaderKind.KEYPAD:
            from hw.decode.keypad import AsciiKeypad

            return lambda _now_ns: AsciiKeypad()
