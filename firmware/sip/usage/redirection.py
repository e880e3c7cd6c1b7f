"""The targets of one request: the one that was asked for, and those that 3xx responses name (RFC 3261 §8.1.3.4)."""

from __future__ import annotations

from collections.abc import Iterable

from firmware.sip.headers import NameAddr
from firmware.sip.uri import Uri


class Targets:
    """A target set tried one after the other. Bounded twice: redirections followed, targets ever taken in."""

    def __init__(self, first: Uri, redirects_max: int, targets_max: int) -> None:
        self._waiting = [first]
        self._seen = [first]
        self._redirects_left = redirects_max
        self._targets_max = targets_max

    def next(self) -> Uri | None:
        """The next target, None when all were tried."""
        return self._waiting.pop(0) if self._waiting else None

    def redirect(self, contacts: Iterable[NameAddr]) -> None:
        """Take in the contacts of a 3xx, best q first, in front of what waits. What was tried before is passed over (§8.1.3.4)."""
        if self._redirects_left == 0:
            return
        self._redirects_left -= 1
        fresh: list[Uri] = []
        for contact in sorted(contacts, key=_q, reverse=True):
            uri = contact.uri.without_headers()
            known = any(uri.equivalent(seen) for seen in self._seen)
            # RFC 5630 §4: what was asked to be secure is not called another way.
            downgraded = self._seen[0].scheme == "sips" and uri.scheme != "sips"
            if uri.is_sip and not downgraded and not known and len(self._seen) < self._targets_max:
                fresh.append(uri)
                self._seen.append(uri)
        self._waiting[:0] = fresh


def _q(contact: NameAddr) -> float:
    """§20.10: the preference of a contact, 1 when it states none. Nonsense counts as the least."""
    text = contact.param("q")
    if text is None:
        return 1.0
    whole, _, fraction = text.partition(".")
    digits = (whole + fraction).isascii() and (whole + fraction).isdecimal() and len(text) <= 5
    return min(float(f"{whole or '0'}.{fraction or '0'}"), 1.0) if digits else 0.0
