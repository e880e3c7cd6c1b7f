"""Checks of the settings as a whole: names that must exist or be unique, wires used twice, codes that hide each other."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from firmware.config.codes import weakness
from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.readers import check_readers, reader_wires
from firmware.config.references import CALLER_PATTERN, check_host, check_parties, check_unique, parse_condition, refer
from firmware.config.schema import Button, Incoming, Lan, Settings, Wifi
from firmware.config.transports import check_transports, is_address

WAYS_MAX = 4  # to one target: two accounts, a direct address, and one to spare
RTP_PORTS_MIN = 4  # the call, and one that is ending while the next begins
USER_PATTERN = r"[A-Za-z0-9._~!*'()&=+$,/-]*"  # of a URI, without what would have to be escaped (RFC 3261 §25.1)
CARD_PATTERN = r"[0-9A-F]{4,32}"


def check_rules(settings: Settings, report: Report) -> None:
    """Complain about everything that is wrong only in connection with something else."""
    _check_names(settings, report)
    _check_gpios(settings, report)
    _check_network(settings, report)
    check_transports(settings, report)
    _check_targets(settings, report)
    _check_ways(settings, report)
    _check_conditions(settings, report)
    _check_lamps(settings, report)
    _check_buttons(settings, report)
    _check_locks(settings, report)
    _check_codes(settings, report)
    _check_cards(settings, report)
    _check_groups(settings, report)
    _check_incoming(settings, report)
    _check_call(settings, report)
    if settings.step or settings.profile or settings.holiday or settings.station.timezone or any(each.plan for each in settings.button):
        from firmware.config.plans import check_plans  # reads dates: 3 ms that most doors are spared

        check_plans(settings, report)
    if settings.system.ssh_keys or settings.update.url or settings.lan != Lan() or settings.wifi != Wifi():
        from firmware.config.appliance import check_appliance

        check_appliance(settings, report)
    if settings.camera.source != "none" or settings.rtsp.port:
        from firmware.config.camera import check_camera

        check_camera(settings, report)
    if settings.paging:
        from firmware.config.paging import check_paging

        check_paging(settings, report)
    if settings.rule or settings.webhook:
        from firmware.config.reactions import check_reactions

        check_reactions(settings, report)
    if settings.web.enabled or settings.login or settings.mqtt.broker:
        from firmware.config.outlets import check_outlets

        check_outlets(settings, report)
    if settings.menu or settings.voicexml.servers:
        from firmware.config.menus import check_menus

        check_menus(settings, report)


def _check_names(settings: Settings, report: Report) -> None:
    for kind, names in _names(settings).items():
        check_unique(report, (((kind, index, "name"), name) for index, name in enumerate(names) if name), "this name")


def _names(settings: Settings) -> dict[str, list[str]]:
    return {
        "account": [each.name for each in settings.account],
        "caller": [each.name for each in settings.caller],
        "paging": [each.name for each in settings.paging],
        "target": [each.name for each in settings.target],
        "button": [each.name for each in settings.button],
        "profile": [each.name for each in settings.profile],
        "group": [each.name for each in settings.group],
        "holiday": [each.name for each in settings.holiday],
        "lock": [each.name for each in settings.lock],
        "code": [each.name for each in settings.code],
        "card": [each.name for each in settings.card],
        "lamp": [each.name for each in settings.lamp],
        "contact": [each.name for each in settings.contact],
        "webhook": [each.name for each in settings.webhook],
        "rule": [each.name for each in settings.rule],
        "login": [each.name for each in settings.login],
        "menu": [each.name for each in settings.menu],
    }


def _check_gpios(settings: Settings, report: Report) -> None:
    """One pin, one wire: two drivers of one pin fight each other."""
    wires: list[tuple[Path, object]] = []
    for kind, gpios in (
        ("button", [each.gpio for each in settings.button]),
        ("lock", [each.gpio for each in settings.lock]),
        ("lamp", [each.gpio for each in settings.lamp]),
        ("contact", [each.gpio for each in settings.contact]),
    ):
        wires += [((kind, index, "gpio"), gpio) for index, gpio in enumerate(gpios) if gpio is not None]
    if settings.system.reset_gpio is not None:
        wires.append((("system", "reset_gpio"), settings.system.reset_gpio))
    wires += reader_wires(settings)
    check_unique(report, wires, "this GPIO")


def _check_network(settings: Settings, report: Report) -> None:
    network = settings.network
    path: Path = ("network", "rtp_ports")
    ports = network.rtp_ports
    if len(ports) != 2:
        report.complain(path, f"there are {len(ports)} numbers", "give the first and the last port: [10000, 10099]")
    elif ports[0] % 2 or ports[1] - ports[0] + 1 < RTP_PORTS_MIN:
        report.complain(path, f"from {ports[0]} to {ports[1]} is no usable range", f"begin even, and give at least {RTP_PORTS_MIN} ports")
    elif ports[0] <= network.sip_port <= ports[1]:
        report.complain(path, f"the SIP port {network.sip_port} lies within", "move one of them")
    if not network.transports:
        report.complain(("network", "transports"), "the list is empty", 'give at least one: ["udp"]')
    if network.bind and not is_address(network.bind):
        report.complain(("network", "bind"), f'"{network.bind}" is no IP address', "give an address of this machine, or leave the key out")
    if not settings.audio.codecs:
        report.complain(("audio", "codecs"), "the list is empty", 'give at least one: ["PCMA"]')


def _refer_locks(settings: Settings, report: Report, path: Path, locks: tuple[str, ...] | None) -> None:
    for index, lock in enumerate(locks or ()):
        refer(report, (*path, "locks", index), lock, [each.name for each in settings.lock], "lock")


def _check_targets(settings: Settings, report: Report) -> None:
    accounts = [account.name for account in settings.account]
    for index, target in enumerate(settings.target):
        path: Path = ("target", index)
        if target.account is not None:
            refer(report, (*path, "account"), target.account, accounts, "account")
        _refer_locks(settings, report, path, target.locks)
        check_host(report, (*path, "uri"), target.uri)
    for index, account in enumerate(settings.account):
        check_host(report, ("account", index, "uri"), account.uri)
        if account.username is None and "@" not in account.uri and report.sound(("account", index, "uri")):
            report.complain(("account", index, "uri"), f'"{account.uri}" names no user', "write sip:user@server, or give a username")


def _check_ways(settings: Settings, report: Report) -> None:
    accounts = [account.name for account in settings.account]
    names = [target.name for target in settings.target]
    for index, target in enumerate(settings.target):
        path: Path = ("target", index)
        for number, account in enumerate(target.fallback_accounts):
            refer(report, (*path, "fallback_accounts", number), account, accounts, "account")
            if account == target.account or account in target.fallback_accounts[:number]:
                report.complain((*path, "fallback_accounts", number), f'"{account}" has been tried before', "leave it out")
        if len(target.fallback_accounts) + (target.fallback_uri is not None) >= WAYS_MAX:
            report.complain((*path, "fallback_accounts"), "there are too many ways to this target", f"keep to {WAYS_MAX} with its account")
        if target.deputy == target.name:
            report.complain((*path, "deputy"), f'"{target.name}" cannot stand in for itself', "name another target")
        elif target.deputy is not None:
            refer(report, (*path, "deputy"), target.deputy, names, "target")


def _check_conditions(settings: Settings, report: Report) -> None:
    profiles = [profile.name for profile in settings.profile]
    conditions: tuple[tuple[Path, str | None], ...] = (
        *((("step", index, "when"), step.when) for index, step in enumerate(settings.step)),
        *((("target", index, "quiet_when"), target.quiet_when) for index, target in enumerate(settings.target)),
        *((("lock", index, "held_when"), lock.held_when) for index, lock in enumerate(settings.lock)),
        *((("lamp", index, "when"), lamp.when) for index, lamp in enumerate(settings.lamp)),
        *((("rule", index, "when"), rule.when) for index, rule in enumerate(settings.rule)),
    )
    for path, text in conditions:
        if text is not None:
            refer(report, path, parse_condition(text)[0], profiles, "profile")


def _check_lamps(settings: Settings, report: Report) -> None:
    for index, lamp in enumerate(settings.lamp):
        if lamp.shows == "profile" and lamp.when is None:
            report.complain(("lamp", index, "shows"), "no profile is named", 'add when = "night", or the name of another [[profile]]')
        elif lamp.shows != "profile" and lamp.when is not None:
            text = f'the lamp shows "{lamp.shows}" at any time'
            report.complain(("lamp", index, "when"), text, 'write shows = "profile", or leave it out')


def _check_buttons(settings: Settings, report: Report) -> None:
    if not settings.button and not settings.flats.keypads:
        report.warnings.append("there is no [[button]]: nobody can ring")
    for index, button in enumerate(settings.button):
        path: Path = ("button", index)
        if button.menu is not None:
            _check_menu_button(settings, report, path, button)
        elif button.plan is None:
            check_parties(settings, report, (*path, "targets"), button.targets)
        elif button.targets:
            report.complain((*path, "plan"), "the button has targets as well", "keep one of them; a plan names its targets in its steps")


def _check_menu_button(settings: Settings, report: Report, path: Path, button: Button) -> None:
    if button.plan is not None or button.targets:
        report.complain((*path, "menu"), "the button rings somebody as well", "keep one of them; whom a menu rings stands in its calls")
    refer(report, (*path, "menu"), button.menu or "", [menu.name for menu in settings.menu if menu.keypad is not None], "menu")


def _check_locks(settings: Settings, report: Report) -> None:
    locks = [lock.name for lock in settings.lock]
    following = {lock.name: lock.then for lock in settings.lock}
    for index, lock in enumerate(settings.lock):
        if lock.pulse_s > lock.max_closed_s:
            text = f"{lock.pulse_s:g} s is longer than max_closed_s, {lock.max_closed_s:g} s"
            report.complain(("lock", index, "pulse_s"), text, "shorten it, or raise max_closed_s")
        if lock.held_when is not None and not lock.may_hold:
            text = "the lock may not be held open"
            report.complain(("lock", index, "held_when"), text, "add may_hold = true, if its strike bears current all day")
        if lock.then is not None:
            refer(report, ("lock", index, "then"), lock.then, locks, "lock")
            if _comes_back(lock.name, following):
                report.complain(("lock", index, "then"), "the locks open each other in a circle", "leave one of them out")
    _check_contacts(settings, report, locks)
    check_readers(settings, report, locks)


def _comes_back(lock: str, following: Mapping[str, str | None]) -> bool:
    """Whether the locks that open after `lock` come to `lock` again."""
    coming = following[lock]
    for _ in following:
        if coming == lock:
            return True
        coming = following.get(coming) if coming is not None else None
    return False


def _check_contacts(settings: Settings, report: Report, locks: list[str]) -> None:
    for index, contact in enumerate(settings.contact):
        path: Path = ("contact", index)
        if contact.lock is not None:
            refer(report, (*path, "lock"), contact.lock, locks, "lock")
        if contact.kind == "exit" and contact.lock is None:
            report.complain((*path, "lock"), "an exit button needs a lock", 'add: lock = "…"')
        if contact.kind == "tamper" and contact.lock is not None:
            report.complain((*path, "lock"), "a tamper switch blocks every lock", "leave the key out")
        if contact.kind != "door" and contact.open_limit_s is not None:
            report.complain((*path, "open_limit_s"), "only a door can stand open", 'leave the key out, or write kind = "door"')


def _check_codes(settings: Settings, report: Report) -> None:
    sound: list[tuple[Path, str]] = []
    for index, code in enumerate(settings.code):
        path = report.secret_of(("code", index))
        _refer_locks(settings, report, ("code", index), code.locks)
        if not report.sound(path) or not report.sound(("code", index, "code")):
            continue
        if not settings.lock:
            report.complain(("code", index), "there is no lock that it could open", "add a [[lock]]")
        complaint = weakness(code.code.reveal())
        if complaint is not None:
            report.complain(path, *complaint)
        else:
            sound.append((path, code.code.reveal()))
    _check_prefixes(sound, report)


def _check_prefixes(codes: list[tuple[Path, str]], report: Report) -> None:
    """A code is complete with its last digit, so none may begin like a whole other one: the longer could never be typed."""
    in_order = sorted(codes, key=lambda entry: (entry[1], len(entry[1])))
    shortest: tuple[Path, str] | None = None
    for path, code in in_order:
        if shortest is not None and code.startswith(shortest[1]):
            same = "equals" if code == shortest[1] else "begins with"
            report.complain(path, f"the code {same} that of {report.shown(shortest[0])}", "choose another")
        else:
            shortest = (path, code)


def _check_groups(settings: Settings, report: Report) -> None:
    profiles = [profile.name for profile in settings.profile]
    for index, group in enumerate(settings.group):
        _refer_locks(settings, report, ("group", index), group.locks)
        if group.profile is not None:
            refer(report, ("group", index, "profile"), group.profile, profiles, "profile")


def _check_cards(settings: Settings, report: Report) -> None:
    for index, card in enumerate(settings.card):
        path: Path = ("card", index, "number")
        _refer_locks(settings, report, ("card", index), card.locks)
        if not re.fullmatch(CARD_PATTERN, card.number):
            report.complain(path, f'"{card.number}" is no card number', "write it as the reader reports it: 4 to 32 of 0-9 and A-F")
    check_unique(report, ((("card", index, "number"), card.number) for index, card in enumerate(settings.card)), "this number")


def _check_incoming(settings: Settings, report: Report) -> None:
    incoming = settings.incoming
    lists = (
        ("allow", incoming.allow),
        ("auto_answer_for", incoming.auto_answer_for),
        ("conference_for", incoming.conference_for),
        ("write", incoming.write),
        ("watch", incoming.watch),
    )
    for key, patterns in lists:
        for index, caller in enumerate(patterns):
            if not re.fullmatch(CALLER_PATTERN, caller):
                report.complain(
                    ("incoming", key, index), f'"{caller}" is no caller', 'write "user@host"; * stands for any user or any host'
                )
    if incoming.proof != "never" and not settings.caller:
        report.complain(("incoming", "proof"), "there is no [[caller]]: nobody could call", "add one, with name and password")
    _check_conference(incoming, report)
    if incoming.only_servers and not settings.account:
        report.complain(("incoming", "only_servers"), "there is no [[account]]: nobody could call", "add one, or leave the key out")
    if "*@*" in incoming.allow and incoming.auto_answer != "never" and incoming.auto_answer_as == "talk":
        report.warnings.append("incoming.allow holds *@* and auto_answer is on: anybody who reaches this station may listen at the door")
    elif _may_listen_unproved(settings):
        report.warnings.append(
            "incoming.auto_answer is on, and a caller is believed to be whom he names: who forges that may listen at the door; "
            "set incoming.only_servers, or incoming.proof and a [[caller]]"
        )
    proves = incoming.proof != "never" and settings.caller
    if incoming.may_open and not proves and not any(account.trust_identity for account in settings.account):
        report.warnings.append(
            "incoming.may_open is on, but no account has trust_identity and no [[caller]] a password to prove: no code counts"
        )
    if "*@*" in incoming.allow and incoming.may_open:
        report.complain(("incoming", "may_open"), "everybody may call, so everybody may try codes", "list the callers in incoming.allow")


def _may_listen_unproved(settings: Settings) -> bool:
    """Whether a From alone brings a caller to the microphone, from another machine."""
    incoming, bind = settings.incoming, settings.network.bind
    answers = incoming.auto_answer != "never" and incoming.auto_answer_as == "talk" and bool(incoming.allow)
    is_proved = incoming.proof != "never" or incoming.only_servers
    return answers and not is_proved and not (is_address(bind) and ipaddress.ip_address(bind).is_loopback)


def _check_conference(incoming: Incoming, report: Report) -> None:
    if not re.fullmatch(USER_PATTERN, incoming.conference):
        report.complain(("incoming", "conference"), f'"{incoming.conference}" is no user part', 'write what stands before the @: "talk"')
    if bool(incoming.conference) is not bool(incoming.conference_for):
        named, missing = ("conference", "conference_for") if incoming.conference else ("conference_for", "conference")
        report.complain(("incoming", named), f"it does nothing without {missing}", f"add incoming.{missing}")


def _check_call(settings: Settings, report: Report) -> None:
    access = settings.access
    if access.lockout_s > access.lockout_max_s:
        text = f"{access.lockout_s:g} s is longer than lockout_max_s, {access.lockout_max_s:g} s"
        report.complain(("access", "lockout_s"), text, "shorten it, or raise lockout_max_s")
