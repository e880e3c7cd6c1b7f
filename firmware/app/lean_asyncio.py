"""asyncio without those parts of the standard library that it imports and this station never uses: six megabytes less, for good.

Its own TLS (the station has another, see `net.tls_layers`) would load OpenSSL. asyncio supports interpreters that were built without `ssl`;
for the moment of its import this one seems to be one. `inspect` it has for tracebacks of tasks and for its debug mode, `locale` comes with
`subprocess` for text: for these, stand-ins wait until somebody asks them for something. Whoever imports `ssl` or one of them afterwards has
it whole: `net.tls` does, when a secure transport is switched on, and the HTTP client of webhooks.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

LATER = ("asyncio.sslproto", "inspect", "locale")


def load_asyncio() -> None:
    """Import asyncio alone. Does nothing when it, or `ssl`, is loaded: then there is nothing left to save."""
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    for name in LATER:
        if name not in sys.modules:
            sys.modules[name] = StandIn(name)
    # None stands for "cannot be imported": https://docs.python.org/3/reference/import.html#the-module-cache
    sys.modules["ssl"] = None  # type: ignore[assignment]  # None is allowed there, though typeshed does not say so
    try:
        import asyncio  # noqa: F401  # for its being loaded
    finally:
        del sys.modules["ssl"]


class StandIn(ModuleType):
    """A module that is loaded when it is first asked for something that every module has not, and then is like the real one."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = import_module(self.__name__)
        self.__dict__.update(real.__dict__)
        return getattr(real, name)
