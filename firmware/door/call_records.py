"""What is written down of calls: whom they are for, how they go, how they sounded. Part of the vocabulary in `records`."""

from __future__ import annotations

from typing import NamedTuple

from firmware.door.kind import kind
from firmware.door.words import CallName, EndReason, PressId, Refusal, Stage


@kind
class PartyChanged(NamedTuple):
    """Somebody else is at the other end of a call that is up: after a transfer, or by the word of its server (RFC 4916)."""

    call: CallName
    party: str


@kind
class CallPlaced(NamedTuple):
    """A call leg goes out to `party` (a target's name, or a URI). `press` None: an operator asked for it."""

    call: CallName
    press: PressId | None
    party: str


@kind
class Ringing(NamedTuple):
    """The phone of `party` rings."""

    call: CallName
    party: str


@kind
class Answered(NamedTuple):
    """A call is up, placed or taken. `encrypted`: signalling and sound, as far as the station sees. `menu`: what speaks in it, '' nothing;
    then it is apart from the panel.
    """

    call: CallName
    party: str
    encrypted: bool = False
    menu: str = ""


@kind
class Admitted(NamedTuple):
    """The caller has come out of a menu, and is connected with the panel."""

    call: CallName
    party: str
    menu: str


@kind
class CallMeasured(NamedTuple):
    """How a call sounded, once its sound has ended; None is what was not measured.

    `heard` and `sent`: the score (1 to 4.5, ITU-T G.107) of what we heard, and of what the other side heard of us. `delay_ms`: from mouth
    to ear, estimated. `burst_ms`: how long loss lasted when it came in bursts. `glitches`: of our own sound card and its thread.
    `set_up_ms`: from the call to the first ring; `press_to_audio_ms`: from the button to the first sound of whoever answered.
    `encryption`: how keys were agreed on, '' for a plain call. `consent_lost`: its sound ended because the other side did not show any more
    that it wanted ours.
    """

    call: CallName
    codec: str
    encryption: str
    heard: float
    sent: float | None
    delay_ms: int
    loss_percent: float
    burst_ms: int
    jitter_ms: float
    concealed_ms: int
    glitches: int
    set_up_ms: int | None
    press_to_audio_ms: int | None
    consent_lost: bool = False


@kind
class CallReceived(NamedTuple):
    """Somebody called. `refusal` None: the call is taken or waits to be. `unrecorded` earlier refused calls were only counted.

    `caller` is `anonymous` for one who wants no name stored; `diverted_by` is who sent the call on to us.
    """

    call: CallName
    caller: str
    refusal: Refusal | None
    unrecorded: int = 0
    diverted_by: str = ""


@kind
class CallEnded(NamedTuple):
    """A leg that was placed or taken is over. `talked_s` is 0 for a leg that was never answered."""

    call: CallName
    party: str
    reason: EndReason | Stage
    talked_s: float
    detail: str = ""


@kind
class PartySkipped(NamedTuple):
    """A target is not rung, because it does not want to be disturbed. `deputy` is rung in its place, if there is one."""

    press: PressId | None
    party: str
    deputy: str = ""
