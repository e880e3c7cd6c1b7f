"""Checks of the settings as a whole: names that must exist or be unique, wires used twice, codes that hide each other."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

from firmware.config.checks import URI_PATTERN, suggestion
from firmware.config.codes import weakness
from firmware.config.problems import Path, Report
from firmware.config.schema import Settings

TARGETS_MAX = 16  # of one button: each is a call of its own, and a house has no more phones to ring at once
RTP_PORTS_MIN = 4  # the call, and one that is ending while the next begins
CALLER_PATTERN = r"(?:\*|[^@\s*]+)@(?:\*|[^@\s*]+)"
CARD_PATTERN = r"[0-9A-F]{4,32}"
NUMBER_AS_HOST = r"(?i:sips?):\d+(?:[;:?].*)?"


def check_rules(settings: Settings, report: Report) -> None:
    """Complain about everything that is wrong only in connection with something else."""
    _check_names(settings, report)
    _check_gpios(settings, report)
    _check_network(settings, report)
    _check_targets(settings, report)
    _check_buttons(settings, report)
    _check_locks(settings, report)
    _check_codes(settings, report)
    _check_cards(settings, report)
    _check_incoming(settings, report)
    _check_call(settings, report)


def _check_names(settings: Settings, report: Report) -> None:
    for kind, names in _names(settings).items():
        _check_unique(report, (((kind, index, "name"), name) for index, name in enumerate(names) if name), "this name")


def _names(settings: Settings) -> dict[str, list[str]]:
    return {
        "account": [each.name for each in settings.account],
        "target": [each.name for each in settings.target],
        "button": [each.name for each in settings.button],
        "lock": [each.name for each in settings.lock],
        "code": [each.name for each in settings.code],
        "card": [each.name for each in settings.card],
        "lamp": [each.name for each in settings.lamp],
        "contact": [each.name for each in settings.contact],
        "reader": [each.name for each in settings.reader],
    }


def _check_unique(report: Report, values: Iterable[tuple[Path, object]], what: str) -> None:
    first: dict[object, Path] = {}
    for path, value in values:
        if not report.sound(path):
            continue
        if value in first:
            before = first[value]
            report.complain(path, f"{what} is used already, in {report.shown(before)} on line {report.line(before)}", "give another")
        else:
            first[value] = path


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
    _check_unique(report, wires, "this GPIO")


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
    if network.bind and not _is_address(network.bind):
        report.complain(("network", "bind"), f'"{network.bind}" is no IP address', "give an address of this machine, or leave the key out")
    if not settings.audio.codecs:
        report.complain(("audio", "codecs"), "the list is empty", 'give at least one: ["PCMA"]')


def _is_address(text: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def _refer(report: Report, path: Path, name: str, known: Iterable[str], what: str) -> None:
    names = [each for each in known if each]
    if name not in names and report.sound(path):
        remedy = suggestion(name, names) if names else f"add a [[{what}]] with this name"
        report.complain(path, f'there is no {what} "{name}"', remedy)


def _refer_locks(settings: Settings, report: Report, path: Path, locks: tuple[str, ...] | None) -> None:
    for index, lock in enumerate(locks or ()):
        _refer(report, (*path, "locks", index), lock, [each.name for each in settings.lock], "lock")


def _check_targets(settings: Settings, report: Report) -> None:
    accounts = [account.name for account in settings.account]
    for index, target in enumerate(settings.target):
        path: Path = ("target", index)
        if target.account is not None:
            _refer(report, (*path, "account"), target.account, accounts, "account")
        _refer_locks(settings, report, path, target.locks)
        _check_host(report, (*path, "uri"), target.uri)
    for index, account in enumerate(settings.account):
        _check_host(report, ("account", index, "uri"), account.uri)
        if account.username is None and "@" not in account.uri and report.sound(("account", index, "uri")):
            report.complain(("account", index, "uri"), f'"{account.uri}" names no user', "write sip:user@server, or give a username")


def _check_host(report: Report, path: Path, uri: str) -> None:
    if re.fullmatch(NUMBER_AS_HOST, uri):
        report.complain(path, f'"{uri}" is a number without a server', f"write {uri}@ and the server's name or address")


def _check_buttons(settings: Settings, report: Report) -> None:
    if not settings.button:
        report.warnings.append("there is no [[button]]: nobody can ring")
    targets = [target.name for target in settings.target]
    for index, button in enumerate(settings.button):
        path: Path = ("button", index, "targets")
        if not button.targets:
            report.complain(path, "nobody is rung", "name at least one target, or a SIP address")
        if len(button.targets) > TARGETS_MAX:
            report.complain(path, f"{len(button.targets)} targets ring at once", f"keep to {TARGETS_MAX}")
        _check_unique(report, (((*path, number), target) for number, target in enumerate(button.targets)), "this target")
        for number, target in enumerate(button.targets):
            if URI_PATTERN.fullmatch(target):
                _check_host(report, (*path, number), target)
            else:
                _refer(report, (*path, number), target, targets, "target")


def _check_locks(settings: Settings, report: Report) -> None:
    locks = [lock.name for lock in settings.lock]
    for index, lock in enumerate(settings.lock):
        if lock.pulse_s > lock.max_closed_s:
            text = f"{lock.pulse_s:g} s is longer than max_closed_s, {lock.max_closed_s:g} s"
            report.complain(("lock", index, "pulse_s"), text, "shorten it, or raise max_closed_s")
    for index, contact in enumerate(settings.contact):
        path: Path = ("contact", index, "lock")
        if contact.lock is not None:
            _refer(report, path, contact.lock, locks, "lock")
        if contact.kind == "exit" and contact.lock is None:
            report.complain(path, "an exit button needs a lock", 'add: lock = "…"')
        if contact.kind == "door" and contact.lock is not None:
            report.complain(path, "a door contact opens nothing", 'leave the key out, or write kind = "exit"')
    for index, reader in enumerate(settings.reader):
        _refer(report, ("reader", index, "lock"), reader.lock, locks, "lock")
    _check_unique(report, ((("reader", index, "port"), reader.port) for index, reader in enumerate(settings.reader)), "this port")


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


def _check_cards(settings: Settings, report: Report) -> None:
    for index, card in enumerate(settings.card):
        path: Path = ("card", index, "number")
        _refer_locks(settings, report, ("card", index), card.locks)
        if not re.fullmatch(CARD_PATTERN, card.number):
            report.complain(path, f'"{card.number}" is no card number', "write it as the reader reports it: 4 to 32 of 0-9 and A-F")
    _check_unique(report, ((("card", index, "number"), card.number) for index, card in enumerate(settings.card)), "this number")


def _check_incoming(settings: Settings, report: Report) -> None:
    incoming = settings.incoming
    for index, caller in enumerate(incoming.allow):
        if not re.fullmatch(CALLER_PATTERN, caller):
            report.complain(
                ("incoming", "allow", index), f'"{caller}" is no caller', 'write "user@host"; * stands for any user or any host'
            )
    if "*@*" in incoming.allow and incoming.auto_answer != "never":
        report.warnings.append("incoming.allow holds *@* and auto_answer is on: anybody who reaches this station may listen at the door")
    if "*@*" in incoming.allow and incoming.may_open:
        report.complain(("incoming", "may_open"), "everybody may call, so everybody may try codes", "list the callers in incoming.allow")


def _check_call(settings: Settings, report: Report) -> None:
    access = settings.access
    if access.lockout_s > access.lockout_max_s:
        text = f"{access.lockout_s:g} s is longer than lockout_max_s, {access.lockout_max_s:g} s"
        report.complain(("access", "lockout_s"), text, "shorten it, or raise lockout_max_s")
