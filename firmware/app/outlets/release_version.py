"""Which version of the program this is."""

from __future__ import annotations

import sys
from pathlib import Path


def installed_version() -> str:
    """By the name of the installed package's folder: `importlib.metadata` would load 40 modules, a megabyte, to tell the same."""
    found = (folder for entry in sys.path for folder in Path(entry or ".").glob("portero-*.dist-info"))
    return next(found, Path("portero-unknown.dist-info")).name.removeprefix("portero-").removesuffix(".dist-info")
