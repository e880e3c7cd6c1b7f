"""SRTP once more, as slowly and as plainly as its RFCs tell it (RFC 3711, RFC 6188, RFC 7714), to compare the library with."""

from __future__ import annotations

import hmac
import struct
from functools import cache

from firmware.sdp.crypto import SrtpKey

ENCRYPTION, AUTHENTICATION, SALTING = 0, 1, 2  # labels of RFC 3711 §4.3.1 for RTP; those of RTCP are three more


@cache
def _box() -> bytes:
    """The substitution of FIPS 197 §5.1.1: the inverse in GF(2^8), then an affine map."""
    out = bytearray(256)
    p = q = 1
    while True:
        p = p ^ (p << 1 & 0xFF) ^ (0x1B if p & 0x80 else 0)  # times 3
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        q ^= 0x09 if q & 0x80 else 0  # divided by 3
        rotated = [(q << n | q >> 8 - n) & 0xFF for n in range(5)]
        out[p] = rotated[0] ^ rotated[1] ^ rotated[2] ^ rotated[3] ^ rotated[4] ^ 0x63
        if p == 1:
            break
    out[0] = 0x63
    return bytes(out)


@cache
def _round_keys(key: bytes) -> tuple[bytes, ...]:
    words, step, constant = [key[i : i + 4] for i in range(0, len(key), 4)], len(key) // 4, 1
    for i in range(step, 4 * (step + 7)):
        word = words[-1]
        if i % step == 0:
            word = (word[1:] + word[:1]).translate(_box())
            word = bytes((word[0] ^ constant, *word[1:]))
            constant = constant << 1 ^ (0x11B if constant & 0x80 else 0)
        elif step == 8 and i % 8 == 4:
            word = word.translate(_box())
        words.append(bytes(a ^ b for a, b in zip(words[i - step], word, strict=True)))
    return tuple(b"".join(words[i : i + 4]) for i in range(0, len(words), 4))


def _double(value: int) -> int:
    return value << 1 & 0xFF ^ (0x1B if value & 0x80 else 0)


def aes(key: bytes, block: bytes) -> bytes:
    """One block (FIPS 197 §5.1)."""
    first, *keys = _round_keys(key)
    state = _xor(block, first)
    for number, round_key in enumerate(keys, 1):
        state = bytes(state.translate(_box())[(i + 4 * (i % 4)) % 16] for i in range(16))
        if number < len(keys):
            mixed = bytearray()
            for i in range(0, 16, 4):
                column = state[i : i + 4]
                whole = column[0] ^ column[1] ^ column[2] ^ column[3]
                mixed += bytes(column[j] ^ whole ^ _double(column[j] ^ column[(j + 1) % 4]) for j in range(4))
            state = bytes(mixed)
        state = _xor(state, round_key)
    return state


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=False))


def counter_mode(key: bytes, start: bytes, data: bytes) -> bytes:
    """AES in counter mode from the 128-bit counter `start` (RFC 3711 §4.1.1)."""
    first = int.from_bytes(start, "big")
    stream = b"".join(aes(key, ((first + i) % 2**128).to_bytes(16, "big")) for i in range(len(data) // 16 + 1))
    return _xor(data, stream)


def derive(master: bytes, salt: bytes, label: int, octets: int) -> bytes:
    """A session key (RFC 3711 §4.3.1 with key derivation rate zero; RFC 7714 §11 puts two zero octets behind its shorter salt)."""
    x = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ label << 48
    return counter_mode(master, (x << 16).to_bytes(16, "big"), bytes(octets))


def _times(a: int, b: int) -> int:
    """The product in GF(2^128) as GCM writes its polynomials: the first bit is the lowest power."""
    product = 0
    for bit in range(127, -1, -1):
        if b >> bit & 1:
            product ^= a
        a = a >> 1 ^ (0xE1 << 120 if a & 1 else 0)
    return product


def gcm(key: bytes, iv: bytes, plain: bytes, associated: bytes) -> bytes:
    """AES-GCM with a tag of 16 octets behind the text (NIST SP 800-38D)."""
    h, j0 = int.from_bytes(aes(key, bytes(16)), "big"), iv + bytes((0, 0, 0, 1))
    text = counter_mode(key, iv + bytes((0, 0, 0, 2)), plain)
    padded = associated + bytes(-len(associated) % 16) + text + bytes(-len(text) % 16)
    padded += struct.pack("!QQ", 8 * len(associated), 8 * len(text))
    y = 0
    for i in range(0, len(padded), 16):
        y = _times(y ^ int.from_bytes(padded[i : i + 16], "big"), h)
    return text + _xor(y.to_bytes(16, "big"), aes(key, j0))


def _is_gcm(key: SrtpKey) -> bool:
    return key.suite.value.startswith("AEAD")


def _session(key: SrtpKey, *, rtcp: bool) -> tuple[bytes, bytes, bytes]:
    salt_octets = 12 if _is_gcm(key) else 14
    master, salt, more = key.key[:-salt_octets], key.key[-salt_octets:], 3 if rtcp else 0
    return (
        derive(master, salt, ENCRYPTION + more, len(master)),
        derive(master, salt, AUTHENTICATION + more, 20),
        derive(master, salt, SALTING + more, salt_octets),
    )


def protect(key: SrtpKey, packet: bytes, index: int) -> bytes:
    """An RTP packet without CSRC and extension, with the 48-bit `index` (RFC 3711 §3.3, RFC 7714 §8)."""
    encryption, authentication, salt = _session(key, rtcp=False)
    header, payload, ssrc = packet[:12], packet[12:], packet[8:12]
    if _is_gcm(key):
        iv = _xor(salt, bytes(2) + ssrc + index.to_bytes(6, "big"))
        return header + gcm(encryption, iv, payload, header)
    start = _xor(salt + bytes(2), bytes(4) + ssrc + index.to_bytes(6, "big") + bytes(2))
    sealed = header + counter_mode(encryption, start, payload)
    tag = hmac.digest(authentication, sealed + (index >> 16).to_bytes(4, "big"), "sha1")
    return sealed + tag[: 4 if key.suite.value.endswith("_32") else 10]


def protect_rtcp(key: SrtpKey, packet: bytes, index: int) -> bytes:
    """A compound RTCP packet with the 31-bit `index` (RFC 3711 §3.4, RFC 7714 §9)."""
    encryption, authentication, salt = _session(key, rtcp=True)
    header, body, ssrc = packet[:8], packet[8:], packet[4:8]
    trailer = (index | 1 << 31).to_bytes(4, "big")
    if _is_gcm(key):
        iv = _xor(salt, bytes(2) + ssrc + bytes(2) + index.to_bytes(4, "big"))
        return header + gcm(encryption, iv, body, header + trailer) + trailer
    start = _xor(salt + bytes(2), bytes(4) + ssrc + index.to_bytes(6, "big") + bytes(2))
    sealed = header + counter_mode(encryption, start, body) + trailer
    return sealed + hmac.digest(authentication, sealed, "sha1")[:10]
