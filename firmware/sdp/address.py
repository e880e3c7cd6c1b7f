"""Numeric addresses, recognised by their text alone: the pure rooms have no socket to ask."""

from __future__ import annotations

from typing import Final

NULL_HOSTS: Final = ("0.0.0.0", "::", "0:0:0:0:0:0:0:0")  # noqa: S104 # compared, never bound
HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")


def is_ipv4(text: str) -> bool:
    """Whether `text` is four decimal octets (RFC 3986 §3.2.2 IPv4address: no leading zeros, which some systems read as octal)."""
    parts = text.split(".")
    return len(parts) == 4 and all(_is_octet(part) for part in parts)


def is_null(text: str) -> bool:
    """Whether `text` is the address that says "send me nothing" (RFC 3264 §8.4: 0.0.0.0), or its IPv6 twin."""
    return text in NULL_HOSTS


def is_group(text: str) -> bool:
    """Whether the numeric address `text` is no single host: multicast (224.0.0.0/4, ff00::/8) or limited broadcast."""
    if ":" in text:
        return text[:2].lower() == "ff" and text.find(":") == 4
    return text == "255.255.255.255" or 224 <= int(text.partition(".")[0]) <= 239


def is_private(text: str) -> bool:
    """Whether the numeric address `text` means something only nearby: RFC 1918, RFC 4193, loopback, link-local, a provider's (RFC 6598)."""
    if ":" in text:
        first = text.partition(":")[0].lower()
        return text == "::1" or (len(first) == 4 and (first[:2] in ("fc", "fd") or "fe80" <= first <= "febf"))
    if not is_ipv4(text):
        return False
    high, low = (int(octet) for octet in text.split(".")[:2])
    return (
        high in (10, 127) or (high, low) in ((192, 168), (169, 254)) or (high == 172 and low >> 4 == 1) or (high == 100 and low >> 6 == 1)
    )


def is_ipv6(text: str) -> bool:
    """Whether `text` is an IPv6 address (RFC 4291 §2.2), without brackets and zone."""
    head, gap, tail = text.partition("::")
    if "::" in tail:
        return False
    left = _groups(head, dotted_end=not gap)
    right = _groups(tail, dotted_end=True)
    if left is None or right is None:
        return False
    return left + right <= 7 if gap else left == 8


def _is_octet(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3 and str(int(text)) == text and int(text) <= 255


def _groups(text: str, *, dotted_end: bool) -> int | None:
    """How many 16-bit groups `text` has (a dotted end counts two, where it may stand); None when one of them is none."""
    if not text:
        return 0
    parts = text.split(":")
    count = len(parts)
    if dotted_end and is_ipv4(parts[-1]):
        parts.pop()
        count += 1
    return count if all(1 <= len(part) <= 4 and HEX_DIGITS.issuperset(part) for part in parts) else None
