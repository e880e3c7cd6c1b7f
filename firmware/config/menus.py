"""Checks of spoken menus: where their documents are, who hears them, what they may open, call and ring."""

from __future__ import annotations

import re
from pathlib import Path as FilePath

from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.readers import with_keys
from firmware.config.references import CALLER_PATTERN, check_unique, refer
from firmware.config.schema import Menu, Settings

MENUS_MAX = 16
ORIGIN_PATTERN = re.compile(r"https?://[^\s/?#@]+", re.IGNORECASE)
ADDRESS_PATTERN = re.compile(rf"({ORIGIN_PATTERN.pattern})(?:[/?]\S*)?", re.IGNORECASE)


def check_menus(settings: Settings, report: Report) -> None:
    """Complain about menus that nobody could hear, or that could do less than is written."""
    for index, server in enumerate(settings.voicexml.servers):
        if not ORIGIN_PATTERN.fullmatch(server):
            report.complain(
                ("voicexml", "servers", index), f'"{server}" is no server', 'write "https://menus.example", with a port where needed'
            )
    if settings.voicexml.servers and not settings.menu:
        report.warnings.append("there is no [[menu]]: voicexml.servers does nothing")
    if len(settings.menu) > MENUS_MAX:
        report.complain(("menu",), f"there are {len(settings.menu)} menus", f"keep to {MENUS_MAX}")
    for index, menu in enumerate(settings.menu):
        _check_document(menu, ("menu", index, "document"), report)
        _check_callers(settings, menu, ("menu", index, "callers"), report)
        if menu.keypad is not None:
            _check_keypad(settings, menu, ("menu", index), report)
        _check_rights(settings, menu, ("menu", index), report)
    keypads = ((("menu", index, "keypad"), menu.keypad) for index, menu in enumerate(settings.menu) if menu.keypad is not None)
    check_unique(report, keypads, "this keypad")


def _check_document(menu: Menu, path: Path, report: Report) -> None:
    if "://" not in menu.document:
        if not FilePath(menu.document).is_absolute():
            report.complain(path, f'"{menu.document}" is no whole path', "begin with /, or give an https:// address")
    elif not ADDRESS_PATTERN.fullmatch(menu.document):
        report.complain(path, f'"{menu.document}" is no address of a document', "write https://server/menu.vxml, or the path of a file")
    elif menu.document.lower().startswith("http:"):
        what = "open locks" if menu.opens else "ask callers for their codes"
        report.warnings.append(f"menu {menu.name}: over http:// anybody on the way can change the document, and with it {what}")


def _check_callers(settings: Settings, menu: Menu, path: Path, report: Report) -> None:
    if not menu.callers:
        if menu.keypad is None:
            remedy = 'name callers: "anna@pbx.example", * stands for any user or any host; or the keypad of a panel'
            report.complain(path, "nobody hears this menu", remedy)
        return
    for number, caller in enumerate(menu.callers):
        if not re.fullmatch(CALLER_PATTERN, caller):
            report.complain((*path, number), f'"{caller}" is no caller', 'write "user@host"; * stands for any user or any host')
    if not settings.incoming.allow:
        report.complain(path, "nobody may call this door", "list the callers in incoming.allow as well")


def _check_keypad(settings: Settings, menu: Menu, path: Path, report: Report) -> None:
    refer(report, (*path, "keypad"), menu.keypad or "", with_keys(settings), "keypad")
    if menu.name in {button.name for button in settings.button}:
        report.complain((*path, "name"), f'"{menu.name}" is a button as well', "give another: who is chosen in a menu is rung in its name")


def _check_rights(settings: Settings, menu: Menu, path: Path, report: Report) -> None:
    for number, lock in enumerate(menu.opens):
        refer(report, (*path, "opens", number), lock, [each.name for each in settings.lock], "lock")
    for number, target in enumerate(menu.calls):
        refer(report, (*path, "calls", number), target, [each.name for each in settings.target], "target")
    if menu.opens and not menu.callers:
        report.complain((*path, "opens"), "visitors open nothing without a PIN", "leave the key out; the document may ask for a PIN")
    elif menu.opens and not settings.incoming.may_open:
        report.complain((*path, "opens"), "no call from outside opens anything", "add may_open = true to [incoming], or leave the key out")
