"""When a flashed device looks for a newer system: a timer of systemd, made from the settings, so that no daemon waits for the night."""

from __future__ import annotations

from firmware.config.schema import Settings

TIMER = "portero-update.timer"
DAYS = {"day": "*-*-*", "week": "Sun *-*-*", "month": "*-*-01"}


def timer(settings: Settings) -> str:
    """The timer's unit file; empty when nothing is to be looked at. See systemd.timer(5), systemd.time(7)."""
    update = settings.update
    if update.url is None:
        return ""
    zone = "" if settings.station.timezone is None else f" {settings.station.timezone}"
    when = f"OnCalendar={DAYS[update.every]} {update.at}:00{zone}\nRandomizedDelaySec=30min\n"  # not all doors of a town at once
    return f"[Unit]\nDescription=Look for a newer system\n\n[Timer]\n{when}"
