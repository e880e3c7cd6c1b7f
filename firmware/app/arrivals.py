"""What happens outside, put into the door's words: hardware and media events become door inputs."""

from __future__ import annotations

from typing import assert_never

from firmware.door import events as door
from firmware.media import events as media
from hw import api as hw

Arrival = door.Input | hw.HardwareEvent | media.MediaEvent


# A door that hangs longer is replaced (`watchdog`), but a sick memory card holds each of many arrivals up for a second or two. Whoever
# showed a card so long ago has gone or tries again; a door that opened now would open for whoever comes by.
LATE_S = 10.0


def inputs_of(arrival: Arrival, now_ns: int) -> tuple[door.Input, ...]:
    """What the door is told at `now_ns` (monotonic); empty when it is no business of the door."""
    if isinstance(arrival, hw.HardwareEvent):
        return _of_hardware(arrival, late=now_ns - arrival.at_ns > LATE_S * 1e9)
    if isinstance(arrival, media.MediaEvent):
        return _of_media(arrival)
    return (arrival,)


def _of_hardware(event: hw.HardwareEvent, *, late: bool) -> tuple[door.Input, ...]:
    match event:
        case hw.ButtonEdge(button=button, pressed=True):
            return (door.Press(button=door.ButtonName(button)),)
        case hw.KeyPressed(keypad=keypad, key=key):
            return (door.KeyPressed(keypad=keypad, key=key, late=late),)
        case hw.CardHeld(reader=reader, card=card):
            return (door.CardHeld(reader=reader, card=card, late=late),)
        case hw.ButtonEdge():
            return ()
        case hw.ContactEdge(contact=contact, active=active):
            return (door.ContactChanged(contact=contact, active=active, late=late),)
        case hw.RelayEdge(relay=relay, closed=closed, by=by):
            return (door.RelayMoved(lock=door.LockName(relay), closed=closed, by=by or ""),)
        case hw.CardRead(reader=reader, card=card):
            return (door.CardRead(reader=reader, card=card, late=late),)
        case hw.DeviceFault(device=device, working=working, detail=detail):
            return (door.HealthChanged(part=device, working=working, detail=detail),)
        case never:
            assert_never(never)


def _of_media(event: media.MediaEvent) -> tuple[door.Input, ...]:
    match event:
        case media.DigitHeard(call=call, digit=digit, duration_ms=held_ms, in_band=in_band):
            way = door.DigitWay.TONE if in_band else door.DigitWay.RTP
            return (door.DigitHeard(call=door.CallName(call), digit=digit, way=way, held_s=held_ms / 1000),)
        case media.StreamSilent(call=call, for_s=for_s):
            detail = f"no sound arrived for {for_s:.0f} s"
            return (door.CallMoved(call=door.CallName(call), stage=door.Stage.LOST, detail=detail),)
        case media.ConsentLost(call=call):
            detail = "the other side does not show any more that it wants our sound"
            return (door.CallMoved(call=door.CallName(call), stage=door.Stage.LOST, detail=detail),)
        case media.KeyingFailed(call=call, detail=detail):
            return (door.CallMoved(call=door.CallName(call), stage=door.Stage.LOST, detail=detail),)
        case media.SoundFault(working=working, detail=detail):
            return (door.HealthChanged(part="sound", working=working, detail=detail),)
        case media.StreamFault(call=call, detail=detail):
            return (door.HealthChanged(part=f"sound of call {call}", working=False, detail=detail),)
        case media.FirstAudio() | media.StreamEncrypted() | media.SoundEnded() | media.QualityMeasured():
            return ()
        case never:
            assert_never(never)
