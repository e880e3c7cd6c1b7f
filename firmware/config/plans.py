"""Checks of what rings when: plans and their steps, profiles and holidays."""

from __future__ import annotations

from datetime import date

from firmware.config.checks import suggestion
from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.references import check_parties
from firmware.config.schema import Holiday, Settings
from firmware.config.times import CLOCK_REMEDY, DATE_REMEDY, NotUnderstoodError, parse_day, parse_span

STEPS_MAX = 16  # of one plan: a visitor waits no longer than a few minutes
SPANS_MAX = 64  # of one profile: eight for each day of the week and the holidays
PROFILES_MAX = 64  # all of them are looked at once a minute


def check_plans(settings: Settings, report: Report) -> None:
    """Complain about steps, profiles and holidays that do not fit."""
    _check_steps(settings, report)
    _check_profiles(settings, report)
    _check_holidays(settings, report)
    if settings.station.timezone is not None:
        _check_timezone(settings.station.timezone, report)


def _check_steps(settings: Settings, report: Report) -> None:
    targets = {target.name for target in settings.target}
    steps = [step.plan for step in settings.step]
    used = {button.plan for button in settings.button} | {flat.plan for flat in settings.flat}
    used |= {word for rule in settings.rule for deed in rule.do for word in deed.split()}
    for index, step in enumerate(settings.step):
        path: Path = ("step", index, "plan")
        if step.plan in targets and report.sound(path):
            report.complain(path, f'"{step.plan}" is the name of a target', "give the plan another name")
        if steps[:index].count(step.plan) == STEPS_MAX:
            report.complain(path, f'the plan "{step.plan}" has more than {STEPS_MAX} steps', "ring more at once, or less long")
        if step.plan not in used:
            report.warnings.append(f'{report.shown(("step", index))}: no button and no rule uses the plan "{step.plan}"')
        check_parties(settings, report, ("step", index, "targets"), step.targets)
    for index, button in enumerate(settings.button):
        if button.plan is not None:
            _refer_step(report, ("button", index, "plan"), button.plan, steps)


def _refer_step(report: Report, path: Path, plan: str, steps: list[str]) -> None:
    if plan not in steps:
        remedy = suggestion(plan, dict.fromkeys(steps)) if steps else f'add a [[step]] with plan = "{plan}"'
        report.complain(path, f'there is no plan "{plan}"', remedy)


def _check_profiles(settings: Settings, report: Report) -> None:
    if len(settings.profile) > PROFILES_MAX:
        report.complain(("profile",), f"there are {len(settings.profile)} of them", f"keep to {PROFILES_MAX}")
    for index, profile in enumerate(settings.profile):
        path: Path = ("profile", index, "times")
        if len(profile.times) > SPANS_MAX:
            report.complain(path, f"there are {len(profile.times)} times", f"keep to {SPANS_MAX}")
        if not profile.times and report.sound(path):
            report.complain(path, "the profile is never active", CLOCK_REMEDY)
        for number, text in enumerate(profile.times):
            try:
                parse_span(text)
            except NotUnderstoodError as error:
                report.complain((*path, number), str(error), CLOCK_REMEDY)


def _check_holidays(settings: Settings, report: Report) -> None:
    for index, holiday in enumerate(settings.holiday):
        path: Path = ("holiday", index)
        if (holiday.date is None) == (holiday.easter is None):
            report.complain(path, "a holiday needs either a date or its distance from Easter", 'add: date = "12-25", or easter = 1')
        elif holiday.easter is not None and holiday.until is not None:
            report.complain((*path, "until"), "a day that moves with Easter is one day", "add a [[holiday]] for each")
        else:
            _check_dates(holiday, path, report)


def _check_dates(holiday: Holiday, path: Path, report: Report) -> None:
    days: list[date | tuple[int, int]] = []
    for key, text in (("date", holiday.date), ("until", holiday.until)):
        try:
            days += [parse_day(text)] if text is not None else []
        except NotUnderstoodError as error:
            report.complain((*path, key), str(error), DATE_REMEDY)
            return
    match days:
        case [date() as first, date() as last] if last < first:
            report.complain((*path, "until"), f"it is over before it begins, on {first}", "give a later day")
        case [date(), tuple()] | [tuple(), date()]:
            report.complain((*path, "until"), "one day has a year and the other has none", "write both in the same way")
        case _:
            pass


def _check_timezone(name: str, report: Report) -> None:
    from difflib import get_close_matches
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, unlike a name, or the name of a directory
        known = available_timezones()
        if not known:
            report.complain(("station", "timezone"), "this machine knows no time zones", "install the package tzdata")
            return
        near = get_close_matches(name, known, n=1)
        remedy = f"perhaps {near[0]} is meant" if near else 'write it such as "Europe/Berlin"'
        report.complain(("station", "timezone"), f'there is no time zone "{name}"', remedy)
