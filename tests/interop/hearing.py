"""Was this recording heard in that one? Both play in a loop or start at an unknown instant, so the likeliest place is searched first."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

from firmware.demo.evidence import RATE_HZ
from firmware.demo.listening import BLOCK, correlation, find_again, loudness

LISTEN_S = 4


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
