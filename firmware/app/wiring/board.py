"""The settings as wires: what `hw.build` makes a board from."""

from __future__ import annotations

from collections.abc import Mapping

from firmware.config.schema import Button, Contact, Reader, Settings, Wiegand
from hw.settings import (
    BoardSettings,
    InputSettings,
    KeypadSettings,
    LampSettings,
    Pull,
    ReaderKind,
    ReaderSettings,
    RelaySettings,
    SoundSettings,
    WiegandSettings,
)

UNWIRED = -1  # the GPIO of a button that has none: only a simulated board is given such a button


def board_settings(settings: Settings, *, simulated: bool = False) -> BoardSettings:
    """A button without a GPIO exists on a simulated board alone; on a real one it is pressed through the control socket."""
    pulses_s = {each.name: each.pulse_s for each in settings.lock}
    return BoardSettings(
        buttons=tuple(_button(each) for each in settings.button if simulated or each.gpio is not None),
        contacts=tuple(_contact(each, pulses_s) for each in settings.contact),
        relays=relay_settings(settings),
        lamps=tuple(LampSettings(name=each.name, gpio=each.gpio, active_high=each.active_high) for each in settings.lamp),
        readers=tuple(_reader(each) for each in settings.reader),
        wiegand=tuple(_wiegand(each) for each in settings.wiegand),
        keypads=tuple(
            KeypadSettings(
                name=each.name,
                gpio_rows=each.gpio_rows,
                gpio_columns=each.gpio_columns,
                keys=each.keys,
                debounce_ms=each.debounce_ms,
            )
            for each in settings.keypad
        ),
        sound=SoundSettings(
            device=settings.audio.device,
            capture_device=settings.audio.capture_device,
            rate_hz=settings.audio.rate_hz,
            period_ms=settings.audio.period_ms,
            speaker_percent=settings.audio.speaker_volume,
            microphone_percent=settings.audio.microphone_volume,
        ),
    )


def relay_settings(settings: Settings) -> tuple[RelaySettings, ...]:
    """The relays alone: what has to be let go after a crash."""
    return tuple(
        RelaySettings(name=each.name, gpio=each.gpio, active_high=each.active_high, max_closed_s=each.max_closed_s, may_hold=each.may_hold)
        for each in settings.lock
    )


def _button(button: Button) -> InputSettings:
    return InputSettings(
        name=button.name,
        gpio=UNWIRED if button.gpio is None else button.gpio,
        pull=Pull(button.pull),
        active_high=button.active_high,
        debounce_ms=button.debounce_ms,
        min_active_ms=button.min_active_ms,
        stuck_after_s=None if button.stuck_after_s == "never" else button.stuck_after_s,
    )


def _contact(contact: Contact, pulses_s: Mapping[str, float]) -> InputSettings:
    """An exit button opens in the driver itself: nobody is locked in by a program that hangs. `pulses_s` by lock."""
    opens = contact.lock if contact.kind == "exit" else None
    return InputSettings(
        name=contact.name,
        gpio=contact.gpio,
        pull=Pull(contact.pull),
        active_high=contact.active_high,
        debounce_ms=contact.debounce_ms,
        # A door may stand open for a day; that is news of the door, not a fault of the line.
        stuck_after_s=None,
        opens=opens,
        opens_s=0.0 if opens is None else pulses_s[opens],
    )


def _reader(reader: Reader) -> ReaderSettings:
    return ReaderSettings(
        name=reader.name,
        port=reader.port,
        kind=ReaderKind[reader.kind.upper()],
        baud=reader.baud,
        repeat_after_ms=reader.repeat_after_ms,
        held_after_ms=_held_ms(reader),
    )


def _wiegand(reader: Wiegand) -> WiegandSettings:
    return WiegandSettings(
        name=reader.name,
        gpio_d0=reader.gpio_d0,
        gpio_d1=reader.gpio_d1,
        pull=Pull(reader.pull),
        gap_ms=reader.gap_ms,
        repeat_after_ms=reader.repeat_after_ms,
        held_after_ms=_held_ms(reader),
    )


def _held_ms(reader: Reader | Wiegand) -> int | None:
    return None if reader.held_after_ms == "never" else reader.held_after_ms
