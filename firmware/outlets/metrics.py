"""What Prometheus collects: counters of the records since the start, and gauges of how it is now.

Written in the text format 0.0.4 or as OpenMetrics 1.0 (https://prometheus.io/docs/instrumenting/exposition_formats/). Names end in their
unit; labels are names of the configuration and words of the door, so their number is bounded by the configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Final, NamedTuple

from firmware.door import events as door

SERIES_MAX: Final = 1000  # of one counter; every name in a large house's configuration, times the words of an outcome
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """One metric with all its series. `name` is without the `_total` of a counter."""

    name: str
    kind: str  # counter, gauge or info
    help: str
    samples: tuple[tuple[Labels, float], ...]


HELP: Final = {
    "portero_presses": "Presses of a button, and flats dialled at a keypad.",
    "portero_numbers_unknown": "Numbers dialled at a keypad that no flat has.",
    "portero_press_outcomes": "How presses ended.",
    "portero_calls_placed": "Call legs that went out.",
    "portero_calls_received": "Calls that came in, by what became of them.",
    "portero_calls_answered": "Calls that were answered.",
    "portero_call_ends": "Why call legs ended.",
    "portero_talk_seconds": "Time that was talked.",
    "portero_openings": "Openings of a lock, by what entitled to them.",
    "portero_openings_refused": "Openings that somebody had the right to and that did not happen.",
    "portero_codes_refused": "Codes, PINs and cards that opened nothing.",
    "portero_logins_refused": "Wrong passwords and tokens.",
    "portero_doors_forced": "Doors that were opened though nobody was let in.",
    "portero_audio_glitches": "Periods that the sound card or its thread missed, in all calls.",
    "portero_call_heard_mos": "How the last call was heard at the door (ITU-T G.107, 1 to 4.5).",
    "portero_call_sent_mos": "How the last call was heard at the other side.",
    "portero_call_delay_seconds": "Delay of the last call from mouth to ear, estimated.",
    "portero_call_loss_ratio": "Packets of the last call that were lost.",
    "portero_call_jitter_seconds": "Jitter of the last call.",
    "portero_call_set_up_seconds": "From the last call to its first ring.",
    "portero_press_to_audio_seconds": "From the last press to the first sound of whoever answered.",
}


class Counters:
    """Counts records. Belongs to the event loop."""

    def __init__(self) -> None:
        self._counters: dict[str, dict[Labels, float]] = {}
        self._last: dict[str, float] = {}  # of the last call that was measured

    def count(self, record: door.DoorRecord) -> None:
        """One more of these."""
        for name, amount, labels in _counted(record):
            series = self._counters.setdefault(name, {})
            if labels in series or len(series) < SERIES_MAX:
                series[labels] = series.get(labels, 0.0) + amount
        if isinstance(record, door.CallMeasured):
            self._last = {name: value for name, value in _measured(record) if value is not None}

    def families(self) -> Iterator[Family]:
        """Everything that was counted, and the figures of the last call."""
        for name, series in self._counters.items():
            yield Family(name, "counter", HELP[name], tuple(series.items()))
        for name, value in self._last.items():
            yield Family(name, "gauge", HELP[name], (((), value),))


def _counted(record: door.DoorRecord) -> Iterator[tuple[str, float, Labels]]:
    match record:
        case door.Pressed(button=button):
            yield "portero_presses", 1, (("button", button),)
        case door.PressEnded(outcome=outcome):
            yield "portero_press_outcomes", 1, (("outcome", _word(outcome)),)
        case door.CallPlaced():
            yield "portero_calls_placed", 1, ()
        case door.CallReceived(refusal=refusal, unrecorded=unrecorded):
            yield "portero_calls_received", 1 + unrecorded, (("refused", "no" if refusal is None else _word(refusal)),)
        case door.Answered():
            yield "portero_calls_answered", 1, ()
        case door.CallEnded(reason=reason, talked_s=talked_s):
            yield "portero_call_ends", 1, (("reason", _word(reason)),)
            yield "portero_talk_seconds", talked_s, ()
        case door.Unlocked(lock=lock, grant=grant):
            yield "portero_openings", 1, (("lock", lock), ("grant", _word(grant)))
        case door.OpeningRefused(lock=lock, fault=lock_fault):
            yield "portero_openings_refused", 1, (("lock", lock), ("fault", _word(lock_fault)))
        case door.CodeRefused(fault=fault) | door.CardRefused(fault=fault) | door.KeypadRefused(fault=fault):
            yield "portero_codes_refused", 1, (("fault", _word(fault)),)
        case door.NumberUnknown(keypad=keypad):
            yield "portero_numbers_unknown", 1, (("keypad", keypad),)
        case door.LoginRefused(outlet=outlet, unrecorded=unrecorded):
            yield "portero_logins_refused", 1 + unrecorded, (("outlet", outlet),)
        case door.DoorForced(contact=contact):
            yield "portero_doors_forced", 1, (("contact", contact),)
        case door.CallMeasured(glitches=glitches):
            yield "portero_audio_glitches", glitches, ()
        case _:
            pass


def _measured(record: door.CallMeasured) -> Iterator[tuple[str, float | None]]:
    yield "portero_call_heard_mos", record.heard
    yield "portero_call_sent_mos", record.sent
    yield "portero_call_delay_seconds", record.delay_ms / 1000
    yield "portero_call_loss_ratio", record.loss_percent / 100
    yield "portero_call_jitter_seconds", record.jitter_ms / 1000
    yield "portero_call_set_up_seconds", _seconds(record.set_up_ms)
    yield "portero_press_to_audio_seconds", _seconds(record.press_to_audio_ms)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _word(value: Enum) -> str:
    return value.name.lower()


def gauge(name: str, help_text: str, series: Mapping[str, float] | float, label: str = "") -> Family:
    """A gauge: one value, or one for each value of a label."""
    if isinstance(series, Mapping):
        return Family(name, "gauge", help_text, tuple((((label, key),), value) for key, value in series.items()))
    return Family(name, "gauge", help_text, (((), series),))


def exposition(families: Iterable[Family], *, openmetrics: bool) -> str:
    """All families as text."""
    lines: list[str] = []
    for family in families:
        is_counter, is_info = family.kind == "counter", family.kind == "info"
        suffix = "_total" if is_counter else "_info" if is_info else ""
        # OpenMetrics names a family without the suffix of its samples; the older format with it, and it knows no info.
        named = family.name if openmetrics else family.name + suffix
        lines.append(f"# HELP {named} {_escaped(family.help)}")
        lines.append(f"# TYPE {named} {'gauge' if is_info and not openmetrics else family.kind}")
        lines += [f"{family.name}{suffix}{_labelled(labels)} {_number(value)}" for labels, value in family.samples]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _labelled(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels) + "}" if labels else ""


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
