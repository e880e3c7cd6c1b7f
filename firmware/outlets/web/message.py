"""A request and its answer, as the pages see them: whole, bounded, and without the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl

from firmware.outlets.seam import Json

FIELDS_MAX = 32  # of a query or a form
# No page of ours loads anything from elsewhere, runs a script that stands in it, or may be framed: what a visitor calls himself stays text.
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"  # noqa: E501 - one header
SAFE_HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),  # "no-referrer" would have browsers hide the origin of our own forms as well (Fetch, §3.2)
    ("Cache-Control", "no-store"),
)
NOTHING: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """What came. Names of headers are lower case; `source` is the other side's address."""

    method: str
    path: str
    source: str
    query: Mapping[str, str] = NOTHING
    headers: Mapping[str, str] = NOTHING
    body: bytes = b""

    @property
    def media_type(self) -> str:
        """The body's type without its parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def form(self) -> Mapping[str, str]:
        """The fields of an HTML form; none for anything else."""
        return fields(self.body.decode("utf-8", "replace")) if self.media_type == "application/x-www-form-urlencoded" else NOTHING

    def cookie(self, name: str) -> str:
        """The value of this cookie (RFC 6265 §5.4), '' without one."""
        for pair in self.headers.get("cookie", "").split(";"):
            key, mark, value = pair.strip().partition("=")
            if mark and key == name:
                return value
        return ""


class Response(NamedTuple):
    """What goes back."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class EventStream(NamedTuple):
    """Server-sent events (HTML, §9.2) that go on: each value is one whole event."""

    events: AsyncGenerator[bytes, None]


def fields(text: str) -> Mapping[str, str]:
    """The fields of a query or a form; the last of a name counts, and of too many none does."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        return NOTHING


def json_response(value: Json, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode() + b"\n", "application/json", headers)


def problem(status: int, detail: str, *headers: tuple[str, str], code: str = "") -> Response:
    """What went wrong, for a machine to read (RFC 9457). `code` is the door's own word for it."""
    body: dict[str, Json] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if code:
        body["code"] = code
    return Response(status, json.dumps(body, ensure_ascii=False).encode() + b"\n", "application/problem+json", headers)
