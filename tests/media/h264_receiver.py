"""The receiving end of RFC 6184, for tests: payloads back to NAL units, and nothing that the RFC forbids."""

from __future__ import annotations

from collections.abc import Iterable


def received(payloads: Iterable[bytes]) -> list[bytes]:
    """The NAL units in these payloads; asserts what RFC 6184 asks of them."""
    units: list[bytes] = []
    pieces: list[bytes] = []
    for payload in payloads:
        kind = payload[0] & 0x1F
        assert payload
        assert not pieces or kind == 28, "§5.8: the fragments of a unit follow each other"
        if kind == 28:
            pieces.append(payload)
            if payload[1] & 0x40:
                units.append(_joined(pieces))
                pieces = []
        elif kind == 24:
            units += _aggregated(payload)
        else:
            assert 1 <= kind <= 23
            units.append(payload)
    assert not pieces, "a unit without its end"
    return units


def _joined(pieces: list[bytes]) -> bytes:
    assert len(pieces) > 1, "§5.8: start and end bit must not both be set"
    assert [bool(piece[1] & 0x80) for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert len({(piece[0], piece[1] & 0x1F) for piece in pieces}) == 1
    assert not any(piece[1] & 0x20 for piece in pieces), "§5.8: the reserved bit must be 0"
    assert all(len(piece) > 2 for piece in pieces), "§5.8: a fragment has at least one byte"
    return bytes((pieces[0][0] & 0xE0 | pieces[0][1] & 0x1F,)) + b"".join(piece[2:] for piece in pieces)


def _aggregated(payload: bytes) -> list[bytes]:
    at, units = 1, []
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 2], "big")
        units.append(payload[at + 2 : at + 2 + size])
        assert size
        assert len(units[-1]) == size
        at += 2 + size
    assert payload[0] & 0x60 == max(unit[0] & 0x60 for unit in units), "§5.7: NRI is the maximum"
    assert bool(payload[0] & 0x80) == any(unit[0] & 0x80 for unit in units)
    return units
