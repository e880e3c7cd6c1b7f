"""Codes: how digits become a code, how a code is compared, how guessing is stopped.

A code is complete with its last digit; `#` and `*` end or drop what was typed, and so does a pause. What was long enough to have been
compared counts as a wrong code when it is dropped, also by hanging up: nobody guesses for free. No default code exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from firmware.door.directory import Key, Limits
from firmware.door.events import DigitWay, KeptWrong
from firmware.door.kind import kind
from firmware.hashes import compare_digest

SAME_DIGIT_WINDOW_S = 1.0  # an INFO may come this much later than the RFC 4733 event of the same key: one retransmission (T1) each way
HEARD_MAX = 16  # digits remembered for that; a person types fewer in a second
CODE_DIGITS = frozenset("0123456789ABCD")
SHORTEST = 4  # digits; fewer are no code anywhere, so typing them is no guess
SECRET_LENGTH_MAX = 32  # digits of a code, characters of a card number; the longest card UID has 20
SOURCES_MAX = 256  # parties and readers with wrong codes at one time; beyond it the oldest is forgotten, the global count is not
FORGET_AFTER_S = 86_400.0  # a day without a wrong code clears the count: typing errors of a year must not add up
DOUBLINGS_MAX = 20  # 2^20 times any lock-out exceeds every maximum; keeps the arithmetic small
EVERYBODY = ""  # the source under which the wrong codes of all are counted


@kind
class Pad(NamedTuple):
    """What was typed in one call. `heard` remembers each recent key stroke: digit, begin, end, and the ways by which it has arrived."""

    digits: str = ""
    last_at_s: float = 0.0
    heard: tuple[tuple[str, float, float, frozenset[DigitWay]], ...] = ()


def same_stroke(pad: Pad, digit: str, way: DigitWay, now_s: float, held_s: float = 0.0) -> Pad | None:
    """The pad after a digit arrived by `way`, or None for a stroke that is new.

    One key stroke may arrive by several ways, and each way keeps its order: the first stroke in the window with this digit that has not
    come by this way is the same stroke. The same digit by the same way is always another stroke. A key that is held down is told at its
    begin by some ways and at its end by others: so `held_s` counts.
    """
    begin_s = now_s - held_s
    for index, (known, from_s, to_s, ways) in enumerate(pad.heard):
        if known == digit and way not in ways and begin_s - to_s <= SAME_DIGIT_WINDOW_S:
            seen = (known, min(from_s, begin_s), max(to_s, now_s) if held_s else to_s, ways | {way})
            return pad._replace(heard=(*pad.heard[:index], seen, *pad.heard[index + 1 :]))
    return None


def strike(pad: Pad, digit: str, way: DigitWay, now_s: float, held_s: float = 0.0) -> Pad:
    """The pad after a new stroke: remembered, and appended to what was typed."""
    begin_s = now_s - held_s
    recent = tuple(entry for entry in pad.heard if begin_s - entry[2] <= SAME_DIGIT_WINDOW_S)
    heard = (*recent, (digit, begin_s, now_s, frozenset({way})))[-HEARD_MAX:]
    return Pad(digits=pad.digits + digit, last_at_s=now_s, heard=heard)


def find(keys: Iterable[Key], typed: str) -> Key | None:
    """The key whose secret is `typed`. Every key is compared, each in the same time, so that the answer's delay tells nothing."""
    wanted = _padded(typed)
    found: Key | None = None
    for key in keys:
        if compare_digest(_padded(key.secret), wanted):
            found = key
    return found


def _padded(secret: str) -> bytes:
    return secret.encode().ljust(SECRET_LENGTH_MAX + 1, b".")[: SECRET_LENGTH_MAX + 1]


@kind
class Wrong(NamedTuple):
    """Wrong codes of one source in a row: nothing is accepted before `until_s`."""

    times: int
    last_at_s: float
    until_s: float


@kind
class Guard(NamedTuple):
    """Who has guessed how often. A source is a party's or a reader's name."""

    wrong: Mapping[str, Wrong] = MappingProxyType({})

    def locked_for_s(self, source: str, now_s: float) -> float:
        """Seconds until codes of `source` are compared again; 0 or less when they are."""
        return max((known.until_s - now_s for name in (source, EVERYBODY) if (known := self.wrong.get(name))), default=0.0)

    def restored(self, kept: Iterable[KeptWrong], now_s: float) -> Guard:
        """This guard and that of an earlier process, from what it kept. Wrong codes add up, and the longer lock-out counts."""
        wrong = dict(self.wrong)
        for each in kept:
            known = wrong.get(each.source, Wrong(0, 0.0, 0.0))
            until_s = max(known.until_s, now_s + each.for_s)
            wrong[each.source] = Wrong(known.times + each.times, max(known.last_at_s, now_s - each.ago_s), until_s)
        while len(wrong) > SOURCES_MAX:
            del wrong[_oldest(wrong, EVERYBODY)]
        return Guard(wrong=wrong)

    def kept(self, now_s: float) -> tuple[KeptWrong, ...]:
        """What must outlive this process, in times relative to now."""
        return tuple(
            KeptWrong(source=source, times=wrong.times, ago_s=now_s - wrong.last_at_s, for_s=max(0.0, wrong.until_s - now_s))
            for source, wrong in self.wrong.items()
        )

    def after_wrong(self, source: str, limits: Limits, now_s: float) -> Guard:
        """One more wrong code of `source`."""
        wrong = {name: known for name, known in self.wrong.items() if now_s - known.last_at_s < FORGET_AFTER_S}
        for name, limit in ((source, limits.wrong_limit), (EVERYBODY, limits.wrong_limit_global)):
            count = wrong[name].times + 1 if name in wrong else 1
            wrong[name] = Wrong(times=count, last_at_s=now_s, until_s=now_s + _lockout_s(count - limit, limits))
        if len(wrong) > SOURCES_MAX:
            del wrong[_oldest(wrong, EVERYBODY, source)]
        return Guard(wrong=wrong)

    def after_right(self, source: str) -> Guard:
        """A right code: the wrong ones before it were typing errors of somebody who knows, and count no more, neither here nor globally."""
        if source not in self.wrong:
            return self
        wrong = dict(self.wrong)
        typos = wrong.pop(source).times
        everybody = wrong.pop(EVERYBODY)
        if everybody.times > typos:
            wrong[EVERYBODY] = everybody._replace(times=everybody.times - typos)
        return Guard(wrong=wrong)


def _oldest(wrong: Mapping[str, Wrong], *spared: str) -> str:
    """The source whose last wrong code is the longest ago."""
    return min(wrong.keys() - set(spared), key=lambda name: wrong[name].last_at_s)


def _lockout_s(beyond: int, limits: Limits) -> float:
    """The lock-out after `beyond` wrong codes more than the limit allows: none below, then doubling up to the maximum."""
    if beyond < 0:
        return 0.0
    return min(limits.lockout_s * 2.0 ** min(beyond, DOUBLINGS_MAX), limits.lockout_max_s)
