"""Verbs for the hands of a simulated door: `portero ctl sim …`, only in a daemon that runs with `--simulate`."""

from __future__ import annotations

import re
from collections.abc import Callable

from firmware.app.control.protocol import ControlError, Json
from firmware.app.control.verbs import Verb
from firmware.app.station import Station
from hw.api import Half
from hw.simulated import SimulatedBoard

FINGER_S = 0.2  # how long a visitor presses
HELD_S_MAX = 60.0  # a card left at a reader all day says no more than one that stays a minute
KEYS_PATTERN = r"[0-9A-D*#]{1,32}"  # no PIN has more
BITS_PATTERN = r"[01]{1,128}"  # the longest Wiegand formats have fewer


def simulated_verbs(board: SimulatedBoard) -> dict[str, Verb]:
    """`sim` with its own words after it."""
    actions: dict[str, tuple[str, int, Callable[[tuple[str, ...]], Json]]] = {
        "press": ("BUTTON", 1, lambda args: board.press(args[0], FINGER_S)),
        "hold": ("BUTTON", 1, lambda args: board.hold(args[0])),
        "let-go": ("BUTTON", 1, lambda args: board.let_go(args[0])),
        "contact": ("CONTACT open|shut", 2, lambda args: board.set_contact(args[0], active=_active(args[1]))),
        "card": ("READER NUMBER", 2, lambda args: board.card(args[0], args[1].upper())),
        "hold-card": ("READER NUMBER SECONDS", 3, lambda args: board.hold_card(args[0], args[1].upper(), _seconds(args[2]))),
        "wiegand": ("READER BITS", 2, lambda args: board.wiegand(args[0], _bits(args[1]))),
        "key": ("KEYPAD KEYS", 2, lambda args: _keys(board, args[0], args[1])),
        "relay": ("LOCK", 1, lambda args: _relay(board, args[0])),
        "lamp": ("LAMP", 1, lambda args: {"on": board.lamp(args[0]).on}),
        "sound": ("unplug|no-microphone|no-speaker|plug-in|state", 1, lambda args: _sound(board, args[0])),
    }

    async def run(_station: Station, args: tuple[str, ...]) -> Json:
        usage, words, act = actions.get(args[0], ("", 0, None))
        if act is None:
            raise ControlError("unknown_verb", f"no such verb; there are: {', '.join(f'sim {name}' for name in actions)}")
        if len(args) != words + 1:
            raise ControlError("bad_argument", f"usage: sim {args[0]} {usage}")
        try:
            return act(args[1:])
        except KeyError:
            raise ControlError("not_found", f"nothing named {args[1]!r} is configured") from None

    return {"sim": Verb(f"{'|'.join(actions)} …", 1, 4, run)}


def _active(word: str) -> bool:
    if word not in ("open", "shut", "active", "inactive"):
        raise ControlError("bad_argument", "give open or shut, active or inactive")
    return word in ("open", "active")


def _keys(board: SimulatedBoard, keypad: str, keys: str) -> None:
    if not re.fullmatch(KEYS_PATTERN, keys):
        raise ControlError("bad_argument", "give up to 32 keys: 0 to 9, *, # and A to D")
    for key in keys:
        board.key(keypad, key)


def _bits(text: str) -> str:
    if not re.fullmatch(BITS_PATTERN, text):
        raise ControlError("bad_argument", "give up to 128 bits: 0 and 1")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= HELD_S_MAX:
        raise ControlError("bad_argument", f"give seconds, more than 0 and at most {HELD_S_MAX:g}")
    return seconds


def _relay(board: SimulatedBoard, name: str) -> Json:
    relay = board.relay(name)
    history: list[Json] = [{"closed": edge.closed, "at_s": edge.at_ns / 1e9} for edge in relay.history]
    return {"closed": relay.closed, "history": history}


def _sound(board: SimulatedBoard, word: str) -> Json:
    match word:
        case "unplug":
            board.sound.unplug()
        case "no-microphone":
            board.sound.unplug(Half.MICROPHONE)
        case "no-speaker":
            board.sound.unplug(Half.SPEAKER)
        case "plug-in":
            board.sound.plug_in()
        case "state":
            pass
        case _:
            raise ControlError("bad_argument", "give unplug, no-microphone, no-speaker, plug-in or state")
    return {"open": board.sound.is_open}
