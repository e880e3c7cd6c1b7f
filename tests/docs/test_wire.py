"""What docs/mqtt.md, docs/door.md and docs/web.md promise stands on the wire, word by word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from firmware.door import events as door
from firmware.outlets.mqtt.discovery import discovery
from firmware.outlets.mqtt.topics import OFFLINE, ONLINE, Message, messages, order, orders, picture, states
from firmware.outlets.seam import Json, Names
from firmware.outlets.web.api import LOCK_ACTIONS, Api, Route
from firmware.outlets.webhook import body_of

DOCS = Path(__file__).parents[2] / "docs"
NAMES = Names(station="Front", locks=("NAME",), held=("NAME",), buttons=("NAME",), targets=("anna",), contacts=(("NAME", "door"),))
PRESSED = door.Pressed(press=door.PressId(7), button=door.ButtonName("NAME"))
FORCED = door.DoorForced(contact="leaf", lock=door.LockName("door"))


class Topic(NamedTuple):
    """One row of the page's table: the words of its payload that stand in backquotes, and whether the broker keeps it."""

    words: tuple[str, ...]
    kept: str


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the table that follows a heading, its head left out."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(heading)[2].partition("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return rows[2:]


TOPICS = {row[0].strip("`"): Topic(tuple(re.findall(r"`([^`]+)`", row[1])), row[2]) for row in table("mqtt.md", "## Topics")}


def status(*, is_on: bool, call: str) -> Json:
    return {
        "call": {"state": call},
        "locks": {"NAME": is_on},
        "contacts": {"NAME": is_on},
        "health": {"sound": "gone"} if is_on else {},
    }


def test_the_page_has_each_topic_and_no_other() -> None:
    sent = {*states("portero", NAMES, status(is_on=True, call="idle")), "portero/availability", picture("portero", b"").topic}
    sent |= {message.topic for message in messages("portero", PRESSED, 0.0)}
    heard = {topic.replace("+", "NAME") for topic in orders("portero")}
    assert set(TOPICS) == sent | heard


@pytest.mark.parametrize(("is_on", "place"), [(True, 0), (False, 1)])
def test_a_state_is_one_of_the_pages_words(is_on: bool, place: int) -> None:
    found = states("portero", NAMES, status(is_on=is_on, call="idle"))
    for topic in ("portero/lock/NAME", "portero/contact/NAME"):
        assert TOPICS[topic].words[place] == found[topic]
    assert TOPICS["portero/problem"].words == ("ON", "OFF")
    assert found["portero/problem"] == ("ON" if is_on else "OFF")
    assert TOPICS["portero/availability"].words[:2] == (ONLINE, OFFLINE)
    assert "idle" in TOPICS["portero/call"].words


def test_the_states_of_a_call_are_those_that_home_assistant_is_told() -> None:
    (call,) = (message for message in discovery("homeassistant", "portero", NAMES, "1", ()) if "/call/" in message.topic)
    assert json.loads(call.payload)["options"] == list(TOPICS["portero/call"].words)


def test_a_ring_is_the_pages_message_and_what_is_kept_is_called_so() -> None:
    ring, record = messages("portero", PRESSED, 1000.0)
    assert json.loads(ring.payload) == json.loads(TOPICS[ring.topic].words[0])
    assert set(TOPICS["portero/record"].words) <= set(json.loads(record.payload))
    kept: list[Message] = [ring, record, picture("portero", b"")]
    assert [TOPICS[message.topic].kept for message in kept] == ["yes" if message.retained else "no" for message in kept]


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.endswith("/set")])
def test_each_order_of_the_page_is_one_and_takes_what_the_page_says(topic: str) -> None:
    words = TOPICS[topic].words
    taken = [order("portero", NAMES, topic, word.encode()) for word in words if word.isupper()]
    assert taken
    assert all(each is not None and f'"{each.may}"' in words for each in taken)
    assert TOPICS[topic].kept == "must not be"


def test_the_webhook_of_the_page_is_what_is_posted() -> None:
    text = (DOCS / "door.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r'^ {4}(\{"event": .*\})$', text, flags=re.MULTILINE)
    assert json.loads(body_of(FORCED, rule="burglar", at_s=1_767_600_000.0)) == json.loads(shown)


def test_each_request_of_the_page_has_its_right() -> None:
    api = Api(None)  # type: ignore[arg-type]  # only its table is asked
    seen = 0
    for request, right, *_ in table("web.md", "## API, version 1"):
        method, path = re.findall(r"`(GET|POST|PUT|DELETE) /api/v1/([^?` ]*)", request)[0] if "/api/v1/" in request else ("", "")
        if method:
            route = api.route(method, path)
            assert isinstance(route, Route), request
            assert route.may.value == right
            seen += 1
    assert seen > 10
    words = (DOCS / "web.md").read_text(encoding="utf-8")
    assert all(f"`{action}`" in words or f"/{action}`" in words for action in LOCK_ACTIONS)
