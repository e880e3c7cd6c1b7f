"""The command line of a flashed device: `portero appliance settle | reset`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_appliance_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `appliance` to the command line; returns its parser for further options."""
    parser = commands.add_parser("appliance", help="what a flashed device does at its start")
    does = "settle: take the settings from the boot partition; reset: forget everything if the button inside the case is held"
    parser.add_argument("action", choices=("settle", "reset"), help=does)
    parser.set_defaults(command=lambda options: _reset() if options.action == "reset" else _settle())
    return parser


def _settle() -> int:
    from firmware.app.appliance.lost_data import tell_loss
    from firmware.app.appliance.settle import settle
    from firmware.app.update.device import Device

    tell_loss(Device())
    return settle()


def _reset() -> int:
    from firmware.app.appliance.reset import Places, beep, reset
    from hw.build import build_board

    return reset(Places(), build_board, beep)
