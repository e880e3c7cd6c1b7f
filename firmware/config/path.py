"""How the checks name a place in the configuration."""

from __future__ import annotations

Path = tuple[str | int, ...]  # ("account", 0, "uri"): the key `uri` of the first [[account]]
