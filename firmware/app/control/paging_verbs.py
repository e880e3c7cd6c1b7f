"""`portero ctl page`: speak to a group, and stop."""

from __future__ import annotations

from firmware.app.control.protocol import ControlError, Json
from firmware.app.station import Station


async def page(station: Station, args: tuple[str, ...]) -> Json:
    """`page GROUP` lets the microphone be heard there, until its limit or `page GROUP stop`."""
    pages = station.pages
    if pages is None or args[0] not in pages.states:
        raise ControlError("not_found", f"no [[paging]] named {args[0]!r}")
    if args[1:] not in ((), ("stop",)):
        raise ControlError("bad_argument", "give nothing more, or stop")
    if args[1:]:
        pages.stop(args[0])
    else:
        pages.send(args[0])
    return {"paging": dict(pages.states)}
