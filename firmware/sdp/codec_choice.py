"""Which of both sides' codecs a call may use, and under which numbers (RFC 3264 §5.1, §6.1, §7, §8.3.2)."""

from __future__ import annotations

from typing import Final

from firmware.sdp.codec import DYNAMIC_FIRST, PAYLOAD_TYPE_MAX, Codec

ALWAYS_HEARD: Final = ("PCMU", "PCMA")


def in_both(theirs: tuple[Codec, ...], ours: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """Our codecs that they name too: their order and numbers (RFC 3264 §6.1), our parameters."""
    found: list[Codec] = []
    for codec in theirs:
        match = next((own for own in ours if own.same_encoding(codec)), None)
        if match is not None:
            found.append(match.with_payload_type(codec.payload_type))
    return tuple(found)


def pick(common: tuple[Codec, ...], ours: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """The one codec that an answer names, and what accompanies it; () when there is none.

    RFC 3264 §6.1 recommends the offerer's order unless there is a reason: whoever configured ours has one. With a second codec in the
    answer either side could change to it at any moment, and we would have to be ready for both.
    """
    sound = [codec for codec in common if codec.is_sound]
    if not sound:
        return ()
    best = min(sound, key=lambda codec: next(place for place, own in enumerate(ours) if own.same_encoding(codec)))
    matching = [codec for codec in common if not codec.is_sound and codec.clock_rate_hz == best.clock_rate_hz]
    if not any(codec.is_telephone_event for codec in matching):
        # RFC 4733 §2.1: events share the sequence and timestamps of the sound, hence its clock. Peers that name Opus often list only
        # events of 8000 Hz, and a digit that opens a door is worth more than the rule.
        matching += [codec for codec in common if codec.is_telephone_event]
    return (best, *matching)


def heard_after_answer(common: tuple[Codec, ...], picked: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """What may reach us after our answer: what it names, and digits under any number of the offer: some peers do not look."""
    return picked + tuple(codec for codec in common if codec.is_telephone_event and codec not in picked)


def heard_after_offer(offered: tuple[Codec, ...], send: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """What may reach us after our offer: what the answer names, under our numbers.

    RFC 3264 §7: the offerer may cease listening for formats that the answer does not name. G.711 costs nothing and is what confused peers
    fall back to, so it is always understood, and so are digits. Peers that answer with other numbers should still send ours (§6.1); some
    send their own, so these are understood where they are free.
    """
    heard = tuple(own for own in offered if not own.is_sound or own.name in ALWAYS_HEARD or any(own.same_encoding(named) for named in send))
    taken = {codec.payload_type for codec in offered}
    return heard + tuple(codec for codec in send if codec.payload_type not in taken)


def renumbered(codecs: tuple[Codec, ...], before: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """RFC 3264 §8.3.2: within a session a payload number keeps its meaning, so known codecs keep theirs and new ones get free ones."""
    numbers = {codec.payload_type for codec in before}
    out: list[Codec] = []
    for codec in codecs:
        known = next((old for old in before if old.same_encoding(codec)), None)
        number = codec.payload_type if known is None else known.payload_type
        if known is None and number in numbers:
            number = next(n for n in range(DYNAMIC_FIRST, PAYLOAD_TYPE_MAX + 1) if n not in numbers)
        numbers.add(number)
        out.append(codec.with_payload_type(number))
    return tuple(out)
