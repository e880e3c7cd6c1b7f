"""Senders that pause, in virtual time: is the pause filled with noise like the one before it, and the first syllable after it whole?

    python -m tests.bench.audio.pauses [--only WORD] [--seed N] [--no-pesq]

The voices of the benchmark speak in phrases, with pauses of up to four seconds as while somebody else speaks, over the noise of a street.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from firmware.media.codec_libraries import load_codec
from firmware.media.core_values import MediaCodec
from firmware.media.playout import Playout
from tests.bench.audio import senders
from tests.bench.audio.networks import Case, clean, jitter, loss, stalls
from tests.bench.audio.replay import CARD_MS, PHASE_S, play
from tests.bench.audio.score import DelayLine, Judge, delay_line
from tests.bench.audio.senders import PACKET, Sender
from tests.bench.audio.speech import RATE_HZ, VOICES, Clip, Samples, Script, script
from tests.bench.echo.rooms import Floats, street_noise
from tests.bench.measure import OUT

NOISE_DB: Final = -50.0  # of full scale: a street behind a window
PAUSE_S: Final = (0.3, 4.0)
QUIET_S: Final = 0.16  # a voice that rests so long has ended a phrase
SENDERS: Final[tuple[tuple[str, Sender], ...]] = (
    ("sends always", senders.steady),
    ("comfort noise", senders.comfort_noise),
    ("sends nothing", senders.silent),
    ("timestamps stand still", senders.frozen),
    ("Opus, all sent", senders.opus(10**6)),
    ("Opus, first sent", senders.opus(1)),
    ("Opus, none sent", senders.opus(0)),
)
NETWORKS: Final = (
    Case(name="clean", make=clean),
    Case(name="jitter 0-40 ms", make=jitter(0.04)),
    Case(name="stalls 100-200 ms", make=stalls),
    Case(name="loss 5 %", make=loss(0.05)),
)
PAUSE_LEAST: Final = 15  # packets: 300 ms, of which the inner part is judged
EDGE_S: Final = 0.12  # of a pause, at each end: words die away there, and the delay may differ
DEAD_DB: Final = -15.0  # below the noise that was sent: it is missed
ONSET_S: Final = 0.1
FOUND: Final = 0.9
SEARCH_S: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one sender was like over one network. Levels in dB against the noise that was there; shares of 1."""

    sender: str
    network: str
    pesq: dict[str, float]
    noise_db: float
    noise_spread_db: float
    dead_share: float
    whole_onsets: float
    worst_onset: float
    delay_ms: float
    target_ms: float
    concealed_share: float
    stretched_share: float


def phrases(chance: random.Random, said: Script) -> tuple[Samples, tuple[Clip, ...]]:
    """The voices alone, with a longer pause wherever one rests."""
    parts, clips, at = list[Samples](), list[Clip](), 0
    for clip in said.clips:
        begin = at
        for phrase in _split(said.stream[clip.start : clip.stop]):
            gap = np.zeros(int(chance.uniform(*PAUSE_S) * RATE_HZ), dtype=np.int16)
            parts += [phrase, gap]
            at += len(phrase) + len(gap)
        clips.append(Clip(voice=clip.voice, start=begin, stop=at))
    return np.concatenate(parts), tuple(clips)


