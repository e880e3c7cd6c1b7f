"""Home Assistant finds the door by itself: one retained configuration for each entity
(https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery). Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from firmware.outlets.mqtt.topics import OFFLINE, ONLINE, Message
from firmware.outlets.seam import Json, Names

# A contact's kind, and what Home Assistant calls such a sensor.
CONTACT_CLASSES = {"door": "door", "tamper": "tamper"}


def discovery(prefix: str, base: str, names: Names, version: str, may: tuple[str, ...], *, pictures: bool = False) -> Iterator[Message]:
    """The configurations. Only what may be ordered gets an entity that orders; `pictures`: that of the last ring is shown."""
    node = re.sub(r"[^A-Za-z0-9_-]", "_", base)
    device: Json = {
        "identifiers": [node],
        "name": names.station,
        "manufacturer": "Portero",
        "model": "Door intercom",
        "sw_version": version,
    }

    def entity(component: str, name: str, label: str | None, **more: Json) -> Message:
        key = re.sub(r"[^A-Za-z0-9_-]", "_", name)
        body: dict[str, Json] = {
            "name": label,
            "unique_id": f"{node}_{key}",
            "device": device,
            "availability_topic": f"{base}/availability",
            "payload_available": ONLINE,
            "payload_not_available": OFFLINE,
            **more,
        }
        return Message(f"{prefix}/{component}/{node}/{key}/config", json.dumps(body, ensure_ascii=False), retained=True)

    for button in (*names.buttons, *names.keypads):
        ring = f"{base}/button/{button}"
        yield entity("event", f"bell_{button}", button, state_topic=ring, device_class="doorbell", event_types=["ring"])
        yield _trigger(prefix, node, device, button, ring)
        if "ring" in may and button in names.buttons:
            yield entity("button", f"press_{button}", f"Ring as {button}", command_topic=f"{ring}/set", payload_press="PRESS")
    for lock in names.locks:
        topic = f"{base}/lock/{lock}"
        if "open" in may:
            yield entity("lock", f"lock_{lock}", lock, state_topic=topic, command_topic=f"{topic}/set", payload_open="OPEN")
        else:
            on_off: dict[str, Json] = {"payload_on": "UNLOCKED", "payload_off": "LOCKED"}
            yield entity("binary_sensor", f"lock_{lock}", lock, state_topic=topic, device_class="lock", **on_off)
    for contact, kind in names.contacts:
        kind_of: dict[str, Json] = {"device_class": CONTACT_CLASSES[kind]} if kind in CONTACT_CLASSES else {}
        yield entity("binary_sensor", f"contact_{contact}", contact, state_topic=f"{base}/contact/{contact}", **kind_of)
    options: list[Json] = ["idle", "calling", "offered", "talking"]
    yield entity("sensor", "call", "Call", state_topic=f"{base}/call", device_class="enum", options=options)
    yield entity("binary_sensor", "problem", "Problem", state_topic=f"{base}/problem", device_class="problem", entity_category="diagnostic")
    if pictures:
        yield entity("image", "picture", "Last ring", image_topic=f"{base}/picture", content_type="image/jpeg")
    if "ring" in may:
        yield entity("button", "hang_up", "Hang up", command_topic=f"{base}/call/set", payload_press="HANG_UP")


def _trigger(prefix: str, node: str, device: Json, button: str, topic: str) -> Message:
    """The press as the trigger of an automation; it has no availability and no name."""
    body: Json = {
        "automation_type": "trigger",
        "type": "button_short_press",
        "subtype": button,
        "topic": topic,
        "payload": "ring",
        "value_template": "{{ value_json.event_type }}",
        "device": device,
    }
    key = re.sub(r"[^A-Za-z0-9_-]", "_", f"press_{button}")
    return Message(f"{prefix}/device_automation/{node}/{key}/config", json.dumps(body, ensure_ascii=False), retained=True)
