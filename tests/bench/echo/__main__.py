"""Echo cancellers side by side in simulated rooms: `python -m tests.bench.echo` prints a table, writes JSON and pictures to out/bench.

Real voices from Debian's asterisk-core-sounds packages, the far side in English, the visitor in Spanish. Attenuations in dB; PESQ of the
visitor while both speak and alone, AECMOS (`speechmos`) for echo and for damage while both speak; processor time of 40 s of sound.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tests.bench.audio.score import doubled
from tests.bench.audio.speech import FOLDER, RATE_HZ, read_wav
from tests.bench.echo import rooms
from tests.bench.echo.cancellers import all_of_them
from tests.bench.echo.rooms import Recording, Scene, record
from tests.bench.echo.score import BOTH_S, NEAR_S, SESSION_S, Samples, attenuation_db, figures, session
from tests.bench.measure import OUT

SCENES: Final = (
    *(Scene(name=place.name, place=place) for place in rooms.PLACES),
    Scene(name="porch, echo 10 dB over the visitor, bent", place=rooms.PORCH, echo_over_near_db=10, bend=0.8),
    Scene(name="porch, street 18 dB below the visitor", place=rooms.PORCH, noise_db=-45),
    Scene(name="porch, echo 20 dB below the visitor", place=rooms.PORCH, echo_over_near_db=-20),
    Scene(name="porch, clocks 100 ppm apart", place=rooms.PORCH, drift_ppm=100),
    Scene(name="hollow case, clocks 50 ppm apart", place=rooms.HOLLOW_CASE, drift_ppm=-50),
    Scene(name="porch, door leaf moves at 30 s", place=rooms.PORCH, moved_at_s=30),
    Scene(name="porch, delay jumps 20 ms at 30 s", place=rooms.PORCH, jumped_at_s=30),
)
CURVE_STEP_S: Final = 0.5


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


def voice(name: str) -> npt.NDArray[np.float64]:
    return read_wav(FOLDER / name / "demo-congrats.wav").astype(np.float64) / 32768


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
    far, near = session(voice("en_US_f_Allison"), voice("es_MX_f_Allison"), RATE_HZ)
    cancellers = all_of_them()
    rows: list[dict[str, Any]] = []
    head = f"{'scene':<42} {'canceller':<12} {'conv s':>6} {'first':>6} {'settled':>7} {'after':>6} {'late':>6}"
    print(head, f"{'near dB':>8} {'PESQ both':>9} {'alone':>6} {'AECMOS echo':>11} {'damage':>6} {'delay ms':>8} {'cpu s':>6}")
    for scene in SCENES:
        recording = record(scene, far, near, RATE_HZ)
        for name, cancel in cancellers.items():
            began = time.process_time() + _children_s()
            out = cancel(recording, RATE_HZ)
            cpu_s = time.process_time() + _children_s() - began
            found = figures(recording, out, RATE_HZ)
            lag = round(found.delay_ms * RATE_HZ / 1000)
            echo_mos, damage_mos = judge.aecmos(recording, out, lag)
            row = {
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
            converged = "never" if found.converged_s is None else f"{found.converged_s:.1f}"
            print(
                f"{scene.name:<42} {name:<12} {converged:>6} {found.first_db:>6.1f} {found.settled_db:>7.1f} {found.after_both_db:>6.1f} "
                f"{found.late_db:>6.1f} {found.near_loss_db:>8.1f} {row['pesq_both']:>9.2f} {row['pesq_alone']:>6.2f} {echo_mos:>11.2f} "
                f"{damage_mos:>6.2f} {found.delay_ms:>8.1f} {cpu_s:>6.2f}",
                flush=True,
            )
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "echo.json").write_text(json.dumps({"name": "echo", "seconds": SESSION_S, "rows": rows}, indent=1) + "\n")
    _draw(rows, list(cancellers))


def _children_s() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _draw(rows: list[dict[str, Any]], names: list[str]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(-(-len(SCENES) // 3), 3, figsize=(15, 9), squeeze=False, sharex=True, sharey=True)
    for axis, scene in zip(axes.flat, SCENES, strict=False):
        for name in names:
            points = next(row["curve_db"] for row in rows if row["scene"] == scene.name and row["canceller"] == name)
            axis.plot(np.arange(len(points)) * CURVE_STEP_S, points, label=name, linewidth=1)
        axis.axvspan(BOTH_S[0], BOTH_S[1], color="tab:gray", alpha=0.25)
        axis.axvspan(NEAR_S[0], NEAR_S[1], color="tab:gray", alpha=0.1)
        axis.set_title(scene.name, fontsize=9)
        axis.set_ylabel("attenuation dB", fontsize=8)
    axes.flat[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(OUT / "echo.png", dpi=90)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
