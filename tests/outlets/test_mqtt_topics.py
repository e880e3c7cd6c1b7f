"""What a record, a state and an order are as MQTT messages, and what Home Assistant is told; without a broker."""

from __future__ import annotations

import json

import pytest

from firmware.door import events as door
from firmware.outlets.mqtt.discovery import discovery
from firmware.outlets.mqtt.outbox import WAITING_MAX, Outbox
from firmware.outlets.mqtt.topics import RECORD_BYTES_MAX, STALE_S, Message, Order, messages, order, picture, states
from firmware.outlets.seam import Names
from tests.net.loops import run

NAMES = Names(
    station="Front",
    locks=("gate", "side.door"),
    held=("gate",),
    buttons=("bell",),
    contacts=(("leaf", "door"), ("case", "tamper"), ("out", "exit")),
)
PRESSED = door.Pressed(press=door.PressId(7), button=door.ButtonName("bell"))


def configurations(*may: str) -> dict[str, dict[str, object]]:
    found = {}
    for message in discovery("homeassistant", "house/front", NAMES, "1.2", may):
        assert message.retained
        found[message.topic] = json.loads(message.payload)
    return found


def test_a_press_is_an_event_of_the_type_that_home_assistant_wants_of_a_doorbell() -> None:
    ring, record = messages("house/front", PRESSED, 1000.0)
    assert (ring.topic, ring.retained, ring.urgent) == ("house/front/button/bell", False, True)
    assert json.loads(ring.payload) == {"event_type": "ring", "press": 7}
    assert (record.topic, record.retained, record.urgent) == ("house/front/record", False, False)
    assert json.loads(record.payload) == {"event": "Pressed", "at_s": 1000.0, "press": 7, "button": "bell", "flat": ""}


def test_a_flat_that_was_dialled_is_a_ring_of_its_keypad() -> None:
    ring, _ = messages("house/front", PRESSED._replace(button=door.ButtonName("pad"), flat="12 Wéber"), 1000.0)
    assert (ring.topic, ring.payload) == ("house/front/button/pad", '{"event_type": "ring", "press": 7, "flat": "12 Wéber"}')
    found = {message.topic for message in discovery("ha", "door", NAMES._replace(keypads=("pad",)), "1.2", ("ring",))}
    assert {"ha/event/door/bell_pad/config", "ha/device_automation/door/press_pad/config"} <= found
    assert "ha/button/door/press_pad/config" not in found, "nobody rings a whole keypad"


def test_a_record_that_is_too_long_is_not_sent() -> None:
    long = door.HealthChanged(part="x", working=False, detail="é" * RECORD_BYTES_MAX)
    assert list(messages("a", long, 0.0)) == []


def test_states_are_those_of_the_status() -> None:
    status = {"call": {"state": "talking"}, "locks": {"gate": True, "side.door": False}, "contacts": {"leaf": True}, "health": {}}
    assert states("a", NAMES, status) == {  # type: ignore[arg-type]  # a dict of dicts is Json
        "a/call": "talking",
        "a/problem": "OFF",
        "a/lock/gate": "UNLOCKED",
        "a/lock/side.door": "LOCKED",
        "a/contact/leaf": "ON",
    }


@pytest.mark.parametrize(
    ("topic", "payload", "wanted"),
    [
        ("a/lock/gate/set", b"OPEN", Order("open", ("lock", "gate", "open"))),
        ("a/lock/side.door/set", b"UNLOCK", Order("open", ("lock", "side.door", "open"))),
        ("a/lock/gate/set", b"LOCK", Order("open", ("lock", "gate", "normal"))),
        ("a/button/bell/set", b"PRESS", Order("ring", ("press", "bell"))),
        ("a/call/set", b"HANG_UP", Order("ring", ("hangup",))),
        ("a/lock/gate/set", b"open", None),
        ("a/lock/cellar/set", b"OPEN", None),
        ("a/button/gate/set", b"PRESS", None),
        ("a/lock/gate", b"OPEN", None),
        ("b/lock/gate/set", b"OPEN", None),
        ("a/call/set", b"", None),
    ],
)
def test_orders_are_exact(topic: str, payload: bytes, wanted: Order | None) -> None:
    assert order("a", NAMES, topic, payload) == wanted


def test_home_assistant_is_told_every_entity_and_what_orders_only_where_it_may() -> None:
    seen = configurations()
    assert set(seen) == {
        "homeassistant/event/house_front/bell_bell/config",
        "homeassistant/device_automation/house_front/press_bell/config",
        "homeassistant/binary_sensor/house_front/lock_gate/config",
        "homeassistant/binary_sensor/house_front/lock_side_door/config",
        "homeassistant/binary_sensor/house_front/contact_leaf/config",
        "homeassistant/binary_sensor/house_front/contact_case/config",
        "homeassistant/binary_sensor/house_front/contact_out/config",
        "homeassistant/sensor/house_front/call/config",
        "homeassistant/binary_sensor/house_front/problem/config",
    }
    bell = seen["homeassistant/event/house_front/bell_bell/config"]
    assert (bell["device_class"], bell["event_types"], bell["state_topic"]) == ("doorbell", ["ring"], "house/front/button/bell")
    assert not any("command_topic" in each for each in seen.values())
    ordering = configurations("ring", "open")
    lock = ordering["homeassistant/lock/house_front/lock_gate/config"]
    assert (lock["command_topic"], lock["availability_topic"]) == ("house/front/lock/gate/set", "house/front/availability")
    assert "homeassistant/button/house_front/hang_up/config" in ordering
    names = [each["unique_id"] for each in ordering.values() if "unique_id" in each]
    assert len(set(names)) == len(names)


def test_the_picture_of_the_last_ring_is_shown_where_it_is_wanted() -> None:
    found = {message.topic: message.payload for message in discovery("homeassistant", "door", NAMES, "1.2", (), pictures=True)}
    shown = json.loads(found["homeassistant/image/door/picture/config"])
    assert (shown["image_topic"], shown["content_type"]) == ("door/picture", "image/jpeg")
    assert not [topic for topic in configurations() if "/image/" in topic]


def test_of_pictures_only_the_newest_waits() -> None:
    outbox = Outbox()
    for jpeg in (b"first", b"second"):
        outbox.put(picture("door", jpeg), 0.0)
    assert len(outbox) == 1


def test_a_bell_that_waited_too_long_does_not_ring_and_records_still_come() -> None:
    async def scenario() -> None:
        outbox = Outbox()
        for message in messages("a", PRESSED, 0.0):
            outbox.put(message, 100.0)
        first = await outbox.first(100.0 + STALE_S)
        assert first.topic == "a/button/bell"
        first = await outbox.first(101.0 + STALE_S)
        assert first.topic == "a/record"
        outbox.done(first)
        assert len(outbox) == 0

    run(scenario())


def test_what_waits_is_bounded_and_of_a_state_only_the_last_word_waits() -> None:
    outbox = Outbox()
    for number in range(WAITING_MAX + 5):
        outbox.put(Message("a/record", str(number)), 0.0)
    assert (len(outbox), outbox.lost) == (WAITING_MAX, 5)
    outbox = Outbox()
    for state in ("LOCKED", "UNLOCKED", "LOCKED"):
        outbox.put(Message("a/lock/gate", state, retained=True), 0.0)
    assert len(outbox) == 1
