"""Every case in virtual time: deterministic figures of jitter buffer, concealment and stretching, against the aims.

python -m tests.bench.audio.virtual [--only WORD] [--seeds N] [--first-seed N] [--voices NAME,…] [--text NAME] [--no-plcmos] [--phase-ms MS]

Voices and networks that nobody tuned on: `--voices it_IT_f_Menardi,fr_CA_f_June --text demo-instruct --first-seed 100 --seeds 5`. A voice
is a folder of asterisk's sounds, or any other by its whole path; the text is a file in it, `NAME.wav`, mono, 16 bit, 8 kHz. With as many
seeds as voices each voice begins once, and so bears once what a buffer must learn first.
"""

from __future__ import annotations

import argparse
import dataclasses
import random

import numpy as np

from tests.bench.audio.networks import CASES, GAP_AT_S, GAP_S, Case
from tests.bench.audio.replay import CARD_MS, PHASE_S, coded, replay
from tests.bench.audio.report import HEAD, Result, Run, line_of, mean_of, write
from tests.bench.audio.score import DelayLine, Judge, delay_line, recovery_s
from tests.bench.audio.senders import PACKET
from tests.bench.audio.speech import TEXT, VOICES, script

SETTLED_S = 3.0  # the start, with the network unknown, is not in the mean delay


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a case is run. Each seed begins with another voice, so that none bears all of what a buffer must learn first."""

    seeds: range
    voices: tuple[str, ...]
    text: str
    with_plcmos: bool
    phase_s: float


def run_case(case: Case, judge: Judge, options: Options) -> Run:
    """One case with every seed; the delay line is that of the first."""
    rows: list[Result] = []
    lines: list[DelayLine] = []
    stride = 1 + len(options.voices) % 2  # reaches every voice
    for seed in options.seeds:
        first = stride * seed % len(options.voices)
        said = script(options.text, voices=(*options.voices[first:], *options.voices[:first]))
        octets, sent = coded(said.stream)
        trace = case.make(random.Random(seed), len(octets) // PACKET)
        heard = replay(octets, trace, phase_s=options.phase_s)
        line = delay_line(sent, heard.samples, rate=trace.rate)
        quality = judge.quality(said, heard.samples, line, with_plcmos=options.with_plcmos, rate=trace.rate)
        settled = line.delay_ms[line.at_s > SETTLED_S] + CARD_MS
        played = max(1, heard.stats.samples_played)
        lines.append(DelayLine(at_s=line.at_s, delay_ms=line.delay_ms + CARD_MS))
        rows.append(
            Result(
                case=case.name,
                pesq=quality.pesq,
                plcmos=quality.plcmos,
                delay_ms=float(settled.mean()),
                span_ms=float(np.percentile(settled, 99) - np.percentile(settled, 1)),
                recovery_s=recovery_s(line, GAP_AT_S + GAP_S) if case.recovery_s is not None else None,
                concealed_share=heard.stats.samples_concealed / played,
                stretched_share=(heard.stats.samples_removed + heard.stats.samples_inserted) / played,
            )
        )
    return Run(case=case, result=mean_of(rows), line=lines[0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--voices", default=",".join(VOICES))
    parser.add_argument("--text", default=TEXT)
    parser.add_argument("--no-plcmos", action="store_true")
    parser.add_argument("--phase-ms", type=float, default=1000 * PHASE_S, help="where in the card's period packets arrive: 0 to 20")
    given = parser.parse_args()
    seeds, voices = range(given.first_seed, given.first_seed + given.seeds), tuple(given.voices.split(","))
    options = Options(seeds=seeds, voices=voices, text=given.text, with_plcmos=not given.no_plcmos, phase_s=given.phase_ms / 1000)
    judge, runs = Judge(), list[Run]()
    print(f"virtual time, {len(voices)} voices, {len(seeds)} seeds; {CARD_MS:.0f} ms of card in the delay\n{HEAD}")
    for case in CASES:
        if given.only in case.name:
            runs.append(run_case(case, judge, options))
            print(line_of(case, runs[-1].result), flush=True)
    if not given.only:
        write("audio-virtual", runs)


if __name__ == "__main__":
    main()
