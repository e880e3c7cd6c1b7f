"""A configuration for whoever has none: `portero run --simulate` works on any machine, and leaves a file to play with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CONFIGURATION = """\
# The simulated door of `portero run --simulate`. Change it as you like: it is written once and never overwritten.
#   portero call sip:door@127.0.0.1             call it from another terminal, with a sound card
#   portero ctl sim press bell                  press its button; `portero ctl events` shows what happens
[network]
bind = "127.0.0.1"                              # "" to be reached from other machines

[[target]]
name = "resident"
uri = "sip:resident@127.0.0.1:5070"             # a phone of yours

[[button]]
name = "bell"
targets = ["resident"]

[[lock]]
name = "door"
gpio = 27

[incoming]
allow = ["*@127.0.0.1"]
auto_answer = "always"

[journal]
path = "{folder}/journal.db"

[control]
socket = "{folder}/control.sock"
"""


def folder(environ: Mapping[str, str]) -> Path:
    """Where the simulated door lives (XDG base directory specification, state)."""
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "portero"


def configuration(environ: Mapping[str, str] = os.environ) -> Path:
    """The simulated door's configuration; written when there is none yet. Raises OSError."""
    path = folder(environ) / "portero.toml"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONFIGURATION.format(folder=path.parent))
    return path
