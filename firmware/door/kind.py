"""The decorator of the door's values, under the name that the door knows it by."""

from __future__ import annotations

from firmware.kind import kind as kind
