"""The settings as what the door knows: whom a button rings, who may open what."""

from __future__ import annotations

from collections.abc import Mapping

from firmware.config.schema import Call, Settings
from firmware.door.directory import AutoAnswer, Directory, Key, Limits, Lock, Round, Target
from firmware.door.events import ButtonName, LockName


def directory(settings: Settings) -> Directory:
    """Names that do not fit each other were refused by `config`."""
    locks = frozenset(LockName(each.name) for each in settings.lock)
    targets = {
        each.name: Target(name=each.name, uri=each.uri, account=each.account, locks=_some(each.locks, locks)) for each in settings.target
    }
    return Directory(
        # An address that stands in the configuration is as trusted as a target with a name.
        buttons={
            ButtonName(button.name): (Round(targets=tuple(_party(name, targets, locks) for name in button.targets)),)
            for button in settings.button
        },
        targets=targets,
        locks={
            LockName(each.name): Lock(name=LockName(each.name), pulse_s=each.pulse_s, max_closed_s=each.max_closed_s)
            for each in settings.lock
        },
        codes=tuple(Key(name=each.name, secret=each.code.reveal(), locks=_some(each.locks, locks)) for each in settings.code),
        cards=tuple(Key(name=each.name, secret=each.number.upper(), locks=_some(each.locks, locks)) for each in settings.card),
        exits={each.name: LockName(each.lock) for each in settings.contact if each.kind == "exit" and each.lock is not None},
        readers={each.name: LockName(each.lock) for each in settings.reader},
        allow=tuple(each.lower() for each in settings.incoming.allow),
        incoming_locks=locks if settings.incoming.may_open else frozenset(),
        auto_answer=AutoAnswer(settings.incoming.auto_answer),
        second_press_hangs_up=settings.call.second_press == "hang_up",
        limits=_limits(settings, settings.call),
    )


def _party(name: str, targets: Mapping[str, Target], locks: frozenset[LockName]) -> Target:
    return targets.get(name) or Target(name=name, uri=name, account=None, locks=locks)


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
    )


def _some(names: tuple[str, ...] | None, all_locks: frozenset[LockName]) -> frozenset[LockName]:
    return all_locks if names is None else frozenset(LockName(name) for name in names)
