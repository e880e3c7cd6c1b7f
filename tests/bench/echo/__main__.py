"""Echo cancellers side by side in simulated rooms: prints a table, writes JSON and pictures to out/bench.

    python -m tests.bench.echo [SEED ...]

Real voices from Debian's asterisk-core-sounds packages, in the documented table (seed 0) the far side in English, the visitor in Spanish;
another seed brings other rooms, delays and voices (`scenes`). Attenuations in dB; PESQ of the visitor while both speak and alone, AECMOS
(`speechmos`) for echo and for damage while both speak; processor time of 40 s of sound.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from tests.bench.audio.score import doubled
from tests.bench.audio.speech import RATE_HZ
from tests.bench.echo.cancellers import Canceller, all_of_them
from tests.bench.echo.rooms import Recording, Scene, record
from tests.bench.echo.scenes import TABLE, scenes, spoken
from tests.bench.echo.score import BOTH_S, NEAR_S, SESSION_S, Samples, attenuation_db, figures
from tests.bench.measure import OUT

CURVE_STEP_S: Final = 0.5
NAMES: Final = ("seed", "scene", "canceller", "curve_db")  # of a row: all but the figures


class Judge:
    """PESQ and AECMOS, loaded once."""

    def __init__(self) -> None:
        from pesq import pesq
        from speechmos.aecmos import run

        self._pesq: Any = pesq
        self._aecmos: Any = run

    def pesq(self, recording: Recording, out: Samples, lag: int, span_s: tuple[int, int]) -> float:
        begin, end = span_s[0] * RATE_HZ, span_s[1] * RATE_HZ
        return float(self._pesq(RATE_HZ, recording.near[begin:end], out[lag:][begin:end], "nb"))

    def aecmos(self, recording: Recording, out: Samples, lag: int) -> tuple[float, float]:
        """Echo and other damage while both speak, 1 to 5."""
        part = slice(BOTH_S[0] * RATE_HZ, BOTH_S[1] * RATE_HZ)
        sample = {name: doubled(each[part]) for name, each in (("lpb", recording.far), ("mic", recording.microphone), ("enh", out[lag:]))}
        found = self._aecmos(sample, sr=2 * RATE_HZ, talk_type="dt")
        return float(found["echo_mos"]), float(found["deg_mos"])


def curve(recording: Recording, out: Samples) -> list[float]:
    """Attenuation over time, where an echo is heard; NaN while both speak or the far side is silent."""
    step = int(CURVE_STEP_S * RATE_HZ)
    points = []
    for begin in range(0, len(out) - step, step):
        at_s = begin / RATE_HZ
        loud = float(np.mean(recording.echo[begin : begin + step].astype(np.float64) ** 2)) > 1e4
        alone = not BOTH_S[0] <= at_s < NEAR_S[1]
        points.append(attenuation_db(recording, out, begin, begin + step, RATE_HZ) if loud and alone else float("nan"))
    return points


def main() -> None:
    judge = Judge()
    cancellers = all_of_them()
    rows: list[dict[str, Any]] = []
    head = f"{'scene':<42} {'canceller':<12} {'conv s':>6} {'first':>6} {'settled':>7} {'after':>6} {'late':>6}"
    for seed in [int(each) for each in sys.argv[1:]] or [TABLE]:
        print(
            f"seed {seed}\n{head}",
            f"{'near dB':>8} {'PESQ both':>9} {'alone':>6} {'AECMOS echo':>11} {'damage':>6} {'delay ms':>8} {'cpu s':>6}",
        )
        for scene in scenes(seed):
            rows += rows_of(scene, seed, cancellers, judge)
        _print_means([row for row in rows if row["seed"] == seed], list(cancellers))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "echo.json").write_text(json.dumps({"name": "echo", "seconds": SESSION_S, "rows": rows}, indent=1) + "\n")
    _draw([row for row in rows if row["seed"] == rows[0]["seed"]], list(cancellers))


def rows_of(scene: Scene, seed: int, cancellers: dict[str, Canceller], judge: Judge) -> list[dict[str, Any]]:
    """One scene's lines of the table, one a canceller, printed as they come."""
    rows: list[dict[str, Any]] = []
    recording = record(scene, *spoken(scene, seed), RATE_HZ)
    for name, cancel in cancellers.items():
        began = time.process_time() + _children_s()
        out = cancel(recording, RATE_HZ)
        cpu_s = time.process_time() + _children_s() - began
        found = figures(recording, out, RATE_HZ)
        lag = round(found.delay_ms * RATE_HZ / 1000)
        echo_mos, damage_mos = judge.aecmos(recording, out, lag)
        row = {
            "seed": seed,
            "scene": scene.name,
            "canceller": name,
            **asdict(found),
            "pesq_both": judge.pesq(recording, out, lag, BOTH_S),
            "pesq_alone": judge.pesq(recording, out, lag, NEAR_S),
            "aecmos_echo": echo_mos,
            "aecmos_damage": damage_mos,
            "cpu_s": cpu_s,
            "curve_db": curve(recording, out),
        }
        rows.append(row)
        _print_row(row)
    return rows


def _print_row(row: dict[str, Any]) -> None:
    converged = "never" if row["converged_s"] is None else f"{row['converged_s']:.1f}"
    print(
        f"{row['scene']:<42} {row['canceller']:<12} {converged:>6} {row['first_db']:>6.1f} {row['settled_db']:>7.1f} "
        f"{row['after_both_db']:>6.1f} {row['late_db']:>6.1f} {row['near_loss_db']:>8.1f} {row['pesq_both']:>9.2f} "
        f"{row['pesq_alone']:>6.2f} {row['aecmos_echo']:>11.2f} {row['aecmos_damage']:>6.2f} {row['delay_ms']:>8.1f} {row['cpu_s']:>6.2f}",
        flush=True,
    )


def _print_means(rows: list[dict[str, Any]], names: list[str]) -> None:
    """Over all scenes. Where a canceller never converges 12 s count, all the time there was."""
    for name in names:
        own = [
            {**row, "converged_s": 12.0 if row["converged_s"] is None else row["converged_s"]} for row in rows if row["canceller"] == name
        ]
        _print_row({"scene": "mean", "canceller": name, **{key: np.mean([row[key] for row in own]) for key in own[0] if key not in NAMES}})


def _children_s() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _draw(rows: list[dict[str, Any]], names: list[str]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names_of_scenes = list(dict.fromkeys(row["scene"] for row in rows))
    figure, axes = pyplot.subplots(
        -(-len(names_of_scenes) // 3), 3, figsize=(15, 3 * -(-len(names_of_scenes) // 3)), squeeze=False, sharex=True, sharey=True
    )
    for axis, scene in zip(axes.flat, names_of_scenes, strict=False):
        for name in names:
            points = next(row["curve_db"] for row in rows if row["scene"] == scene and row["canceller"] == name)
            axis.plot(np.arange(len(points)) * CURVE_STEP_S, points, label=name, linewidth=1)
        axis.axvspan(BOTH_S[0], BOTH_S[1], color="tab:gray", alpha=0.25)
        axis.axvspan(NEAR_S[0], NEAR_S[1], color="tab:gray", alpha=0.1)
        axis.set_title(scene, fontsize=9)
        axis.set_ylabel("attenuation dB", fontsize=8)
    axes.flat[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(OUT / "echo.png", dpi=90)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
