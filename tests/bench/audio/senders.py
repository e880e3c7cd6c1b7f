"""How phones send when nobody speaks: as always, comfort noise (RFC 3389), what a codec makes of it (RFC 7587), or nothing.

A sender cuts the sound into packets of 20 ms. When each comes is the network's affair (`networks`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from firmware.media.binding import MediaCodec, decode_g711, encode_g711
from tests.bench.audio.speech import RATE_HZ, Samples

PACKET: Final = 160
NOISE_TYPE: Final = 13  # RFC 3551 table 4
OPUS_TYPE: Final = 96
OPUS_CLOCK: Final = 48000 // RATE_HZ  # RFC 7587 section 4.1
HANGOVER: Final = 6  # packets after a word: what phones commonly wait before they pause
REPEAT: Final = 50  # packets between two of comfort noise while nothing changes
QUIETER: Final = 1e-4  # of the loudest packets' power, 40 dB below them: nobody speaks
PAUSE_OCTETS: Final = 2  # RFC 7587 section 3.1.3, libopus: a packet of so few need not be sent
VOIP: Final = 2048  # OPUS_APPLICATION_VOIP and the requests below: opus_defines.h
SET_BITRATE: Final = 4002
SET_DTX: Final = 4016


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """`slot`: which 20 ms of the sound it was sent after."""

    slot: int
    timestamp: int
    payload: bytes
    payload_type: int = 0
    marker: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What left a sender. `sound` is what a decoder makes of it while nothing is left out; `talks[k]`: interval k was sent as sound."""

    packets: tuple[Packet, ...]
    sound: Samples
    talks: tuple[bool, ...]
    payloads: tuple[tuple[int, MediaCodec], ...] = ((0, MediaCodec.PCMU),)


Sender = Callable[[Samples, Samples], Sent]
"""Of the voice alone, by which it knows when nobody speaks, and of the sound that it sends: as long, and of any level."""


def _frames(sound: Samples) -> Samples:
    return sound[: len(sound) // PACKET * PACKET].reshape(-1, PACKET)


def _talks(voice: Samples) -> tuple[bool, ...]:
    """Which packets hold a voice, or follow one by less than HANGOVER."""
    power = np.mean(_frames(voice).astype(np.float64) ** 2, axis=1)
    loud = power > np.percentile(power, 95) * QUIETER
    return tuple(bool(loud[max(0, k - HANGOVER) : k + 1].any()) for k in range(len(loud)))


def _coded(sound: Samples) -> tuple[bytes, Samples]:
    octets = encode_g711(MediaCodec.PCMU, sound.tobytes())
    return octets, np.frombuffer(decode_g711(MediaCodec.PCMU, octets), dtype=np.int16)


def _marks(talks: tuple[bool, ...], slot: int) -> bool:
    """RFC 3551 section 4.1: the first packet of a talkspurt."""
    return talks[slot] and (slot == 0 or not talks[slot - 1])


def steady(_voice: Samples, sound: Samples) -> Sent:
    """Sends always."""
    octets, coded = _coded(sound)
    count = len(octets) // PACKET
    packets = tuple(Packet(slot=k, timestamp=k * PACKET, payload=octets[k * PACKET : (k + 1) * PACKET]) for k in range(count))
    return Sent(packets=packets, sound=coded, talks=(True,) * count)


def silent(voice: Samples, sound: Samples) -> Sent:
    """Sends nothing in a pause; time goes on in its timestamps."""
    octets, coded = _coded(sound)
    talks = _talks(voice)
    packets = tuple(
        Packet(slot=k, timestamp=k * PACKET, payload=octets[k * PACKET : (k + 1) * PACKET], marker=_marks(talks, k))
        for k, speaks in enumerate(talks)
        if speaks
    )
    return Sent(packets=packets, sound=coded, talks=talks)


def frozen(voice: Samples, sound: Samples) -> Sent:
    """As `silent`, and against RFC 3550 section 5.1 its timestamps stand still in a pause; only the marker tells of it."""
    sent = silent(voice, sound)
    packets = tuple(Packet(slot=p.slot, timestamp=k * PACKET, payload=p.payload, marker=p.marker) for k, p in enumerate(sent.packets))
    return Sent(packets=packets, sound=sent.sound, talks=sent.talks)


def comfort_noise(voice: Samples, sound: Samples) -> Sent:
    """RFC 3389: the level of the noise as a pause begins, and each second."""
    sent = silent(voice, sound)
    power = np.mean(_frames(sent.sound).astype(np.float64) ** 2, axis=1)
    packets, rested = {p.slot: p for p in sent.packets}, 0
    for k, speaks in enumerate(sent.talks):
        rested = 0 if speaks else rested + 1
        if rested % REPEAT == 1:
            level = round(-10 * float(np.log10(max(power[k], 1e-3) / 32767**2)))
            packets[k] = Packet(slot=k, timestamp=k * PACKET, payload=bytes([min(127, level)]), payload_type=NOISE_TYPE)
    return Sent(packets=tuple(packets[k] for k in sorted(packets)), sound=sent.sound, talks=sent.talks)


def opus(tiny_sent: int) -> Sender:
    """Opus with DTX: of the packets by which its encoder says that it pauses the first `tiny_sent` of each pause are sent."""

    def send(_voice: Samples, sound: Samples) -> Sent:
        payloads, decoded = _opus(sound)
        tiny = [len(payload) <= PAUSE_OCTETS for payload in payloads]
        run, packets = 0, list[Packet]()
        for k, payload in enumerate(payloads):
            run = run + 1 if tiny[k] else 0
            if run <= tiny_sent:
                packets.append(Packet(slot=k, timestamp=k * PACKET * OPUS_CLOCK, payload=payload, payload_type=OPUS_TYPE))
        talks = tuple(not small for small in tiny)
        return Sent(packets=tuple(packets), sound=decoded, talks=talks, payloads=((OPUS_TYPE, MediaCodec.OPUS),))

    return send


def _opus(sound: Samples) -> tuple[list[bytes], Samples]:
    """Every packet of libopus' encoder, and what its own decoder makes of them."""
    library, error = ctypes.CDLL("libopus.so.0"), ctypes.c_int()
    library.opus_encoder_create.restype = library.opus_decoder_create.restype = ctypes.c_void_p
    encoder = ctypes.c_void_p(library.opus_encoder_create(RATE_HZ, 1, VOIP, ctypes.byref(error)))
    decoder = ctypes.c_void_p(library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error)))
    library.opus_encoder_ctl(encoder, SET_BITRATE, 24000)
    library.opus_encoder_ctl(encoder, SET_DTX, 1)
    payloads, pieces, buffer, out = list[bytes](), list[bytes](), ctypes.create_string_buffer(1275), (ctypes.c_int16 * PACKET)()
    for frame in _frames(sound):
        length = library.opus_encode(encoder, frame.tobytes(), PACKET, buffer, len(buffer))
        assert length > 0, length
        payloads.append(buffer.raw[:length])
        assert library.opus_decode(decoder, payloads[-1], length, out, PACKET, 0) == PACKET
        pieces.append(bytes(out))
    library.opus_encoder_destroy(encoder)
    library.opus_decoder_destroy(decoder)
    return payloads, np.frombuffer(b"".join(pieces), dtype=np.int16)
