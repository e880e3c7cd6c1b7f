"""Verbs that move a call elsewhere, or its media."""

from __future__ import annotations

from firmware.app.control.protocol import ControlError, Json
from firmware.app.station import Station
from firmware.errors import RemoteProtocolError
from firmware.sip import events as sip
from firmware.sip.uri import Uri

TRANSFER_S_MAX = 60.0  # the target rings, and a person decides


async def transfer(station: Station, args: tuple[str, ...]) -> Json:
    """Ask the other side of the current call to call somebody else."""
    try:
        target = Uri.parse(args[0])
        if not target.is_sip and target.scheme != "tel":
            raise RemoteProtocolError("neither sip nor tel")
    except RemoteProtocolError as error:
        raise ControlError("bad_argument", f"{args[0]!r} is no address to call: {error}") from None
    return await _asked(station, sip.Transfer(call=_answered(station), target=target))


async def attended(station: Station, args: tuple[str, ...]) -> Json:
    """Ask the other side of the current call to take our place in another call of ours."""
    other = next((leg.key for leg in station.calls.legs if leg.key == args[0] and leg.answered), None)
    if other is None:
        raise ControlError("not_found", f"no answered call {args[0]!r}; status lists the legs")
    return await _asked(station, sip.AttendedTransfer(call=_answered(station, besides=other), other=other))


async def _asked(station: Station, command: sip.Transfer | sip.AttendedTransfer) -> Json:
    station.line.command(command)
    done = await station.wait_for(
        lambda event: isinstance(event, sip.TransferProgress) and event.call == command.call and event.is_done, TRANSFER_S_MAX
    )
    if not isinstance(done, sip.TransferProgress):
        raise ControlError("failed", f"no outcome within {TRANSFER_S_MAX:.0f} s")
    return {"call": done.call, "status": done.status, "text": done.text}


def _answered(station: Station, besides: sip.CallKey | None = None) -> sip.CallKey:
    key = next((leg.key for leg in station.calls.legs if leg.answered and not leg.ended_by_us and leg.key != besides), None)
    if key is None:
        raise ControlError("not_now", "there is no answered call")
    return key
