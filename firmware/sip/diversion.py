"""Whom the caller dialled first: Diversion (RFC 5806) and History-Info (RFC 7044), for the journal."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.header_values import readable
from firmware.sip.headers import NameAddr
from firmware.sip.reason import ReasonValue

INDEX_LEVELS_MAX = 70  # an index grows by one level a hop at most, and no request passes more hops (RFC 3261 §8.1.1.6)

# Cause of a redirection (RFC 4458 §2, RFC 7544) -> reason of a Diversion (RFC 5806 §4).
_REASONS_BY_CAUSE = {
    302: "unconditional",
    408: "no-answer",
    480: "deflection",
    486: "user-busy",
    487: "deflection",
    503: "unavailable",
}
REASON_UNKNOWN = "unknown"


@kind
class Diversion(NamedTuple):
    """One diversion: by whom, why (`user-busy`, `no-answer`, `unconditional` … or `unknown`), and how many in a row it stands for."""

    address: NameAddr
    reason: str = REASON_UNKNOWN
    times: int = 1

    @classmethod
    def parse(cls, text: str) -> Diversion:
        """Read one Diversion value. Raises RemoteProtocolError."""
        value = NameAddr.parse(text)
        reason = (value.param("reason") or "").lower()
        counter = value.param("counter") or ""
        times = int(counter) if 0 < len(counter) <= 3 and not counter.strip(grammar.DIGITS) else 1
        return cls(value._replace(params=()), reason if grammar.is_token(reason) else REASON_UNKNOWN, max(1, times))

    def __str__(self) -> str:
        assert grammar.is_token(self.reason), self
        assert not self.address.params, self
        assert 1 <= self.times <= 999, self
        return f"{self.address};reason={self.reason}" + (f";counter={self.times}" if self.times > 1 else "")


@kind
class HistoryEntry(NamedTuple):
    """One History-Info value: a target that the request went to, its place in the tree of targets, and whose target led to it.

    `position` is the parameter index; `mapped_from` is the parameter rc, mp or np: the position of the entry that this one follows
    (RFC 7044 §5).
    """

    address: NameAddr
    position: tuple[int, ...]
    mapped_from: tuple[int, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> HistoryEntry:
        """Read one value. Raises RemoteProtocolError."""
        value = NameAddr.parse(text)
        index = value.param("index")
        if not index:
            raise RemoteProtocolError(f"History-Info without an index: {text[:80]!r}")
        origins = [origin for name in ("rc", "mp", "np") if (origin := value.param(name))]
        return cls(value._replace(params=()), _index(index), _index(origins[0]) if origins else None)

    @property
    def cause(self) -> int | None:
        """Why the request was sent to this target: the cause parameter of its URI (RFC 4458 §2), None when absent."""
        text = self.address.uri.param("cause") or ""
        return int(text) if len(text) == 3 and not text.strip(grammar.DIGITS) else None

    @property
    def failure(self) -> ReasonValue | None:
        """Why this target did not take the request: the Reason in the URI's headers (RFC 7044 §10.2), None when absent or malformed."""
        text = self.address.uri.header("reason")
        try:
            return None if text is None else ReasonValue.parse(text)
        except RemoteProtocolError:
            return None


def history(message: HeaderFields) -> tuple[HistoryEntry, ...]:
    """Every readable History-Info entry in the order of the message."""
    return readable(message, "History-Info", HistoryEntry.parse)


def diversions(message: HeaderFields) -> tuple[Diversion, ...]:
    """Who diverted the call on its way here, the last first: Diversion where it is given, else what History-Info tells (RFC 7544)."""
    direct = readable(message, "Diversion", Diversion.parse)
    return direct or _from_history(history(message))


def _from_history(entries: tuple[HistoryEntry, ...]) -> tuple[Diversion, ...]:
    by_position = {entry.position: entry for entry in entries}
    found: list[Diversion] = []
    for before, entry in pairwise(entries):
        origin = before if entry.mapped_from is None else by_position.get(entry.mapped_from, before)
        # RFC 7544: the cause stands at the target that the call was diverted to, and the one who diverted it is the entry before;
        # servers of RFC 4244 put a Reason at the latter instead.
        cause = entry.cause
        if cause is None and origin.failure is not None and origin.failure.protocol.upper() == "SIP":
            cause = origin.failure.cause
        if cause is not None:
            uri = origin.address.uri.without_headers()
            found.append(Diversion(origin.address._replace(uri=uri), _REASONS_BY_CAUSE.get(cause, REASON_UNKNOWN)))
    return tuple(reversed(found))


def _index(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    if len(parts) > INDEX_LEVELS_MAX or any(not part or len(part) > 9 or part.strip(grammar.DIGITS) for part in parts):
        raise RemoteProtocolError(f"not an index: {text[:80]!r}")
    return tuple([int(part) for part in parts])
