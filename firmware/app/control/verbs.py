"""What `portero ctl` can ask of a running station; docs/ctl.md says the same to people.

A verb answers when its effect is known, not when it was asked for: `register` with the registrar's answer, `hold` with the final response.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from firmware.app.control.audio_verbs import audio
from firmware.app.control.conference_verbs import add, drop, join, refer
from firmware.app.control.paging_verbs import page
from firmware.app.control.protocol import ControlError, Json, Request, as_json
from firmware.app.control.transfer_verbs import attended, transfer
from firmware.app.leg import Leg
from firmware.app.station import Station
from firmware.door import events as door
from firmware.door.schedule import is_holiday, within
from firmware.door.state import Calling, Idle, Offered, Talking
from firmware.errors import LocalProtocolError, MediaError, RemoteProtocolError, UsersError
from firmware.sip import events as sip
from firmware.sip.body.dtmf_relay import Digit, encode
from firmware.sip.uri import Uri

REQUEST_S_MAX = 20.0  # a request inside a call: half of SIP's 32 s (RFC 3261 §17.1.1.2, timer B), a phone answers in milliseconds
REGISTER_S_MAX = 10.0
PLACED_S_MAX = 5.0  # from the wish to the record of it: one journal write
DIGITS = frozenset("0123456789ABCD*#")
DIGITS_MAX = 32
DEVICE_TEXT_MAX = 300
LOCK_MODES = {"hold": door.LockMode.HELD, "lock": door.LockMode.LOCKED, "normal": door.LockMode.NORMAL}

Handler = Callable[[Station, tuple[str, ...]], Awaitable[Json]]
SignedHandler = Callable[[Station, tuple[str, ...], str], Awaitable[Json]]


class Verb(NamedTuple):
    """`usage` after the verb's name; how many words it takes; what it does."""

    usage: str
    words_min: int
    words_max: int
    run: Handler


class SignedVerb(NamedTuple):
    """The same, for a verb whose record names who asked."""

    usage: str
    words_min: int
    words_max: int
    run: SignedHandler


async def perform(station: Station, verbs: Mapping[str, Verb | SignedVerb], request: Request) -> Json:
    """Check and carry out one request. Raises ControlError."""
    verb = verbs.get(request.verb)
    if verb is None:
        raise ControlError("unknown_verb", f"no such verb; there are: {', '.join(sorted(verbs))}")
    if not verb.words_min <= len(request.args) <= verb.words_max:
        raise ControlError("bad_argument", f"usage: {request.verb} {verb.usage}".rstrip())
    try:
        if isinstance(verb, SignedVerb):
            return await verb.run(station, request.args, request.by)
        return await verb.run(station, request.args)
    except (LocalProtocolError, MediaError) as error:
        raise ControlError("not_now", str(error)) from error


async def _status(station: Station, _args: tuple[str, ...]) -> Json:
    return {
        "uptime_s": round(station.loop.time() - station.started_at_s, 3),
        "sip_port": station.line.port,
        "accounts": {
            name: {
                "registered": each.working is True,
                "detail": each.detail,
                "gruu": each.gruu,
                "messages": station.mailboxes.waiting.get(name),
            }
            for name, each in station.line.registrations.items()
        },
        "call": _call_in_words(station),
        "legs": [
            {"call": leg.key, "incoming": leg.incoming, "answered": leg.answered, "sound": leg.streaming} for leg in station.calls.legs
        ],
        "locks": {lock.name: station.board.relay(lock.name).closed for lock in station.settings.lock},
        "modes": {lock: mode.name.lower() for lock, mode in station.bridge.state.modes.items()},
        "contacts": dict(station.bridge.state.contacts),
        "blocked": station.bridge.state.blocked_until_s is not None,
        "journal": None if station.journal.missing else station.settings.journal.path,
        "paging": {} if station.pages is None else dict(station.pages.states),
        "health": dict(station.health),
        "audio_thread": station.sound.running,
        "presses_merged": station.inbox.presses_merged,
        "dropped": station.inbox.dropped,
        "failures": station.supervisor.total,
    }


def _call_in_words(station: Station) -> Json:
    now_s = station.loop.time()
    match station.bridge.state.call:
        case Idle():
            return {"state": "idle"}
        case Calling(press=press, button=button, flat=flat, legs=legs):
            return {"state": "calling", "press": press, "button": button, "flat": flat, "parties": [leg.party.name for leg in legs]}
        case Offered(leg=leg, accepted=accepted):
            return {"state": "offered", "party": leg.party.name, "accepted": accepted}
        case Talking(leg=leg, press=press, parties=parties, asked=asked, opened=opened):
            return {
                "state": "talking",
                "press": press,
                "party": leg.party.name,
                "parties": {party.leg.call: party.leg.party.name for party in parties},
                "asked": {each.leg.call: each.leg.party.name for each in asked},
                "for_s": round(now_s - min(party.since_s for party in parties), 3),
                "opened": opened,
            }


