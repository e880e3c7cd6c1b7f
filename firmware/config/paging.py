"""Checks of [[paging]]: groups that the door announces to, or listens to."""

from __future__ import annotations

import re

from firmware.config.checks import HOST_PATTERN
from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.schema import Settings
from firmware.config.transports import is_address

PAGING_MAX = 8  # each that is listened to is a socket, and wakes the program while anybody speaks there
PATTERN = re.compile(rf"(?P<host>{HOST_PATTERN}):(?P<port>\d{{1,5}})")
REMEDY = 'write a group and a port such as "239.255.12.1:5004"'


def group_address(text: str) -> tuple[str, int] | None:
    """Address and port of a group, written as in [[paging]] address; None when it is none."""
    match = PATTERN.fullmatch(text)
    if match is None:
        return None
    host, port = match["host"].strip("[]"), int(match["port"])
    if not is_address(host) or not 0 < port < 65536:
        return None
    is_group = host[:2].lower() == "ff" if ":" in host else 224 <= int(host.partition(".")[0]) <= 239
    return (host, port) if is_group else None


def check_paging(settings: Settings, report: Report) -> None:
    """Complain about groups that are none, or stand twice."""
    if len(settings.paging) > PAGING_MAX:
        report.complain(("paging",), f"there are {len(settings.paging)} of them", f"keep to {PAGING_MAX}")
    seen: dict[tuple[str, int], str] = {}
    for index, paging in enumerate(settings.paging):
        path: Path = ("paging", index, "address")
        group = group_address(paging.address)
        if group is None:
            if report.sound(path):
                report.complain(path, f'"{paging.address}" is no group', REMEDY)
            continue
        if group in seen:
            report.complain(path, f'it is that of "{seen[group]}" already', "give each group an address or a port of its own")
        seen[group] = paging.name
        if ":" in group[0] and paging.interface is None:
            report.complain(path, "a group of IPv6 needs to know where", 'add: interface = "eth0"')
        if paging.listen:
            report.warnings.append(f"{report.shown(('paging', index))}: whoever is in that network can be heard at the door")
