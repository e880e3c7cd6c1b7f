"""The settings as ringing plans, time profiles and rules of the door."""

from __future__ import annotations

from collections.abc import Callable

from firmware.config.reactions import parse_deed, parse_message, parse_trigger
from firmware.config.references import parse_condition
from firmware.config.schema import Holiday as ConfiguredHoliday
from firmware.config.schema import Rule as ConfiguredRule
from firmware.config.schema import Settings
from firmware.config.schema import Target as ConfiguredTarget
from firmware.config.times import parse_day, parse_span
from firmware.door.directory import CallKind, Deed, Do, Plan, Round, Route, Rule, Target, Trigger
from firmware.door.events import ButtonName
from firmware.door.schedule import AfterEaster, Dates, Holiday, Profile, Span, When, Yearly


def condition(text: str | None) -> When | None:
    """A condition of the configuration as the door's."""
    if text is None:
        return None
    profile, negated = parse_condition(text)
    return When(profile=profile, negated=negated)


def fallbacks(target: ConfiguredTarget) -> tuple[Route, ...]:
    """Further ways to a target: its address through other accounts, then the phone itself."""
    accounts = tuple(Route(uri=target.uri, account=account) for account in target.fallback_accounts)
    return accounts if target.fallback_uri is None else (*accounts, Route(uri=target.fallback_uri, account=None))


def plans(settings: Settings, party: Callable[[str], Target]) -> dict[str, Plan]:
    """Every plan by its name, its steps in the order of the file."""
    found: dict[str, Plan] = {}
    for step in settings.step:
        round_ = Round(targets=tuple(party(name) for name in step.targets), ring_s=step.ring_s, when=condition(step.when))
        found[step.plan] = (*found.get(step.plan, ()), round_)
    return found


def buttons(settings: Settings, known: dict[str, Plan], party: Callable[[str], Target]) -> dict[ButtonName, Plan]:
    """What each button rings: its plan, or all of its targets at once."""
    return {
        ButtonName(button.name): (Round(targets=tuple(party(name) for name in button.targets)),)
        if button.plan is None
        else known[button.plan]
        for button in settings.button
    }


def profiles(settings: Settings) -> dict[str, Profile]:
    """Every profile by its name."""
    return {profile.name: Profile(name=profile.name, spans=tuple(_span(text) for text in profile.times)) for profile in settings.profile}


def _span(text: str) -> Span:
    days, begin_min, end_min = parse_span(text)
    return Span(days=days, begin_min=begin_min, end_min=end_min)


def holidays(settings: Settings) -> tuple[Holiday, ...]:
    """Every holiday."""
    return tuple(_holiday(holiday) for holiday in settings.holiday)


def _holiday(holiday: ConfiguredHoliday) -> Holiday:
    if holiday.date is None:
        assert holiday.easter is not None, "config refuses a holiday without a day"
        return AfterEaster(days=holiday.easter)
    first, last = parse_day(holiday.date), parse_day(holiday.until or holiday.date)
    if isinstance(first, tuple):
        assert isinstance(last, tuple), "config refuses half a year"
        return Yearly(first=first, last=last)
    assert not isinstance(last, tuple), "config refuses half a year"
    return Dates(first=first, last=last)


def rules(settings: Settings) -> tuple[Rule, ...]:
    """Every rule, in the order of the file."""
    return tuple(_rule(rule) for rule in settings.rule)


def _rule(rule: ConfiguredRule) -> Rule:
    trigger, subject = parse_trigger(rule.on)
    return Rule(
        name=rule.name,
        on=Trigger(trigger),
        subject=subject,
        deeds=tuple(_deed(text) for text in rule.do),
        when=condition(rule.when),
        state=None if rule.state is None else CallKind(rule.state),
    )


def _deed(text: str) -> Do:
    word, name = parse_deed(text)
    what = Deed(word)
    match what:
        case Deed.WAIT:
            return Do(what=what, seconds=float(name))
        case Deed.MESSAGE:
            target, written = parse_message(name)
            return Do(what=what, name=target, text=written)
        case _:
            return Do(what=what, name=name)
