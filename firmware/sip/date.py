"""The Date header: RFC 1123 dates in GMT (RFC 3261 §20.17). A registrar's Date tells a board without a clock battery the time."""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_S = 86400


def parse_date(text: str) -> int:
    """Seconds since 1970-01-01 00:00 GMT of `Sat, 13 Nov 2010 23:29:00 GMT`. Raises RemoteProtocolError, also for zones other than GMT."""
    parts = text.replace(",", " ").replace(":", " ").split()
    if len(parts) != 8 or parts[2] not in _MONTHS or parts[7] != "GMT":
        raise RemoteProtocolError(f"not a date: {text[:80]!r}")
    digits = [parts[1], parts[3], *parts[4:7]]
    if any(item.strip(grammar.DIGITS) or len(item) > 4 for item in digits):
        raise RemoteProtocolError(f"not a date: {text[:80]!r}")
    day, year, hour, minute, second = [int(item) for item in digits]
    month = _MONTHS.index(parts[2]) + 1
    if not (year >= 1970 and 1 <= day <= _month_days(year, month) and hour < 24 and minute < 60 and second <= 60):
        raise RemoteProtocolError(f"not a date: {text[:80]!r}")
    return _day_number(year, month, day) * _DAY_S + hour * 3600 + minute * 60 + second


def format_date(epoch_s: int) -> str:
    """The header's value for a time from 1970 on."""
    assert epoch_s >= 0, epoch_s
    days, rest = divmod(epoch_s, _DAY_S)
    year = 1970
    while days_left := days - _day_number(year, 1, 1):
        if days_left < (366 if _is_leap(year) else 365):
            break
        year += 1
    month, day = 1, days - _day_number(year, 1, 1)
    while day >= _month_days(year, month):
        day -= _month_days(year, month)
        month += 1
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{_DAYS[(days + 3) % 7]}, {day + 1:02d} {_MONTHS[month - 1]} {year} {clock} GMT"  # 1970-01-01 was a Thursday


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if _is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _day_number(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01."""
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400 - 477  # 477 leap days before 1970
    return (year - 1970) * 365 + leaps + sum(_month_days(year, item) for item in range(1, month)) + day - 1
