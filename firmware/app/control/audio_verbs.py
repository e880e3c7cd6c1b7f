"""The acoustic self-test of a running door: `audio loop`."""

from __future__ import annotations

from firmware.app.control.protocol import ControlError, Json
from firmware.app.station import Station
from firmware.door import events as door
from firmware.door.state import Idle


async def audio(station: Station, args: tuple[str, ...]) -> Json:
    """Measure the way from the loudspeaker to the microphone. Whoever presses or calls meanwhile comes first."""
    # Once in a panel's life: not loaded before.
    from firmware.app.acoustics.in_service import DisturbedError, measure
    from firmware.app.acoustics.loop import complaints

    if args[0] != "loop":
        raise ControlError("bad_argument", f"there is no self-test {args[0]!r}, only 'loop'")
    if not isinstance(station.bridge.state.call, Idle) or station.sound.running:
        raise ControlError("not_now", "the panel is in a call, or plays a sound")
    try:
        found = await measure(station.sound, station.settings, lambda limit_s: station.wait_for(_needs_the_panel, limit_s))
    except DisturbedError as error:
        raise ControlError("not_now", f"{error}; the self-test gave way") from error
    except TimeoutError as error:
        raise ControlError("failed", "the sound card gives no sound") from error
    return {**found._asdict(), "complaints": list(complaints(found))}


def _needs_the_panel(event: object) -> bool:
    return isinstance(event, door.Pressed | door.CallReceived | door.CallPlaced)
