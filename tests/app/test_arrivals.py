"""Hardware and media events in the door's words."""

from __future__ import annotations

import pytest

from firmware.app.arrivals import LATE_S, Arrival, inputs_of
from firmware.door import events as door
from firmware.media import events as media
from hw import api as hw


@pytest.mark.parametrize(
    ("arrival", "expected"),
    [
        (hw.ButtonEdge(button="front", pressed=True, at_ns=1), [door.Press(button=door.ButtonName("front"))]),
        (hw.ButtonEdge(button="front", pressed=False, at_ns=1), []),
        (hw.ContactEdge(contact="exit", active=True, at_ns=1), [door.ContactChanged(contact="exit", active=True)]),
        (hw.RelayEdge(relay="gate", closed=False, at_ns=1), [door.RelayMoved(lock=door.LockName("gate"), closed=False)]),
        (
            hw.RelayEdge(relay="gate", closed=True, at_ns=1, by="exit"),
            [door.RelayMoved(lock=door.LockName("gate"), closed=True, by="exit")],
        ),
        (hw.CardHeld(reader="r", card="0A1B", at_ns=1), [door.CardHeld(reader="r", card="0A1B")]),
        (hw.CardRead(reader="r", card="0A1B", at_ns=1), [door.CardRead(reader="r", card="0A1B")]),
        (hw.KeyPressed(keypad="k", key="1", at_ns=1), [door.KeyPressed(keypad="k", key="1")]),
        (
            hw.DeviceFault(device="r", working=False, detail="gone", at_ns=1),
            [door.HealthChanged(part="r", working=False, detail="gone")],
        ),
        (
            media.DigitHeard(call="p1.1", digit="5", duration_ms=100, at_ns=1),
            [door.DigitHeard(call=door.CallName("p1.1"), digit="5", way=door.DigitWay.RTP, held_s=0.1)],
        ),
        (
            media.DigitHeard(call="p1.1", digit="#", duration_ms=80, at_ns=1, in_band=True),
            [door.DigitHeard(call=door.CallName("p1.1"), digit="#", way=door.DigitWay.TONE, held_s=0.08)],
        ),
        (
            media.StreamSilent(call="p1.1", for_s=30.2, at_ns=1),
            [door.CallMoved(call=door.CallName("p1.1"), stage=door.Stage.LOST, detail="no sound arrived for 30 s")],
        ),
        (
            media.SoundFault(working=False, detail="unplugged", at_ns=1),
            [door.HealthChanged(part="sound", working=False, detail="unplugged")],
        ),
        (media.FirstAudio(call="p1.1", at_ns=1), []),
        (media.SoundEnded(name="beep", at_ns=1), []),
        (door.Operate(verb=door.Verb.STOP), [door.Operate(verb=door.Verb.STOP)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_arrival_becomes_what_the_door_is_told(arrival: Arrival, expected: list[door.Input]) -> None:
    assert list(inputs_of(arrival, 1)) == expected


@pytest.mark.parametrize(("after_s", "late"), [(LATE_S, False), (LATE_S + 0.001, True)])
def test_what_opens_is_late_when_the_program_was_held_up(after_s: float, *, late: bool) -> None:
    now_ns = 7 + round(after_s * 1e9)
    assert inputs_of(hw.ContactEdge(contact="exit", active=True, at_ns=7), now_ns) == (
        door.ContactChanged(contact="exit", active=True, late=late),
    )
    assert inputs_of(hw.CardRead(reader="r", card="0A", at_ns=7), now_ns) == (door.CardRead(reader="r", card="0A", late=late),)
    assert inputs_of(hw.CardHeld(reader="r", card="0A", at_ns=7), now_ns) == (door.CardHeld(reader="r", card="0A", late=late),)
    assert inputs_of(hw.KeyPressed(keypad="k", key="1", at_ns=7), now_ns) == (door.KeyPressed(keypad="k", key="1", late=late),)
    assert inputs_of(hw.ButtonEdge(button="bell", pressed=True, at_ns=7), now_ns) == (door.Press(button=door.ButtonName("bell")),)
