"""A record told to an HTTP address: one POST with a JSON object, nothing followed, nothing believed.

Blocks, and belongs on a thread of its own. The answer's status is all that is looked at.
"""

from __future__ import annotations

import json
from contextlib import closing
from enum import Enum
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from firmware.config.schema import Webhook
from firmware.deadline import Deadline
from firmware.door.events import DoorRecord
from firmware.errors import WebhookError

STEPS: Final = 3  # connect, send, answer
BODY_BYTES_MAX: Final = 8192  # a record has a few hundred; names and details come from outside and may be long


def body_of(record: DoorRecord, *, rule: str, at_s: float) -> bytes:
    """The record as JSON: its name, the rule that sends it, the time in seconds since 1970, and its fields. Raises WebhookError."""
    fields = {name: value.name.lower() if isinstance(value, Enum) else value for name, value in record._asdict().items()}
    body = json.dumps({"event": type(record).__name__, "rule": rule, "at_s": round(at_s, 3), **fields}, ensure_ascii=False).encode()
    if len(body) > BODY_BYTES_MAX:
        raise WebhookError(f"{type(record).__name__} has {len(body)} bytes; at most {BODY_BYTES_MAX} are sent")
    return body


def post(hook: Webhook, body: bytes, user_agent: str) -> None:
    """Send `body`. Raises WebhookError unless the answer is a 2xx; a redirection is none, because the token is for this address alone.

    Each of STEPS may take `timeout_s`, however busy the server seems meanwhile. Proxies of the environment are not used.
    """
    url = urlsplit(hook.url)
    kind = HTTPSConnection if url.scheme.lower() == "https" else HTTPConnection
    headers = {"Content-Type": "application/json"}
    if user_agent:
        headers["User-Agent"] = user_agent
    if hook.token is not None:
        headers["Authorization"] = f"Bearer {hook.token.reveal()}"
    try:
        connection = kind(url.hostname or "", url.port, timeout=hook.timeout_s)
        with closing(connection), Deadline(STEPS * hook.timeout_s) as deadline:
            deadline.govern(connection)
            connection.request("POST", (url.path or "/") + (f"?{url.query}" if url.query else ""), body=body, headers=headers)
            status = connection.getresponse().status
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a port that is none, a token that no header may carry
        raise WebhookError(f"webhook {hook.name}: {str(error) or type(error).__name__}") from error
    if not 200 <= status <= 299:
        raise WebhookError(f"webhook {hook.name}: the server answers {status}")
