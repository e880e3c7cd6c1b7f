"""Verbs of conversations of several: who is called in, who is shown out, whose conversation we enter, who is asked to call somebody."""

from __future__ import annotations

from firmware.app.control.protocol import ControlError, Json, as_json
from firmware.app.station import Station
from firmware.door import events as door
from firmware.door.conference import PARTIES_MAX
from firmware.door.state import Idle, Talking
from firmware.errors import RemoteProtocolError
from firmware.sip import events as sip
from firmware.sip.replaces import Join
from firmware.sip.uri import Uri

PLACED_S_MAX = 5.0  # from the wish to the record of it: one journal write
REFERRED_S_MAX = 60.0  # the third phone rings, and a person decides


async def add(station: Station, args: tuple[str, ...]) -> Json:
    """Call a further party into the conversation."""
    target = args[0]
    if target not in station.bridge.state.directory.targets:
        _address(target)
    talking = _talking(station)
    if len(talking.parties) + len(talking.asked) >= PARTIES_MAX:
        raise ControlError("not_now", f"{PARTIES_MAX} phones take part already")
    station.inbox.put(door.Bring(target=target, by="control"))
    placed = await station.wait_for(lambda event: isinstance(event, door.CallPlaced) and event.party == target, PLACED_S_MAX)
    if placed is None:
        raise ControlError("not_now", f"{target} takes part already, or the call has ended")
    return as_json(placed)


async def drop(station: Station, args: tuple[str, ...]) -> Json:
    """Show one party of the conversation out."""
    talking = _talking(station)
    calls = {party.leg.call for party in talking.parties} | {asked.leg.call for asked in talking.asked}
    if args[0] not in calls:
        raise ControlError("not_found", f"no party {args[0]!r} takes part; there are: {', '.join(sorted(calls))}")
    if len(talking.parties) == 1 and talking.leg.call == args[0]:
        raise ControlError("not_now", "that is the only party: hang up instead")
    station.inbox.put(door.Dismiss(call=door.CallName(args[0]), by="control"))
    ended = await station.wait_for(lambda event: isinstance(event, door.CallEnded) and event.call == args[0], PLACED_S_MAX)
    return as_json(ended)


async def join(station: Station, args: tuple[str, ...]) -> Json:
    """Call an address and enter the conversation of one of its dialogs (RFC 3911)."""
    _address(args[0])
    try:
        dialog = Join.parse(f"{args[1]};to-tag={args[2]};from-tag={args[3]}")
    except RemoteProtocolError as error:
        raise ControlError("bad_argument", f"these name no dialog: {error}") from None
    if not isinstance(station.bridge.state.call, Idle):
        raise ControlError("not_now", "a call is in progress")
    station.inbox.put(door.Dial(target=args[0], by="control", name=station.calls.joining(dialog)))
    placed = await station.wait_for(lambda event: isinstance(event, door.CallPlaced) and event.party == args[0], PLACED_S_MAX)
    if placed is None:
        raise ControlError("not_now", "another call came first")
    return as_json(placed)


async def refer(station: Station, args: tuple[str, ...]) -> Json:
    """Ask somebody, with whom we need not talk, to call somebody else."""
    target, refer_to = _address(args[0]), _address(args[1])
    account = None if len(args) < 3 else sip.AccountName(args[2])
    key = f"refer {args[0]} {args[1]}"
    station.line.command(sip.Refer(key=key, target=target, refer_to=refer_to, account=account))
    done = await station.wait_for(lambda event: isinstance(event, sip.ReferProgress) and event.key == key and event.is_done, REFERRED_S_MAX)
    if not isinstance(done, sip.ReferProgress):
        raise ControlError("failed", f"no outcome within {REFERRED_S_MAX:.0f} s")
    return {"status": done.status, "text": done.text}


def _talking(station: Station) -> Talking:
    if not isinstance(station.bridge.state.call, Talking):
        raise ControlError("not_now", "there is no answered call")
    return station.bridge.state.call


def _address(text: str) -> Uri:
    try:
        uri = Uri.parse(text)
        if not uri.is_sip:
            raise RemoteProtocolError("not a SIP address")
    except RemoteProtocolError as error:
        raise ControlError("bad_argument", f"{text!r} is no SIP address: {error}") from None
    return uri
