"""`portero run | demo | check | call | doctor | ctl | release-relays`: reads the command line, imports only what the command needs.

`portero run --config FILE`, which is how the service starts, does not even load argparse: a REGISTER would wait for it.
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
    if len(words) == 3 and words[:2] == ["run", "--config"]:
        from pathlib import Path

        from firmware.app.main import RunOptions, run

        return run(RunOptions(config=Path(words[2])))
    from firmware.app.commands import parser

    options: argparse.Namespace = parser(CONFIG).parse_args(words)
    command = options.command
    code: int = command(options)
    return code