async def _press(station: Station, args: tuple[str, ...]) -> Json:
    if args[0] not in {button.name for button in station.settings.button}:
        raise ControlError("not_found", f"no button named {args[0]!r}")
    station.inbox.put(door.Press(button=door.ButtonName(args[0])))
    pressed = await station.wait_for(lambda event: isinstance(event, door.Pressed) and event.button == args[0], PLACED_S_MAX)
    return as_json(pressed)


async def _flat(station: Station, args: tuple[str, ...]) -> Json:
    """As if a visitor had dialled the number: at the first keypad where that is done, or at the one that is named."""
    keypads = station.settings.flats.keypads
    keypad = args[1] if len(args) == 2 else next(iter(keypads), "")
    flat = station.bridge.state.directory.flats.get(args[0])
    if flat is None or keypad not in keypads:
        raise ControlError("not_found", f"no flat has the number {args[0]!r}" if flat is None else f"nobody dials at a keypad {keypad!r}")
    station.inbox.put(door.DialFlat(keypad=keypad, number=flat.number))
    return await _known(station, lambda event: isinstance(event, door.Pressed) and event.flat == flat.shown)


async def _call(station: Station, args: tuple[str, ...], by: str) -> Json:
    if args[0] not in station.bridge.state.directory.targets:
        try:
            if not Uri.parse(args[0]).is_sip:
                raise RemoteProtocolError("not a SIP address")
        except RemoteProtocolError as error:
            raise ControlError("bad_argument", f"{args[0]!r} is neither a target's name nor a SIP address: {error}") from None
    if not isinstance(station.bridge.state.call, Idle):
        raise ControlError("not_now", "a call is in progress")
    station.inbox.put(door.Dial(target=args[0], by=by))
    placed = await station.wait_for(lambda event: isinstance(event, door.CallPlaced) and event.party == args[0], PLACED_S_MAX)
    if placed is None:
        raise ControlError("not_now", "another call came first")
    return as_json(placed)


async def _answer(station: Station, args: tuple[str, ...]) -> Json:
    """`answer`: take the waiting call. `answer CODE`: reply this status to it (180 rings, 183 opens the sound, 300 to 699 refuse)."""
    waiting = next((leg for leg in station.calls.legs if leg.incoming and not leg.answered and not leg.ended_by_us), None)
    if waiting is None:
        raise ControlError("not_now", "no call waits for an answer")
    status = _number(args[0], 180, 699) if args else 200
    if status == 180:
        station.line.command(sip.Ring(call=waiting.key))
    elif status == 183:
        station.calls.progress(waiting)
    elif 200 <= status <= 299:
        station.inbox.put(door.Operate(verb=door.Verb.ANSWER))
    elif status >= 300:
        station.line.command(sip.HangUp(call=waiting.key, status=status))
    else:
        raise ControlError("bad_argument", "give 180, 183, 200, or 300 to 699")
    return {"call": waiting.key, "status": status}


async def _hangup(station: Station, _args: tuple[str, ...]) -> Json:
    if isinstance(station.bridge.state.call, Idle):
        raise ControlError("not_now", "there is no call")
    station.inbox.put(door.Operate(verb=door.Verb.HANG_UP))
    ended = await station.wait_for(lambda event: isinstance(event, door.CallEnded), REQUEST_S_MAX)
    return as_json(ended)


def _in_call(make: Callable[[Leg], sip.Command], method: str) -> Handler:
    """A verb that sends one request inside the current call, or the named one, and answers with its final status."""

    async def run(station: Station, args: tuple[str, ...]) -> Json:
        leg = _current(station, *args)
        station.line.command(make(leg))
        return {"call": leg.key, "status": await _outcome(station, leg, method)}

    return run


async def _outcome(station: Station, leg: Leg, method: str) -> int:
    done = await station.wait_for(
        lambda event: (
            (isinstance(event, sip.RequestDone) and (event.call, event.method) == (leg.key, method))
            or (isinstance(event, sip.CallEnded) and event.call == leg.key)
        ),
        REQUEST_S_MAX,
    )
    match done:
        case sip.RequestDone(status=status):
            return status
        case sip.CallEnded():
            raise ControlError("failed", "the call ended first")
        case _:
            raise ControlError("failed", f"no final response to {method} within {REQUEST_S_MAX:.0f} s")


