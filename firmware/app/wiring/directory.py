"""The settings as what the door knows: whom a button rings, who may open what."""

from __future__ import annotations

from firmware.app.wiring.flats import Flats
from firmware.app.wiring.plans import buttons, condition, fallbacks, holidays, plans, profiles, rules
from firmware.config.schema import Call, Settings
from firmware.config.schema import Flats as ConfiguredFlats
from firmware.config.schema import Lock as ConfiguredLock
from firmware.config.schema import Menu as ConfiguredMenu
from firmware.door.directory import AutoAnswer, Chime, Dialling, Directory, Key, Limits, Lock, Menu, Target, Watch
from firmware.door.events import ButtonName, LampName, LockName, Right


def directory(settings: Settings) -> Directory:
    """Names that do not fit each other were refused by `config`."""
    locks = frozenset(LockName(each.name) for each in settings.lock)
    targets = {
        each.name: Target(
            name=each.name,
            uri=each.uri,
            account=each.account,
            locks=_some(each.locks, locks),
            fallbacks=fallbacks(each),
            deputy=each.deputy,
            quiet_when=condition(each.quiet_when),
        )
        for each in settings.target
    }

    def party(name: str) -> Target:
        # An address that stands in the configuration is as trusted as a target with a name.
        return targets.get(name) or Target(name=name, uri=name, account=None, locks=locks)

    known_plans = plans(settings, party)
    return Directory(
        buttons=buttons(settings, known_plans, party),
        targets=targets,
        locks={LockName(each.name): _lock(each) for each in settings.lock},
        codes=tuple(Key(name=each.name, secret=each.code.reveal(), locks=_some(each.locks, locks)) for each in settings.code),
        cards=tuple(Key(name=each.name, secret=each.number.upper(), locks=_some(each.locks, locks)) for each in settings.card),
        exits={each.name: LockName(each.lock) for each in settings.contact if each.kind == "exit" and each.lock is not None},
        readers={each.name: LockName(each.lock) for each in settings.reader}
        | {each.name: LockName(each.lock) for each in settings.wiegand},
        keypads={each.name: LockName(each.lock) for each in settings.keypad},
        allow=tuple(each.lower() for each in settings.incoming.allow),
        incoming_locks=locks if settings.incoming.may_open else frozenset(),
        auto_answer=AutoAnswer(settings.incoming.auto_answer),
        announces=settings.incoming.auto_answer_as == "announce",
        auto_answer_for=tuple(each.lower() for each in settings.incoming.auto_answer_for),
        conference_for=tuple(each.lower() for each in settings.incoming.conference_for),
        second_press_hangs_up=settings.call.second_press == "hang_up",
        limits=_limits(settings, settings.call),
        plans=known_plans,
        profiles=profiles(settings),
        holidays=holidays(settings),
        watches={
            each.name: Watch(lock=None if each.lock is None else LockName(each.lock), open_limit_s=each.open_limit_s)
            for each in settings.contact
            if each.kind == "door"
        },
        tampers=frozenset(each.name for each in settings.contact if each.kind == "tamper"),
        rules=rules(settings),
        chime=Chime(settings.call.chime),
        lights={LampName(each.name): when for each in settings.lamp if (when := condition(each.when)) is not None},
        menus={each.name: _menu(each) for each in settings.menu},
        flats=Flats(settings.flat, known_plans, targets, locks),
        dialling=_dialling(settings.flats),
        menu_buttons={ButtonName(each.name): each.menu for each in settings.button if each.menu is not None},
    )


def _dialling(flats: ConfiguredFlats) -> Dialling:
    after_s = None if flats.dial_after_s == "never" else flats.dial_after_s
    return Dialling(keypads=frozenset(flats.keypads), call_key=flats.call_key, after_s=after_s)


def _lock(lock: ConfiguredLock) -> Lock:
    return Lock(
        name=LockName(lock.name),
        pulse_s=lock.pulse_s,
        max_closed_s=lock.max_closed_s,
        held_when=condition(lock.held_when),
        then=None if lock.then is None else LockName(lock.then),
        then_after_s=lock.then_after_s,
        secure_only=lock.secure_only,
    )


def _menu(menu: ConfiguredMenu) -> Menu:
    return Menu(
        callers=tuple(caller.lower() for caller in menu.callers),
        opens=_some(menu.opens, frozenset()),
        keypad=menu.keypad or "",
        rings=frozenset(menu.calls),
    )


def _limits(settings: Settings, call: Call) -> Limits:
    access = settings.access
    return Limits(
        ring_limit_s=call.ring_limit_s,
        talk_limit_s=call.talk_limit_s,
        hangup_after_open_s=None if call.hangup_after_open_s == "never" else call.hangup_after_open_s,
        digit_limit_s=access.digit_limit_s,
        wrong_limit=access.wrong_limit,
        wrong_limit_global=access.wrong_limit_global,
        lockout_s=access.lockout_s,
        lockout_max_s=access.lockout_max_s,
        fallback_after_s=call.fallback_after_s,
        menu_silence_s=settings.voicexml.silence_s,
    )


def _some(names: tuple[str, ...] | None, all_locks: frozenset[LockName]) -> frozenset[LockName]:
    return all_locks if names is None else frozenset(LockName(name) for name in names)


def groups(settings: Settings) -> dict[str, Right]:
    """What the groups of users give, by name."""
    return {
        each.name: Right(locks=None if each.locks is None else frozenset(map(LockName, each.locks)), profile=each.profile)
        for each in settings.group
    }
