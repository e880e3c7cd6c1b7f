"""asyncio without its own TLS, which the station does not use (see `net.tls_layers`): it would load OpenSSL, five megabytes for good.

asyncio supports interpreters that were built without `ssl`; for the moment of its import this one seems to be one. Whoever imports `ssl`
afterwards has it whole: `net.tls` does, when a secure transport is switched on, and the HTTP client of webhooks.
"""

from __future__ import annotations

import sys


def load_asyncio() -> None:
    """Import asyncio without `ssl`. Does nothing when either is loaded: then there is nothing left to save."""
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    # None stands for "cannot be imported": https://docs.python.org/3/reference/import.html#the-module-cache
    sys.modules["ssl"] = None  # type: ignore[assignment]  # None is allowed there, though typeshed does not say so
    try:
        import asyncio  # noqa: F401  # for its being loaded
    finally:
        del sys.modules["ssl"]