async def _dtmf(station: Station, args: tuple[str, ...]) -> Json:
    way, digits = args[0], args[1].upper()
    if not 0 < len(digits) <= DIGITS_MAX or not DIGITS.issuperset(digits):
        raise ControlError("bad_argument", f"give 1 to {DIGITS_MAX} of 0-9 A-D * #")
    leg = _current(station)
    if way == "rfc4733":
        station.sound.engine.send_digits(leg.sound, digits)
        return {"call": leg.key, "digits": digits}
    if way != "info":
        raise ControlError("bad_argument", "give rfc4733 or info")
    statuses: list[Json] = []
    for digit in digits:
        station.line.command(sip.SendInfo(call=leg.key, content_type="application/dtmf-relay", body=encode(Digit(digit))))
        statuses.append(await _outcome(station, leg, "INFO"))
    return {"call": leg.key, "digits": digits, "statuses": statuses}


def _account_verb(make: Callable[[sip.AccountName], sip.Command]) -> Handler:
    """`register` and `unregister`: one account by name, or all."""

    async def run(station: Station, args: tuple[str, ...]) -> Json:
        names = [name for name in station.line.registrations if not args or name == args[0]]
        if not names:
            raise ControlError("not_found", f"no account named {args[0]!r}" if args else "no account is configured")
        answers: dict[str, Json] = {}
        for name in names:
            station.line.command(make(sip.AccountName(name)))
            event = await station.wait_for(
                lambda event, name=name: (  # type: ignore[misc]  # mypy cannot infer a lambda with a bound default
                    isinstance(event, sip.Registered | sip.RegistrationFailed | sip.Unregistered) and event.account == name
                ),
                REGISTER_S_MAX,
            )
            answers[name] = "no answer" if event is None else {"event": type(event).__name__, "detail": as_json(event)}
        return answers

    return run


async def _lock(station: Station, args: tuple[str, ...], by: str) -> Json:
    """Open a lock for its pulse, or say what it shall do until told otherwise."""
    lock = next((lock for lock in station.settings.lock if lock.name == args[0]), None)
    if lock is None:
        raise ControlError("not_found", f"no lock named {args[0]!r}")
    name, what = door.LockName(lock.name), args[1]
    if what == "open":
        station.inbox.put(door.OpenLock(lock=name, by=by, until_s=station.loop.time() + PLACED_S_MAX))
        return await _known(station, lambda event: isinstance(event, door.Unlocked | door.OpeningRefused) and event.lock == name)
    if what not in LOCK_MODES:
        raise ControlError("bad_argument", f"give open, {', '.join(LOCK_MODES)}")
    mode = LOCK_MODES[what]
    if mode is door.LockMode.HELD and not lock.may_hold:
        raise ControlError("not_now", f"the lock {name} may not be held open; see may_hold in the configuration")
    if station.bridge.state.modes.get(name, door.LockMode.NORMAL) is mode:
        return {"lock": name, "mode": mode.name.lower(), "changed": False}
    station.inbox.put(door.SetLockMode(lock=name, mode=mode, by=by))
    return await _known(station, lambda event: isinstance(event, door.LockModeChanged) and event.lock == name)


async def _dnd(station: Station, args: tuple[str, ...], by: str) -> Json:
    """Do not disturb: who wants to be left alone, or is to be for now."""
    state = station.bridge.state
    if not args:
        return {"quiet": [*sorted(state.quiet)]}
    if args[0] not in state.directory.targets:
        raise ControlError("not_found", f"no target named {args[0]!r}")
    if len(args) == 1:
        return {"target": args[0], "quiet": args[0] in state.quiet}
    if args[1] not in ("on", "off"):
        raise ControlError("bad_argument", "give on or off")
    quiet = args[1] == "on"
    if (args[0] in state.quiet) is quiet:
        return {"target": args[0], "quiet": quiet, "changed": False}
    station.inbox.put(door.SetQuiet(target=args[0], quiet=quiet, by=by))
    return await _known(station, lambda event: isinstance(event, door.QuietChanged) and event.target == args[0])


async def _known(station: Station, wanted: Callable[[object], bool]) -> Json:
    """The record of what was asked for, once it is in the journal."""
    record = await station.wait_for(wanted, PLACED_S_MAX)
    if record is None:
        raise ControlError("failed", f"the door did not answer within {PLACED_S_MAX:.0f} s")
    return as_json(record)


