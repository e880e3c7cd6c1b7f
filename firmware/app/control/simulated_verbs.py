"""Verbs for the hands of a simulated door: `portero ctl sim …`, only in a daemon that runs with `--simulate`."""

from __future__ import annotations

from collections.abc import Callable

from firmware.app.control.protocol import ControlError, Json
from firmware.app.control.verbs import Verb
from firmware.app.station import Station
from hw.simulated import SimulatedBoard

FINGER_S = 0.2  # how long a visitor presses


def simulated_verbs(board: SimulatedBoard) -> dict[str, Verb]:
    """`sim` with its own words after it."""
    actions: dict[str, tuple[str, int, Callable[[tuple[str, ...]], Json]]] = {
        "press": ("BUTTON", 1, lambda args: board.press(args[0], FINGER_S)),
        "hold": ("BUTTON", 1, lambda args: board.hold(args[0])),
        "let-go": ("BUTTON", 1, lambda args: board.let_go(args[0])),
        "contact": ("CONTACT open|shut", 2, lambda args: board.set_contact(args[0], active=_active(args[1]))),
        "card": ("READER NUMBER", 2, lambda args: board.card(args[0], args[1].upper())),
        "relay": ("LOCK", 1, lambda args: _relay(board, args[0])),
        "lamp": ("LAMP", 1, lambda args: {"on": board.lamp(args[0]).on}),
        "sound": ("unplug|plug-in|state", 1, lambda args: _sound(board, args[0])),
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

    return {"sim": Verb("press|hold|let-go|contact|card|relay|lamp|sound …", 1, 3, run)}


def _active(word: str) -> bool:
    if word not in ("open", "shut", "active", "inactive"):
        raise ControlError("bad_argument", "give open or shut, active or inactive")
    return word in ("open", "active")


def _relay(board: SimulatedBoard, name: str) -> Json:
    relay = board.relay(name)
    history: list[Json] = [{"closed": edge.closed, "at_s": edge.at_ns / 1e9} for edge in relay.history]
    return {"closed": relay.closed, "history": history}


def _sound(board: SimulatedBoard, word: str) -> Json:
    match word:
        case "unplug":
            board.sound.unplug()
        case "plug-in":
            board.sound.plug_in()
        case "state":
            pass
        case _:
            raise ControlError("bad_argument", "give unplug, plug-in or state")
    return {"open": board.sound.is_open}
