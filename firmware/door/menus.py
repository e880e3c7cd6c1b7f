"""Menus that speak with a caller in place of the panel, or with a visitor: who gets one, what it may open, how it ends.

What a menu says is no business of the door. It hands over the caller's keys, and decides whatever the menu wishes as if the caller had
typed it in a call: by the locks of this party, with the same codes, the same lock-out, the same records. Without a code a menu opens only
the locks that the configuration gives it, and only for a party that a code would open them for.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware.door.access import find
from firmware.door.asking import InCall
from firmware.door.calling import rung
from firmware.door.conference import in_front
from firmware.door.directory import Round
from firmware.door.events import (
    Admit,
    Admitted,
    ButtonName,
    CallName,
    CodeFault,
    Effect,
    EndReason,
    Grant,
    MenuOver,
    OpenByMenu,
    Play,
    Record,
    Sound,
    StartMenu,
    StopMenu,
    Unlocked,
)
from firmware.door.opening import granted
from firmware.door.state import Door, Step, Talking, Visit
from firmware.door.talking import WARNING_S, ended, refused, right, wrong
from firmware.door.verifying import asked
from firmware.door.visit import pin_given


def menus_moved(before: Door, after: Door) -> Iterator[Effect]:
    """Say which menu begins, and which is over. It follows from the state, so that none can be forgotten with its call."""
    was, now = _speaking(before), _speaking(after)
    yield from (StopMenu(call=start.call) for start in was - now)
    yield from now - was


def _speaking(door: Door) -> frozenset[StartMenu]:
    """What began the menu that speaks; one at most, for there is no visit beside a call."""
    if door.visit is not None:
        return frozenset({StartMenu(call=door.visit.call, menu=door.visit.menu, keypad=door.visit.keypad)})
    if isinstance(door.call, Talking) and door.call.leg.menu:
        return frozenset({StartMenu(call=door.call.leg.call, menu=door.call.leg.menu)})
    return frozenset()


def _attended(door: Door, call: CallName) -> Talking | None:
    """The call of that name, as long as a menu speaks in it."""
    seen = in_front(door.call, call) if isinstance(door.call, Talking) else None
    return seen if seen is not None and seen.leg.menu else None


def open_wished(door: Door, given: OpenByMenu, now_s: float) -> Step:
    """A caller's wish. Sounds are the menu's to make: what is refused is not heard at the panel. A visitor has nothing but a PIN."""
    if door.visit is not None and door.visit.call == given.call:
        return pin_given(door, door.visit, given, now_s)
    talking = _attended(door, given.call)
    if talking is None:
        return door, ()
    leg = talking.leg
    wanted = leg.party.locks & {given.lock} if given.lock else leg.party.locks
    if not given.code:
        wanted &= door.directory.menus[leg.menu].opens if given.lock else frozenset()
    if not wanted:
        return refused(door, talking, CodeFault.NOT_ALLOWED, 0.0, Sound.SILENCE)
    lockout_s = door.guard.locked_for_s(leg.party.name, now_s)
    if lockout_s > 0:
        return refused(door, talking, CodeFault.LOCKED_OUT, lockout_s, Sound.SILENCE)
    if not given.code:
        wish = Unlocked(lock=given.lock, duration_s=0.0, grant=Grant.MENU, who=leg.menu, party=leg.party.name, call=leg.call)
        return granted(door, (wish,), now_s)
    code = find(door.directory.codes, given.code)
    if code is not None:
        return right(door, talking, code, wanted, now_s)
    if door.asking.users.code_digits:
        return asked(door, InCall(call=leg.call, party=leg.party.name, locks=wanted), given.code, now_s)
    return wrong(door, talking, now_s, Sound.SILENCE)


def over(door: Door, given: MenuOver, now_s: float) -> Step:
    """The call ends, or becomes a talk like any other; the beep tells whoever stands at the panel that somebody listens."""
    if door.visit is not None and door.visit.call == given.call:
        return _visit_over(door, door.visit, given, now_s)
    talking = _attended(door, given.call)
    if talking is None:
        return door, ()
    if not given.talks:
        return ended(door, talking, EndReason.HUNG_UP, now_s)
    until_s = now_s + door.directory.limits.talk_limit_s
    warn_at_s = max(now_s, until_s - WARNING_S)
    connected = talking._replace(leg=talking.leg._replace(menu=""), until_s=until_s, warn_at_s=warn_at_s)
    written = Record(record=Admitted(call=given.call, party=talking.leg.party.name, menu=talking.leg.menu))
    return door._replace(call=connected), (written, Admit(call=given.call), Play(sound=Sound.BEEP))


def _visit_over(door: Door, visit: Visit, given: MenuOver, now_s: float) -> Step:
    """The visitor has heard enough, or has chosen somebody: that is a press of a button with the menu's name."""
    left = door._replace(visit=None)
    if given.rings not in door.directory.menus[visit.menu].rings:
        return left, ()
    return rung(left, ButtonName(visit.menu), (Round(targets=(door.directory.targets[given.rings],)),), now_s)
