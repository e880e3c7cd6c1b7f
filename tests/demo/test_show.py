"""What the terminal shows."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from firmware.demo import show
from firmware.demo.kamailio import KamailioError
from tests.demo.samples import evidence, failed


def test_without_a_terminal_there_are_no_colours_and_times_count_from_the_press() -> None:
    out = io.StringIO()
    display = show.Display(out)
    display.heard("phone", 99.0, "ready")
    display.heard("press", 100.0, "a finger")
    display.heard("-> INVITE", 100.0305, "")
    assert "\x1b" not in out.getvalue()
    lines = out.getvalue().splitlines()
    assert lines[0].split() == ["setup", "●", "phone", "ready"]
    assert lines[1].split()[:3] == ["0.0", "●", "press"]
    assert lines[2].split() == ["30.5", "▸", "->", "INVITE"]


def test_the_summary_has_every_step_and_both_directions() -> None:
    out = io.StringIO()
    show.print_summary(evidence(), show.Display(out))
    text = out.getvalue()
    assert "5002.5  relay closed" in text
    assert "visitor to resident:  99.8 % alike,  30.0 ms" in text
    assert "resident to visitor:  97.0 % alike" in text
    assert "at the door : MOS 4.41, 400 packets, 0 lost" in text


def test_a_missing_step_is_called_missing() -> None:
    out = io.StringIO()
    show.print_summary(failed(evidence()), show.Display(out))
    assert "missing  relay closed" in out.getvalue()


def test_a_demo_that_cannot_begin_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def refuse(*_: object) -> int:
        raise KamailioError("Kamailio is not installed; `apt-get install kamailio` brings it")

    monkeypatch.setattr(show, "_demo", refuse)
    out = io.StringIO()
    assert show.demo(tmp_path, pbx="kamailio", stream=out) == 1
    assert "apt-get install kamailio" in out.getvalue()
