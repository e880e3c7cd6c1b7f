"""`portero run | demo | check | call | doctor | audio | ctl | release-relays`: reads the command line, imports only what the command needs.

`portero run --config FILE`, which is how it starts, does not even load argparse: a REGISTER would wait for it, and its memory would never
be given back.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

CONFIG = "/etc/portero/portero.toml"
PLAIN_OPTIONS = ("--config", "--simulate", "--microphone", "--speaker")


def main(argv: list[str] | None = None) -> int:
    """The console script; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    given = _plain_run(words)
    return _parsed(words) if given is None else _run(given)


def _parsed(words: list[str]) -> int:
    from firmware.app.commands import parser

    # argparse takes an option between a verb and its words for the end of the words: one that is only there or not may stand anywhere.
    words = sorted(words, key=lambda word: word == "--no-reboot")
    options: argparse.Namespace = parser(CONFIG, next(iter(words), "")).parse_args(words)
    command = options.command
    code: int = command(options)
    return code


def _plain_run(words: list[str]) -> dict[str, str] | None:
    """The options of a `run` that needs no parser, because it names its configuration and abbreviates nothing; None for all else."""
    given: dict[str, str] = {}
    rest = iter(words)
    if next(rest, "") != "run":
        return None
    for word in rest:
        if word not in PLAIN_OPTIONS:
            return None
        given[word] = "" if word == "--simulate" else next(rest, "-")
        if given[word].startswith("-"):  # no file, but an option or nothing: argparse says so
            return None
    return given if "--config" in given else None


def _run(given: dict[str, str]) -> int:
    import gc
    from pathlib import Path

    gc.disable()  # what imports make is no garbage, and looking for some takes 5 ms; `Run.serve` enables it again
    from firmware.app.lean_asyncio import load_asyncio

    load_asyncio()
    from firmware.app.main import RunOptions, run

    files = {option: Path(file) for option, file in given.items() if option != "--simulate"}
    return run(
        RunOptions(
            config=files["--config"],
            simulate="--simulate" in given,
            microphone=files.get("--microphone"),
            speaker=files.get("--speaker"),
        )
    )
