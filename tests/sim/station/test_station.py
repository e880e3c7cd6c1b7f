"""A slice of station life in every run of the tests; `make sim` and `make soak` run more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.station import house
from tests.sim.station.run import Run
from tests.sim.station.soak import seeds_of

HOUR_S = 3600.0
REGISTERED_SEED = 1  # its house has an account


@pytest.fixture(autouse=True)
def _silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")  # a door in such trouble has much to say


def lived(seed: int, folder: Path, *, pace_s: float = 20.0, gap_s: float = 120.0) -> Run:
    run = Run(seed, folder / "journal.db", pace_s=pace_s, gap_s=gap_s)
    run.day(HOUR_S / 2)
    run.end()
    return run


@pytest.mark.parametrize("seed", range(4))
def test_half_an_hour_of_troubles_breaks_no_promise(seed: int, tmp_path: Path) -> None:
    run = lived(seed, tmp_path)
    assert run.problems == [], run.stories[0]
    assert run.witness.presses > 20
    assert run.misfortunes.count > 3


def test_a_seed_tells_the_same_story_twice(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, second = lived(7, tmp_path), lived(7, tmp_path / "again")
    assert first.witness.records == second.witness.records
    assert first.witness.outcomes == second.witness.outcomes
    assert first.town.now_s == second.town.now_s


def test_seeds_are_one_or_a_range() -> None:
    assert seeds_of("7") == range(7, 8)
    assert seeds_of("2:5") == range(2, 5)


@pytest.mark.parametrize("kind", ["cable", "server", "names", "address"])
@pytest.mark.parametrize("seconds", [15.0, 60.0])
def test_a_press_rings_and_the_door_is_registered_soon_after_the_return(kind: str, seconds: float, tmp_path: Path) -> None:
    run = Run(REGISTERED_SEED, tmp_path / "journal.db", pace_s=1e9, gap_s=1e9)
    assert run.server is not None
    run.town.run(run.town.now_s + 30)
    run.misfortunes.strike(kind, seconds)
    run.town.run(run.town.now_s + seconds + 100)
    assert [found.kind for found in run.recoveries] == [kind]
    assert not run.recoveries[0].is_slow, run.recoveries
    run.end()


def test_a_press_whose_process_is_killed_is_interrupted_in_the_next(tmp_path: Path) -> None:
    run = Run(1, tmp_path / "journal.db", pace_s=1e9, gap_s=1e9)
    run.visitors.press(house.BELL)
    run.town.run(run.town.now_s + 0.2)
    assert run.witness.presses == 1
    run.kill()
    run.live()
    assert run.witness.outcomes == {"INTERRUPTED": 1}
    run.end()


def test_an_exit_wire_that_is_stuck_when_power_comes_back_opens_nothing(tmp_path: Path) -> None:
    run = Run(1, tmp_path / "journal.db", pace_s=1e9, gap_s=1e9)
    run.town.run(run.town.now_s + 5.0)
    assert run.life is not None
    run.life.switch(house.EXIT, active=True)
    run.town.run(run.town.now_s + 60.0)
    run.kill()
    run.live()
    run.town.run(run.town.now_s + 60.0)
    assert run.life.board.relay(house.FRONT).history == ()
    run.life.switch(house.EXIT, active=False)
    run.town.run(run.town.now_s + 1.0)
    run.life.switch(house.EXIT, active=True)
    run.town.run(run.town.now_s + 1.0)
    assert run.life.board.relay(house.FRONT).closed, "whoever presses anew is let out"
    run.end()
    assert run.problems == []


def test_the_exit_button_opens_with_a_full_disk_a_dead_network_and_a_loop_that_hangs(tmp_path: Path) -> None:
    run = Run(1, tmp_path / "journal.db", pace_s=1e9, gap_s=1e9)
    life = run.life
    assert life is not None
    run.town.run(run.town.now_s + 5)
    run.disk.is_full = True
    run.town.unplug(life.node)
    life.loop.latency_s = lambda: 1e6
    life.switch(house.EXIT, active=True)
    run.town.run(run.town.now_s + 0.1)
    assert life.board.relay(house.FRONT).closed
    run.town.run(run.town.now_s + 8)
    assert not life.board.relay(house.FRONT).closed
    run.end()
