"""What stands under which topic: states that are kept by the broker, events that are not, and orders. Pure; docs/mqtt.md says the same.

portero/availability             online, offline (by the last will)
portero/call                     idle, calling, offered, talking
portero/problem                  ON, OFF
portero/lock/NAME                LOCKED, UNLOCKED
portero/contact/NAME             ON, OFF
portero/button/NAME              {"event_type": "ring"}
portero/record                   every record as JSON
portero/picture                  the picture of the last ring, a JPEG
portero/lock/NAME/set            OPEN, UNLOCK; LOCK ends a hold
portero/button/NAME/set          PRESS
portero/call/set                 HANG_UP
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from firmware.door import events as door
from firmware.outlets.seam import Json, Names, part, table

ONLINE, OFFLINE = "online", "offline"
RECORD_BYTES_MAX = 4096  # a record has a few hundred; names come from outside and may be long
PICTURE_BYTES_MAX = 500_000  # one of 640x480 has a tenth; brokers bear more, and hold it for everybody who comes
STALE_S = 10.0  # a bell that rings later than that calls somebody to an empty door


class Message(NamedTuple):
    """Something to publish. A state is `retained` by the broker; of what is `urgent` nobody wants to hear later than STALE_S."""

    topic: str
    payload: str | bytes
    retained: bool = False
    urgent: bool = False


class Order(NamedTuple):
    """A verb of `portero ctl` with its words, and what the configuration must allow for it."""

    may: str
    words: tuple[str, ...]


def states(base: str, names: Names, status: Json) -> dict[str, str]:
    """Every state by its topic."""
    found = {f"{base}/call": str(part(status, "call", "state")), f"{base}/problem": _on(bool(table(status, "health")))}
    for name in names.locks:
        found[f"{base}/lock/{name}"] = "UNLOCKED" if part(status, "locks", name) else "LOCKED"
    for name, active in table(status, "contacts").items():
        found[f"{base}/contact/{name}"] = _on(active is True)
    return found


def messages(base: str, record: door.DoorRecord, at_s: float) -> Iterator[Message]:
    """What a record is for those who listen: itself, and for a press the event that rings bells."""
    if isinstance(record, door.Pressed):
        ring: dict[str, Json] = {"event_type": "ring", "press": record.press}
        ring |= {"flat": record.flat} if record.flat else {}
        yield Message(f"{base}/button/{record.button}", json.dumps(ring, ensure_ascii=False), urgent=True)
    fields = {name: value.name.lower() if isinstance(value, Enum) else value for name, value in record._asdict().items()}
    body = json.dumps({"event": type(record).__name__, "at_s": round(at_s, 3), **fields}, ensure_ascii=False)
    if len(body.encode()) <= RECORD_BYTES_MAX:
        yield Message(f"{base}/record", body)


def picture(base: str, jpeg: bytes) -> Message:
    """The picture of the last ring, whose place the next one takes; an empty one lets the broker forget it (MQTT 3.1.1 §3.3.1.3)."""
    return Message(f"{base}/picture", jpeg, retained=True)


def orders(base: str) -> tuple[str, ...]:
    """The topics where orders are heard."""
    return f"{base}/lock/+/set", f"{base}/button/+/set", f"{base}/call/set"


def order(base: str, names: Names, topic: str, payload: bytes) -> Order | None:
    """What somebody wants, or None for what is no order."""
    match topic.removeprefix(base + "/").split("/"), payload:
        case ["lock", name, "set"], b"OPEN" | b"UNLOCK" if name in names.locks:
            return Order("open", ("lock", name, "open"))
        case ["lock", name, "set"], b"LOCK" if name in names.locks:
            return Order("open", ("lock", name, "normal"))
        case ["button", name, "set"], b"PRESS" if name in names.buttons:
            return Order("ring", ("press", name))
        case ["call", "set"], b"HANG_UP":
            return Order("ring", ("hangup",))
        case _:
            return None


def _on(value: bool) -> str:
    return "ON" if value else "OFF"
