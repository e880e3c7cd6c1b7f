"""Metrics: what is counted of the records, and both text formats, looked at as a collector reads them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from firmware.door import events as door
from firmware.outlets.metrics import SERIES_MAX, Counters, Family, exposition, gauge
from firmware.outlets.web.message import Request
from firmware.outlets.web.metrics_page import MetricsPage
from tests.outlets.asking import OPENER, WATCHER, served, web_settings

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})? (-?[0-9.e+-]+)')
MEASURED = door.CallMeasured(
    call=door.CallName("a"),
    codec="G722",
    encryption="",
    heard=4.2,
    sent=None,
    delay_ms=120,
    loss_percent=1.5,
    burst_ms=0,
    jitter_ms=3.0,
    concealed_ms=0,
    glitches=2,
    set_up_ms=310,
    press_to_audio_ms=None,
)


def samples(text: str) -> dict[str, float]:
    """Every sample; a line that is neither sample nor comment fails."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            found[match[1] + (match[2] or "")] = float(match[3])
    return found


def counted(*records: door.DoorRecord) -> dict[str, float]:
    counters = Counters()
    for record in records:
        counters.count(record)
    return samples(exposition(counters.families(), openmetrics=False))


def test_records_are_counted_by_what_they_say() -> None:
    gate = door.LockName("gate")
    found = counted(
        door.Pressed(press=door.PressId(1), button=door.ButtonName("bell")),
        door.Pressed(press=door.PressId(2), button=door.ButtonName("bell")),
        door.PressEnded(press=door.PressId(1), outcome=door.Outcome.OPENED),
        door.Unlocked(lock=gate, duration_s=5.0, grant=door.Grant.CODE, who="family"),
        door.OpeningRefused(lock=gate, grant=door.Grant.CODE, who="family", fault=door.LockFault.LOCKED),
        door.KeypadRefused(keypad="pad", who="", fault=door.CodeFault.WRONG, lockout_s=0.0),
        door.NumberUnknown(keypad="pad"),
        door.CallEnded(call=door.CallName("a"), party="anna", reason=door.Stage.BUSY, talked_s=1.5),
        door.CallReceived(call=door.CallName("b"), caller="x@y", refusal=door.Refusal.FORBIDDEN, unrecorded=4),
        door.LoginRefused(outlet="web", who="anna", source="192.0.2.1", lockout_s=0.0, unrecorded=2),
    )
    assert found == {
        'portero_presses_total{button="bell"}': 2,
        'portero_press_outcomes_total{outcome="opened"}': 1,
        'portero_openings_total{lock="gate",grant="code"}': 1,
        'portero_openings_refused_total{lock="gate",fault="locked"}': 1,
        'portero_codes_refused_total{fault="wrong"}': 1,
        'portero_numbers_unknown_total{keypad="pad"}': 1,
        'portero_call_ends_total{reason="busy"}': 1,
        "portero_talk_seconds_total": 1.5,
        'portero_calls_received_total{refused="forbidden"}': 5,
        'portero_logins_refused_total{outlet="web"}': 3,
    }


def test_the_last_call_tells_what_was_measured_and_nothing_else() -> None:
    found = counted(MEASURED)
    assert found["portero_call_heard_mos"] == 4.2
    assert found["portero_call_delay_seconds"] == 0.12
    assert found["portero_call_loss_ratio"] == 0.015
    assert found["portero_audio_glitches_total"] == 2
    assert "portero_call_sent_mos" not in found
    assert "portero_press_to_audio_seconds" not in found


def test_names_from_outside_cannot_break_a_line_nor_grow_without_bound() -> None:
    text = exposition([gauge("x", "a\nb", {'q"\\\n': 1.0}, "part")], openmetrics=False)
    assert text == '# HELP x a\\nb\n# TYPE x gauge\nx{part="q\\"\\\\\\n"} 1\n'
    many = (door.LoginRefused(outlet=str(number), who="", source="", lockout_s=0.0) for number in range(SERIES_MAX + 10))
    assert len(counted(*many)) == SERIES_MAX


def test_openmetrics_names_families_without_suffix_and_ends() -> None:
    family = Family("portero_presses", "counter", "Presses.", (((), 3.0),))
    info = Family("portero", "info", "The program.", (((("version", "1"),), 1.0),))
    assert exposition([family, info], openmetrics=True) == (
        "# HELP portero_presses Presses.\n# TYPE portero_presses counter\nportero_presses_total 3\n"
        '# HELP portero The program.\n# TYPE portero info\nportero_info{version="1"} 1\n# EOF\n'
    )
    assert "# TYPE portero_info gauge\n" in exposition([info], openmetrics=False)


def test_the_page_tells_the_door_the_process_and_the_board(tmp_path: Path) -> None:
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("48312\n")

    async def run() -> None:
        async with served(tmp_path, web=web_settings(tmp_path, metrics="open")) as there:
            await there.client.ask("POST", "/api/v1/locks/gate/open", token=OPENER)
            reply = await there.client.ask("GET", "/metrics")
            assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
            found = samples(reply.text)
            assert found['portero_openings_total{lock="gate",grant="operator"}'] == 1
            assert found['portero_lock_open{lock="gate"}'] in (0, 1)  # the pulse is short
            assert found['portero_call_state{state="idle"}'] == 1
            assert found["process_resident_memory_bytes"] > 1 << 20
            reply = await there.client.ask("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
            assert reply.text.endswith("# EOF\n")
            page = MetricsPage(there.outlet.house, Counters(), "7", system=tmp_path / "sys")
            answer = await page.answer(Request(method="GET", path="/metrics", source=""))
            assert samples(answer.body.decode())['portero_board_temperature_celsius{zone="thermal_zone0"}'] == 48.312

    asyncio.run(run())


def test_a_collector_shows_a_token_unless_the_configuration_waives_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with served(tmp_path) as there:
            assert (await there.client.ask("GET", "/metrics")).status == 401
            assert (await there.client.ask("GET", "/metrics", token=WATCHER)).status == 200

    asyncio.run(run())
