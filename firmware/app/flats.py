"""`portero flats`: list those whose numbers visitors dial, and take in a file of them from a spreadsheet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firmware import service_file
from firmware.config.flats import COLUMNS, FILE_BYTES_MAX
from firmware.config.load import load
from firmware.config.schema import Settings
from firmware.errors import ConfigError, PorteroError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_flats_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `flats` to the command line; returns its parser for further options."""
    flats = commands.add_parser(
        "flats",
        help="whose numbers visitors dial",
        description=f"A file has the columns {', '.join(COLUMNS)}; all but the first may be left out.",
    )
    flats.add_argument("action", choices=("list", "import"))
    flats.add_argument(
        "file", nargs="?", type=Path, metavar="FILE.csv", help="with import: takes the place of the one that was imported before"
    )
    flats.set_defaults(command=run)
    return flats


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit code."""
    try:
        if options.action == "list":
            _list(load(options.config, outside_service=True))
        elif options.file is None:
            raise ConfigError("import needs a file; see: portero flats --help")
        else:
            _take_in(options.config, options.file)
    except PorteroError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _list(settings: Settings) -> None:
    for flat in settings.flat:
        rings = f"plan {flat.plan}" if flat.plan is not None else ", ".join(flat.targets)
        print(f"{flat.number} {flat.name}".rstrip() + f": {rings}")


def _take_in(config: Path, file: Path) -> None:
    """Make the file the configuration's, if all would fit together with it. Raises ConfigError; then nothing has changed."""
    try:
        with file.open("rb") as source:
            data = source.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}); check its name") from error
    settings = load(config, outside_service=True, flats=file.absolute())
    place = config.parent / settings.flats.file
    try:
        service_file.replace(place, data, mode=0o640, group=config.stat().st_gid)
    except OSError as error:
        raise ConfigError(f"{place} cannot be written ({error.strerror}); check its directory and space") from error
    print(f"there are {len(settings.flat)} flats now; a daemon that runs knows them after: systemctl reload portero")
