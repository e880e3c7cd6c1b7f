"""The logins of this door: those of `portero logins` under those of the configuration."""

from __future__ import annotations

from pathlib import Path

from firmware.config.schema import Settings
from firmware.outlets.logins import Login, Logins, May


def logins_of(settings: Settings) -> Logins:
    """Read when they are first asked for, and again when the file has changed."""
    configured = (Login(each.name, each.proof.reveal(), frozenset(map(May, each.may))) for each in settings.login)
    return Logins(Path(settings.web.logins), configured)
