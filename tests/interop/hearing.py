"""Was this recording heard in that one? Both play in a loop or start at an unknown instant, so the likeliest place is searched first."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

from firmware.demo.evidence import RATE_HZ
from firmware.demo.listening import BLOCK, correlation, find_again, loudness

LISTEN_S = 4
CLEAR = 0.9  # the same speech through G.711: no other four seconds need to be looked at


def samples(path: Path) -> array[int]:
    """The first channel of a 16-bit WAV file at RATE_HZ; a multiple of it is averaged down."""
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2, path
        step, rest = divmod(file.getframerate(), RATE_HZ)
        assert rest == 0, path
        whole = array("h", file.readframes(file.getnframes()))[:: file.getnchannels()]
    return array("h", [sum(whole[at : at + step]) // step for at in range(0, len(whole), step)])


def likeness(said: Path, heard: Path, *, from_s: float) -> float:
    """How much of what was heard in the four seconds from `from_s` is `said` (0 to 1), wherever in its loop it was."""
    part = samples(heard)[int(from_s * RATE_HZ) : int((from_s + LISTEN_S) * RATE_HZ)]
    assert len(part) == LISTEN_S * RATE_HZ, f"{heard} holds no {LISTEN_S} s from {from_s} s on"
    loop = samples(said) * 2
    loop_loud, part_loud = loudness(loop), loudness(part)
    places = range(len(loop_loud) - len(part_loud))
    place = max(places, key=lambda at: correlation(part_loud, loop_loud[at : at + len(part_loud)]))
    begin = (place + 2) * BLOCK  # so that what was heard comes later: find_again searches delays from 0 on
    return find_again(loop[begin : begin + len(part)], part).similarity


def best_likeness(said: Path, heard: Path, *, from_s: float) -> float:
    """The same for the best four seconds from then on: a machine with other work now and then plays or records a moment too late."""
    best = likeness(said, heard, from_s=from_s)
    for later_s in range(1, int(len(samples(heard)) / RATE_HZ - LISTEN_S - from_s) + 1):
        if best > CLEAR:
            break
        best = max(best, likeness(said, heard, from_s=from_s + later_s))
    return best
