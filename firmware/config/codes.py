"""Which codes are too easy to guess. There is no default code, and no code that a burglar tries first."""

from __future__ import annotations

from firmware.config.checks import Complaint

CODE_LENGTH_MIN = 4
CODE_LENGTH_MAX = 16
DIGITS = "0123456789ABCD"  # what a telephone key sends and no other key needs: `*` and `#` end a code
RUNS = ("0123456789", "1234567890", "9876543210", "0987654321", "147", "258", "369", "159", "357", "2580", "0852")
FAVOURITES = frozenset({"1004", "2000", "6969", "1984", "2001", "1122", "1313", "4321", "1010", "007007", "123123", "159753", "112233"})
REMEDY = "choose digits without a pattern, best six or more"


def weakness(code: str) -> Complaint | None:
    """What is wrong with the code, in words that do not show it, and the remedy."""
    if not code or set(code) - set(DIGITS):
        return "a code is made of digits", "use 0 to 9 (A to D where the phone has them); * and # end a code"
    if len(code) < CODE_LENGTH_MIN:
        return f"the code has only {len(code)} digits", f"use at least {CODE_LENGTH_MIN}, best six or more"
    if len(code) > CODE_LENGTH_MAX:
        return f"the code has {len(code)} digits", f"use at most {CODE_LENGTH_MAX}"
    if _repeats(code):
        return "the code repeats itself", REMEDY
    if any(code in run for run in RUNS):
        return "the code is a row of neighbouring keys", REMEDY
    if code in FAVOURITES:
        return "the code is one of those that are tried first", REMEDY
    return None


def _repeats(code: str) -> bool:
    """One or two digits again and again: 0000, 1212, 777777."""
    return len(set(code)) == 1 or code == (code[:2] * len(code))[: len(code)]
