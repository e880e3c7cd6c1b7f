"""Whom the settings name: `user@host`, where `*` stands for any user or any host."""

from __future__ import annotations

from firmware.sip.uri import Uri


def is_listed(uri: Uri, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns (lower case) names this address."""
    if not uri.is_sip:
        return False
    user, host = uri.user_text.lower(), uri.host.lower()
    for pattern in patterns:
        want_user, _, want_host = pattern.rpartition("@")
        if want_user in ("*", user) and want_host in ("*", host):
            return True
    return False