def _split(voice: Samples) -> Iterator[Samples]:
    frames = voice[: len(voice) // PACKET * PACKET].reshape(-1, PACKET).astype(np.float64)
    power = np.mean(frames**2, axis=1)
    quiet = power < np.percentile(power, 95) * 1e-3
    begin, run = 0, 0
    for k, still in enumerate(quiet):
        run = run + 1 if still else 0
        if run == int(QUIET_S * RATE_HZ / PACKET) and (k - begin) * PACKET > RATE_HZ:
            yield voice[begin * PACKET : (k + 1) * PACKET]
            begin = k + 1
    yield voice[begin * PACKET :]


def _delay_s(line: DelayLine, at_s: float) -> float:
    """Of the next window that was found at or after."""
    index = min(int(np.searchsorted(line.at_s, at_s)), len(line.at_s) - 1)
    return float(line.delay_ms[index]) / 1000


def _runs(talks: Sequence[bool]) -> Iterator[tuple[bool, int, int]]:
    """(speaks, first packet, behind the last) of each stretch."""
    begin = 0
    for k in range(1, len(talks) + 1):
        if k == len(talks) or talks[k] != talks[begin]:
            yield talks[begin], begin, k
            begin = k


def _level_db(part: Floats) -> float:
    return 10 * float(np.log10(np.mean(part**2) + 1e-3))


def noise_heard(talks: Sequence[bool], sent: Samples, heard: Samples, line: DelayLine) -> tuple[list[float], float]:
    """Level of what is heard in each pause against what was there, in dB, and the share of 20 ms pieces of all of them that are dead."""
    levels, dead, pieces = list[float](), 0, 0
    for speaks, first, behind in _runs(talks):
        if speaks or behind - first < PAUSE_LEAST:
            continue
        late = _delay_s(line, behind * PACKET / RATE_HZ)
        begin, end = (int((k * PACKET / RATE_HZ + late) * RATE_HZ) for k in (first, behind))
        edge = int(EDGE_S * RATE_HZ)
        part = heard[begin + edge : end - edge].astype(np.float64)
        there = _level_db(sent[first * PACKET : behind * PACKET].astype(np.float64))
        if len(part) < PACKET:
            continue
        levels.append(_level_db(part) - there)
        each = [_level_db(part[at : at + PACKET]) - there for at in range(0, len(part) - PACKET + 1, PACKET)]
        dead += sum(1 for level in each if level < DEAD_DB)
        pieces += len(each)
    return levels, dead / max(1, pieces)


def onsets(talks: Sequence[bool], sent: Samples, heard: Samples) -> list[float]:
    """Likeness of the first ONSET_S of each talkspurt to what was heard of it, wherever that is within SEARCH_S."""
    found, length = list[float](), int(ONSET_S * RATE_HZ)
    for speaks, first, behind in _runs(talks):
        start = first * PACKET
        if not speaks or first == 0 or (behind - first) * PACKET < length:
            continue
        wanted = sent[start : start + length].astype(np.float64)
        part = heard[start : start + length + int(SEARCH_S * RATE_HZ)].astype(np.float64)
        if len(part) < length or not wanted.any():
            continue
        products = np.correlate(part, wanted, "valid")
        squares = np.concatenate([[0.0], np.cumsum(part**2)])
        energy = squares[length:] - squares[:-length]
        found.append(float(np.max(products / np.sqrt(np.maximum(energy, 1.0) * float(wanted @ wanted)))))
    return found


def figures(sender: tuple[str, Sender], case: Case, seed: int, judge: Judge | None) -> Figures:
    """One sender over one network."""
    chance = random.Random(seed)
    voice, clips = phrases(chance, script(voices=VOICES))
    noise = street_noise(len(voice), np.random.default_rng(seed)) * 32768 * 10 ** (NOISE_DB / 20)
    sound = np.clip(np.round(voice + noise), -32768, 32767).astype(np.int16)
    name, send = sender
    sent = send(voice, sound)
    pauses = senders.silent(voice, sound).talks if all(sent.talks) else sent.talks
    trace = case.make(random.Random(seed), len(sent.talks))
    heard = play(sent.packets, Playout(sent.payloads), trace, phase_s=PHASE_S)
    line = delay_line(sent.sound, heard.samples)
    levels, dead = noise_heard(pauses, sent.sound, heard.samples, line)
    begun = onsets(pauses, sent.sound, heard.samples)
    quality = judge.quality(Script(stream=sent.sound, clips=clips), heard.samples, line, with_plcmos=False) if judge else None
    played = max(1, heard.stats.samples_played)
    return Figures(
        sender=name,
        network=case.name,
        pesq=quality.pesq if quality else {},
        noise_db=float(np.mean(levels)),
        noise_spread_db=float(np.std(levels)),
        dead_share=dead,
        whole_onsets=float(np.mean([one >= FOUND for one in begun])),
        worst_onset=min(begun),
        delay_ms=float(line.delay_ms.mean()) + CARD_MS,
        target_ms=float(np.mean(heard.target_ms)),
        concealed_share=heard.stats.samples_concealed / played,
        stretched_share=(heard.stats.samples_removed + heard.stats.samples_inserted) / played,
    )


HEAD: Final = (
    f"{'sender':<24} {'network':<20} {'PESQ':>5} {'worst':>5} {'noise dB':>9} {'± dB':>5} {'dead %':>6} "
    f"{'onsets whole %':>14} {'worst':>5} {'delay ms':>8} {'target':>6} {'concealed %':>11} {'stretched %':>11}"
)


def line_of(f: Figures) -> str:
    scores = list(f.pesq.values()) or [0.0]
    return (
        f"{f.sender:<24} {f.network:<20} {np.mean(scores):>5.2f} {min(scores):>5.2f} {f.noise_db:>9.1f} {f.noise_spread_db:>5.1f} "
        f"{100 * f.dead_share:>6.1f} {100 * f.whole_onsets:>14.0f} {f.worst_onset:>5.2f} {f.delay_ms:>8.0f} {f.target_ms:>6.0f} "
        f"{100 * f.concealed_share:>11.2f} {100 * f.stretched_share:>11.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-pesq", action="store_true")
    given = parser.parse_args()
    load_codec(MediaCodec.OPUS)
    judge = None if given.no_pesq else Judge()
    found = list[Figures]()
    print(f"senders that pause, {len(VOICES)} voices over noise of {NOISE_DB:.0f} dB; {CARD_MS:.0f} ms of card in the delay\n{HEAD}")
    for case in NETWORKS:
        for sender in SENDERS:
            if given.only in f"{sender[0]} {case.name}":
                found.append(figures(sender, case, given.seed, judge))
                print(line_of(found[-1]), flush=True)
    if not given.only:
        OUT.mkdir(parents=True, exist_ok=True)
        rows = [asdict(one) for one in found]
        (OUT / "audio-pauses.json").write_text(json.dumps({"name": "audio-pauses", "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
