"""Days of door life with everything that can go wrong, and the promises that must hold.

    python -m tests.sim.station.soak --seeds 0:10 --days 3

Each seed is one house. A seed that breaks a promise is printed with the story of the day around the first broken one; run it alone, with
the same options, to see it again.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.sim.station.recovery import Recovered
from tests.sim.station.run import Run

MEMORY = Path("/dev/shm")  # a journal that costs no disk, where there is one


def run_seed(seed: int, *, days: int, busy_s: float, pace_s: float, gap_s: float) -> Run:
    """One house from its first day to its last, its journal in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        run = Run(seed, Path(folder) / "journal.db", pace_s=pace_s, gap_s=gap_s)
        for _ in range(days):
            run.day(busy_s)
        run.end()
    return run


def seeds_of(text: str) -> range:
    """`A:B`, or one seed."""
    first, colon, last = text.partition(":")
    return range(int(first), int(last)) if colon else range(int(first), int(first) + 1)


def worst(found: list[Recovered]) -> list[str]:
    """The slowest recovery of each kind, and whether it is among those that must be quick."""
    slowest: dict[tuple[str, bool], Recovered] = {}
    for each in found:
        key = (each.kind, each.must_be_bound)
        if key not in slowest or max(each[3:]) > max(slowest[key][3:]):
            slowest[key] = each
    return [f"{'' if bound else '(unnoticed or long) '}{each}" for (_, bound), each in sorted(slowest.items())]


def main() -> int:
    """Run the seeds; the exit status tells whether every promise was kept."""
    parser = argparse.ArgumentParser(description="days of a station, its visitors and its misfortunes")
    parser.add_argument("--seeds", default="0:4", help="A:B, or one seed")
    parser.add_argument("--days", type=int, default=1, help="days a seed")
    parser.add_argument("--hours", type=float, default=16.0, help="hours of a day in which somebody comes")
    parser.add_argument("--pace", type=float, default=240.0, metavar="S", help="mean seconds between two visitors")
    parser.add_argument("--gap", type=float, default=1800.0, metavar="S", help="mean seconds between two misfortunes")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began = time.perf_counter()
    broken: list[int] = []
    outcomes: Counter[str] = Counter()
    recoveries: list[Recovered] = []
    presses = misfortunes = lives = 0
    seeds = seeds_of(options.seeds)
    simulated_s = 0.0
    for seed in seeds:
        run = run_seed(seed, days=options.days, busy_s=options.hours * 3600, pace_s=options.pace, gap_s=options.gap)
        outcomes += run.witness.outcomes
        recoveries += run.recoveries
        presses += run.witness.presses
        misfortunes += run.misfortunes.count
        lives += run.site.lives
        simulated_s += run.town.now_s
        if run.problems:
            broken.append(seed)
            print(f"seed {seed}: {len(run.problems)} broken promises")
            for problem in run.problems[:8]:
                print(f"  {problem}")
            print(*run.stories[:1], sep="\n")
    took_s = time.perf_counter() - began
    print(
        f"{presses} presses, {misfortunes} misfortunes, {lives} lives in {simulated_s / 86_400:.1f} simulated days: "
        f"{took_s:.1f} s, {presses / took_s:.0f} presses a second"
    )
    print(f"outcomes: {dict(outcomes.most_common())}")
    for line in worst(recoveries):
        print(f"slowest of {len(recoveries)} recoveries: {line}")
    print(f"broken seeds: {broken}" if broken else "every promise was kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
