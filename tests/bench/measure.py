"""What the benchmarks share: a process's bill from /proc, repeated runs, and a table with its JSON.

Machines are noisy and differ: every figure that matters is a ratio against a peer or a floor measured in the same run.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

OUT = Path("out/bench")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a figure, what it is measured against, and the aim for their ratio or for the figure itself."""

    what: str
    value: float
    unit: str
    against: str = ""
    against_value: float | None = None
    aim: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.against_value else self.value / self.against_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a process (all its threads) has used so far."""

    cpu_s: float
    rss_kb: int
    switches: int


def bill(pid: int) -> Bill:
    """Processor time by the scheduler's nanosecond count, resident memory, and how often its threads slept (each a later wake-up)."""
    cpu_ns = switches = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        cpu_ns += int((task / "schedstat").read_text().split()[0])
        status = (task / "status").read_text()
        switches += int(status.split("voluntary_ctxt_switches:")[1].split()[0])
    rss_pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Bill(cpu_s=cpu_ns / 1e9, rss_kb=rss_pages * PAGE_BYTES // 1024, switches=switches)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def report(name: str, rows: Sequence[Row]) -> None:
    """Print the table and write `out/bench/NAME.json`."""
    OUT.mkdir(parents=True, exist_ok=True)
    machine = {"machine": platform.machine(), "python": platform.python_version(), "cores": os.cpu_count()}
    entries = [{**asdict(row), "ratio": row.ratio} for row in rows]
    (OUT / f"{name}.json").write_text(json.dumps({"name": name, **machine, "rows": entries}, indent=1) + "\n")
    print(f"\n{name}")
    for row in rows:
        against = f"{row.ratio:6.2f} × {row.against} ({row.against_value:.4g})" if row.ratio is not None else ""
        print(f"  {row.what:<58} {row.value:>10.4g} {row.unit:<9} {against:<48} {f'aim {row.aim}' if row.aim else ''}".rstrip())
