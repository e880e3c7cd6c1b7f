"""The whole examination, in the order in which things depend on each other: a finding explains the ones below it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from firmware.app.doctor import machine, network, outlets
from firmware.app.doctor.findings import Finding, fail, in_words, ok, warn, worst
from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.config.schema import Settings


def examine(config: Path) -> int:
    """Print each finding as soon as it is there; the exit code is 0 (well), 1 (warnings) or 2 (something fails)."""
    seen: list[Finding] = []
    logging.getLogger("portero").addHandler(logging.NullHandler())  # what the parts have to say of themselves stands in the findings
    for finding in findings(config):
        print(in_words(finding), flush=True)
        seen.append(finding)
    return worst(seen).value


def findings(config: Path) -> Iterator[Finding]:
    """Everything that can be found out, lazily: some of it takes seconds."""
    try:
        settings = load(config, outside_service=True)
    except ConfigErrors as errors:
        for problem in errors.problems:
            yield fail("config", f"{config}:{problem.line}: {problem.key}: {problem.wrong}", problem.remedy)
        yield from machine.clock()
        yield from network.addresses()
        return
    yield ok("config", f"{config} has no mistakes")
    for warning in settings.warnings:
        yield warn("config", warning, f"see `portero check {config}`")
    yield from machine.clock()
    yield from machine.rights(settings, config)
    yield from machine.journal(settings)
    yield from network.addresses()
    yield from network.names(settings)
    yield from outlets.web(settings)
    yield from outlets.menus(settings)
    yield from _living(settings)


def _living(settings: Settings) -> Iterator[Finding]:
    """What the daemon holds while it runs is asked of the daemon, else tried here."""
    status = network.daemon_status(settings)
    yield from network.running(status, settings.control.socket)
    if status is None:
        yield from network.sip_port(settings)
        yield from network.sctp(settings)
    yield from network.registrations(settings, status)
    if status is None:
        yield from machine.pins(settings)
        yield from machine.readers(settings)
    if status is None or not status.get("audio_thread"):
        yield from machine.sound(settings)
        yield from machine.camera(settings)
