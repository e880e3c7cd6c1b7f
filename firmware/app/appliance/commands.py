"""The command line of a flashed device: `portero appliance settle`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_appliance_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `appliance` to the command line; returns its parser for further options."""
    parser = commands.add_parser("appliance", help="what a flashed device does at its start")
    parser.add_argument("action", choices=("settle",), help="settle: take the settings from the boot partition")
    parser.set_defaults(command=lambda _options: _settle())
    return parser


def _settle() -> int:
    from firmware.app.appliance.settle import settle

    return settle()
