"""Names in one place of the configuration that must exist in another, or stand only once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from firmware.config.checks import URI_PATTERN, suggestion
from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.schema import Settings

TARGETS_MAX = 16  # of one button: each is a call of its own, and a house has no more phones to ring at once
CALLER_PATTERN = r"(?:\*|[^@\s*]+)@(?:\*|[^@\s*]+)"
NUMBER_AS_HOST = re.compile(r"(?i:sips?):\d+(?:[;:?].*)?")


def check_unique(report: Report, values: Iterable[tuple[Path, object]], what: str) -> None:
    """Complain about each value that stood before; `what` names it in the message."""
    first: dict[object, Path] = {}
    for path, value in values:
        if not report.sound(path):
            continue
        if value in first:
            before = first[value]
            report.complain(path, f"{what} is used already, in {report.shown(before)} on line {report.line(before)}", "give another")
        else:
            first[value] = path


def refer(report: Report, path: Path, name: str, known: Iterable[str], what: str) -> None:
    """Complain unless `name` is one of the known names of a `[[what]]`."""
    names = [each for each in known if each]
    if name not in names and report.sound(path):
        remedy = suggestion(name, names) if names else f"add a [[{what}]] with this name"
        report.complain(path, f'there is no {what} "{name}"', remedy)


def check_host(report: Report, path: Path, uri: str) -> None:
    """Complain about an address that was meant as a number at a server."""
    if NUMBER_AS_HOST.fullmatch(uri):
        report.complain(path, f'"{uri}" is a number without a server', f"write {uri}@ and the server's name or address")


def check_parties(settings: Settings, report: Report, path: Path, targets: tuple[str, ...]) -> None:
    """Complain about those `targets` of a button or step that are nobody, or too many."""
    known = [target.name for target in settings.target]
    if not targets and report.sound(path):
        report.complain(path, "nobody is rung", "name at least one target, or a SIP address")
    if len(targets) > TARGETS_MAX:
        report.complain(path, f"{len(targets)} targets ring at once", f"keep to {TARGETS_MAX}")
    check_unique(report, (((*path, number), target) for number, target in enumerate(targets)), "this target")
    for number, target in enumerate(targets):
        if URI_PATTERN.fullmatch(target):
            check_host(report, (*path, number), target)
        else:
            refer(report, (*path, number), target, known, "target")


def parse_condition(text: str) -> tuple[str, bool]:
    """The profile's name, and whether the condition is to be outside of it ("not office")."""
    words = text.split()
    if len(words) == 2 and words[0] == "not":
        return words[1], True
    return text.strip(), False
