"""The table of the audio benchmark, its JSON, and delay over time as pictures. A figure that misses its aim is marked with `!`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.bench.audio.networks import Case
from tests.bench.audio.score import DelayLine
from tests.bench.measure import OUT

# The aims come from measurements of peers with one voice, whose ceiling through PCMU is 4.21; its figures stand beside the mean of all.
PEERS_VOICE = "en_US_f_Allison"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case, PESQ and PLCMOS by voice, means over seeds. `span_ms`: from the 1st to the 99th percentile of the delay."""

    case: str
    pesq: dict[str, float]
    plcmos: dict[str, float]
    delay_ms: float
    span_ms: float
    recovery_s: float | None
    concealed_share: float | None = None
    stretched_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A result with the delay over time that belongs to it."""

    case: Case
    result: Result
    line: DelayLine


def mean_of(rows: Sequence[Result]) -> Result:
    """One result out of several seeds'. A recovery that once never came is never."""
    recoveries = [row.recovery_s for row in rows]
    known = [r for r in recoveries if r is not None]
    return Result(
        case=rows[0].case,
        pesq={voice: _mean([row.pesq[voice] for row in rows]) for voice in rows[0].pesq},
        plcmos={voice: _mean([row.plcmos[voice] for row in rows]) for voice in rows[0].plcmos},
        delay_ms=_mean([row.delay_ms for row in rows]),
        span_ms=_mean([row.span_ms for row in rows]),
        recovery_s=_mean(known) if len(known) == len(rows) else None,
        concealed_share=_mean([row.concealed_share or 0.0 for row in rows]),
        stretched_share=_mean([row.stretched_share or 0.0 for row in rows]),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _cell(value: float | None, aim: float | None, digits: int, *, at_least: bool) -> str:
    if value is None:
        return "" if aim is None else f"never ≤{aim:g} !"
    text = f"{value:.{digits}f}"
    if aim is None:
        return text
    met = round(value, digits) >= aim if at_least else round(value, digits) <= aim
    return f"{text} {'≥' if at_least else '≤'}{aim:g}{'' if met else ' !'}"


def _scores(scores: dict[str, float], aim: float | None) -> str:
    """Mean of all voices, the worst voice, and the peers' voice against the aim."""
    if not scores:
        return f"{'':<28}"
    peers = _cell(scores.get(PEERS_VOICE), aim, 2, at_least=True)
    return f"{_cell(_mean(list(scores.values())), aim, 2, at_least=True):<13} {min(scores.values()):<5.2f} {peers:<13}"


HEAD = (
    f"{'network':<32} {'PESQ: mean':<13} {'worst':<5} {'en':<13} {'PLCMOS: mean':<13} {'worst':<5} {'en':<13} "
    f"{'delay ms':<11} {'span ms':<9} {'back after':<10} concealed, stretched %"
)


def line_of(case: Case, r: Result) -> str:
    """A row of the table: each figure with its aim."""
    recovery = _cell(r.recovery_s, case.recovery_s, 1, at_least=False) if case.recovery_s is not None else ""
    shares = (
        "" if r.concealed_share is None or r.stretched_share is None else f"{100 * r.concealed_share:.2f} {100 * r.stretched_share:.2f}"
    )
    return (
        f"{r.case:<32} {_scores(r.pesq, case.pesq)} {_scores(r.plcmos, case.plcmos)} "
        f"{_cell(r.delay_ms, case.delay_ms, 0, at_least=False):<11} {_cell(r.span_ms, case.span_ms, 0, at_least=False):<9} "
        f"{recovery:<10} {shares}"
    ).rstrip()


def write(name: str, runs: Sequence[Run]) -> None:
    """`out/bench/NAME.json`, and `NAME-delay.png` with a panel a case."""
    OUT.mkdir(parents=True, exist_ok=True)
    aims = ("pesq", "plcmos", "delay_ms", "span_ms", "recovery_s")
    rows = [{**asdict(run.result), "aims": {aim: getattr(run.case, aim) for aim in aims}} for run in runs]
    (OUT / f"{name}.json").write_text(json.dumps({"name": name, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
    _draw(OUT / f"{name}-delay.png", runs)


def _draw(path: Path, runs: Sequence[Run]) -> None:
    import matplotlib  # only pictures need it, and only this bench makes pictures

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 2
    figure, axes = pyplot.subplots(-(-len(runs) // columns), columns, figsize=(12, 2.1 * -(-len(runs) // columns)), squeeze=False)
    for axis, run in zip(axes.flat, runs, strict=False):
        axis.plot(run.line.at_s, run.line.delay_ms, ".", markersize=2)
        if run.case.delay_ms is not None:
            axis.axhline(run.case.delay_ms, linestyle="--", linewidth=0.8, color="tab:red")
        axis.set_title(f"{run.result.case}: PESQ {_mean(list(run.result.pesq.values())):.2f}", fontsize=9)
        axis.set_ylim(0, max(100.0, 1.15 * float(run.line.delay_ms.max(initial=0.0))))
        axis.set_ylabel("delay ms", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
