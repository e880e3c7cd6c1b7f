"""One line, one JSON object, both ways: what `portero ctl` and the daemon say to each other. Described in docs/ctl.md.

{"verb": "press", "args": ["front"], "id": 7}    ->    {"id": 7, "ok": true, "result": {...}}
                                                 or    {"id": 7, "ok": false, "error": "not_found", "text": "no button named front …"}
after `events`                                   ->    {"event": "Pressed", "room": "door", "at_s": 12.3, ...}
"""

from __future__ import annotations

import json
from enum import Enum
from typing import NamedTuple

LINE_BYTES_MAX = 4096  # the longest request is a SIP URI with a text; a line beyond this is no request of ours
ARGS_MAX = 16
ITEMS_MAX = 4096  # of one value in a reply: a record is small, and a bug must not fill the socket

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class ControlError(Exception):
    """The request cannot be done. `code` is one of the words in docs/ctl.md; the text is one sentence for a person."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Request(NamedTuple):
    """A verb with its positional words. `id` is the client's own mark and comes back in the reply; `by` is who asks, for the journal."""

    verb: str
    args: tuple[str, ...]
    id: int | str | None = None
    by: str = "control"


def parse_request(line: bytes) -> Request:
    """Raises ControlError (`bad_request`) for anything but a request."""
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError):
        raise ControlError("bad_request", "the line is not JSON") from None
    if not isinstance(value, dict):
        raise ControlError("bad_request", "the line is not a JSON object")
    verb, args, mark = value.get("verb"), value.get("args", []), value.get("id")
    if not isinstance(verb, str):
        raise ControlError("bad_request", '"verb" must be a string')
    if not isinstance(args, list) or len(args) > ARGS_MAX or not all(isinstance(arg, str) for arg in args):
        raise ControlError("bad_request", f'"args" must be a list of at most {ARGS_MAX} strings')
    if not (mark is None or isinstance(mark, str) or type(mark) is int):
        raise ControlError("bad_request", '"id" must be a string or an integer')
    return Request(verb=verb, args=tuple(args), id=mark)


def request_line(verb: str, args: tuple[str, ...]) -> bytes:
    return _line({"verb": verb, "args": list(args)})


def reply_line(mark: int | str | None, result: Json) -> bytes:
    return _line({"id": mark, "ok": True, "result": result})


def error_line(mark: int | str | None, error: ControlError) -> bytes:
    return _line({"id": mark, "ok": False, "error": error.code, "text": str(error)})


def event_line(value: object, at_s: float) -> bytes:
    """A record or an event as one line: its type's name, the room that it comes from, and its fields."""
    fields = as_json(value)
    room = type(value).__module__.removeprefix("firmware.").partition(".")[0]
    body: dict[str, Json] = {"event": type(value).__name__, "room": room, "at_s": round(at_s, 6)}
    if isinstance(fields, dict):
        body |= {key: item for key, item in fields.items() if key not in body}
    return _line(body)


def as_json(value: object, depth: int = 8) -> Json:
    """A frozen value of this program as JSON: dataclasses become objects, enums their lower-case name, bytes text; what has no such form
    its `str`.

    Values that know a secret hide it in their own `str`; a dataclass field with `repr=False` is left out for the same reason.
    """
    match value:
        case Enum():  # before int and str: some enums are both
            return value.name.lower()
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case tuple() if depth and hasattr(value, "_asdict") and type(value).__str__ is object.__str__:  # a NamedTuple
            return {str(key): as_json(item, depth - 1) for key, item in value._asdict().items()}
        case list() | tuple() | set() | frozenset() if depth and type(value).__str__ is object.__str__:
            return [as_json(item, depth - 1) for item in list(value)[:ITEMS_MAX]]
        case dict() if depth:
            return {str(key): as_json(item, depth - 1) for key, item in list(value.items())[:ITEMS_MAX]}
        case _ if depth and (fields := getattr(type(value), "__dataclass_fields__", {})) and type(value).__str__ is object.__str__:
            return {name: as_json(getattr(value, name), depth - 1) for name, field in fields.items() if field.repr}
        case _:
            return str(value)


def _line(body: dict[str, Json]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"