async def _profile(station: Station, args: tuple[str, ...]) -> Json:
    """Which time profiles are active now, and what the clock on the wall shows."""
    directory = station.bridge.state.directory
    if args and args[0] not in directory.profiles:
        raise ControlError("not_found", f"no profile named {args[0]!r}")
    local = station.wall_clock.local()
    return {
        "local": None if local is None else local.isoformat(sep=" ", timespec="seconds"),
        "holiday": local is not None and is_holiday(directory.holidays, local.date()),
        "active": {
            name: local is not None and within(profile, directory.holidays, local)
            for name, profile in directory.profiles.items()
            if not args or name == args[0]
        },
    }


async def _events(_station: Station, _args: tuple[str, ...]) -> Json:
    return {"following": True}  # the server goes on with the event lines


async def _users_reload(station: Station, _args: tuple[str, ...]) -> Json:
    """Read the store of users anew, after `portero users` has changed it."""
    try:
        return as_json(await station.clerk.reload())
    except UsersError as error:
        raise ControlError("failed", str(error)) from error


async def _device(station: Station, args: tuple[str, ...]) -> Json:
    """Write down what happened to the device; whoever updates it says so."""
    changes = {each.value: each for each in door.DeviceChange}
    if args[0] not in changes:
        raise ControlError("bad_argument", f"give {', '.join(changes)}")
    news = door.DeviceChanged(changes[args[0]], version=args[1][:DEVICE_TEXT_MAX], detail="".join(args[2:])[:DEVICE_TEXT_MAX])
    station.inbox.put(news)
    return await _known(station, lambda event: event == news)


def _current(station: Station, name: str = "") -> Leg:
    """The leg of that name, without one the answered call."""
    leg = station.calls.current if not name else next((leg for leg in station.calls.legs if leg.key == name), None)
    if leg is None or not leg.answered:
        raise ControlError("not_found" if name else "not_now", f"no answered call {name!r}" if name else "there is no answered call")
    return leg


def _number(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdecimal() and low <= int(text[:9]) <= high):
        raise ControlError("bad_argument", f"{text!r} is no number from {low} to {high}")
    return int(text)


VERBS: dict[str, Verb | SignedVerb] = {
    "status": Verb("", 0, 0, _status),
    "press": Verb("BUTTON", 1, 1, _press),
    "flat": Verb("NUMBER [KEYPAD]", 1, 2, _flat),
    "call": SignedVerb("TARGET|URI", 1, 1, _call),
    "answer": Verb("[STATUS]", 0, 1, _answer),
    "hangup": Verb("", 0, 0, _hangup),
    "hold": Verb("[CALL]", 0, 1, _in_call(lambda leg: sip.Hold(call=leg.key), "INVITE")),
    "resume": Verb("[CALL]", 0, 1, _in_call(lambda leg: sip.Resume(call=leg.key), "INVITE")),
    "reinvite": Verb("[CALL]", 0, 1, _in_call(lambda leg: sip.Reinvite(call=leg.key), "INVITE")),
    "update": Verb("[CALL]", 0, 1, _in_call(lambda leg: sip.Update(call=leg.key), "UPDATE")),
    "transfer": Verb("URI", 1, 1, transfer),
    "attended": Verb("OTHER-CALL", 1, 1, attended),
    "add": Verb("TARGET|URI", 1, 1, add),
    "drop": Verb("CALL", 1, 1, drop),
    "join": Verb("URI CALL-ID TO-TAG FROM-TAG", 4, 4, join),
    "refer": Verb("URI TO-URI [ACCOUNT]", 2, 3, refer),
    "page": Verb("GROUP [stop]", 1, 2, page),
    "dtmf": Verb("rfc4733|info DIGITS", 2, 2, _dtmf),
    "register": Verb("[ACCOUNT]", 0, 1, _account_verb(lambda name: sip.Register(account=name))),
    "unregister": Verb("[ACCOUNT]", 0, 1, _account_verb(lambda name: sip.Unregister(account=name))),
    "lock": SignedVerb("LOCK open|hold|lock|normal", 2, 2, _lock),
    "dnd": SignedVerb("[TARGET [on|off]]", 0, 2, _dnd),
    "profile": Verb("[PROFILE]", 0, 1, _profile),
    "users-reload": Verb("", 0, 0, _users_reload),
    "device": Verb("CHANGE VERSION [DETAIL]", 2, 3, _device),
    "audio": Verb("loop", 1, 1, audio),
    "events": Verb("", 0, 0, _events),
}
