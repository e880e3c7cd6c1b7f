"""`portero run | demo | check | call | doctor | ctl | release-relays`: reads the command line, imports only what the command needs.

`portero run` with nothing but `--config FILE` and `--simulate`, which is how it starts, does not even load argparse: a REGISTER would wait
for it, and its memory would never be given back.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

CONFIG = "/etc/portero/portero.toml"


def main(argv: list[str] | None = None) -> int:
    """The console script; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    match words:
        case ["run", "--config", config]:
            return _run(config, simulate=False)
        case ["run", "--simulate", "--config", config] | ["run", "--config", config, "--simulate"]:
            return _run(config, simulate=True)
        case _:
            return _parsed(words)


def _parsed(words: list[str]) -> int:
    from firmware.app.commands import parser

    options: argparse.Namespace = parser(CONFIG).parse_args(words)
    command = options.command
    code: int = command(options)
    return code


def _run(config: str, *, simulate: bool) -> int:
    from pathlib import Path

    from firmware.app.main import RunOptions, run

    return run(RunOptions(config=Path(config), simulate=simulate))
