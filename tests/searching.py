"""How far property tests search: through every example in continuous integration and `make test`, through a quarter of them elsewhere."""

from __future__ import annotations

import os

IS_WHOLE = bool(os.environ.get("CI"))


def examples(whole: int) -> int:
    """So many of `whole` examples are tried in this run; the first of them is the plainest there is, so never that one alone."""
    return whole if IS_WHOLE else max(whole // 4, min(whole, 3))
