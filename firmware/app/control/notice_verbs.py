"""`portero ctl` verbs of what is said without a call: messages, subscriptions, publications.

They answer with the other side's final response, or with the first word on how a subscription stands; what comes later is in `events`.
"""

from __future__ import annotations

from firmware.app.control.protocol import ControlError, Json
from firmware.app.control.verbs import Verb
from firmware.app.station import Station
from firmware.errors import RemoteProtocolError
from firmware.sip import events as sip
from firmware.sip.notices import (
    Publish,
    RequestAnswered,
    SendMessage,
    Subscribe,
    SubscriptionChanged,
    Unpublish,
    Unsubscribe,
)
from firmware.sip.uri import Uri

ANSWER_S_MAX = 40.0  # the 32 s of a request that nobody answers (RFC 3261 §17.1.2.2), and the look-up before it


async def _message(station: Station, args: tuple[str, ...]) -> Json:
    target, account = _target(station, args[0], args[2:])
    key = _key(station, "message")
    return await _answered(station, SendMessage(key=key, target=target, body=args[1].encode(), account=account), key)


async def _composing(station: Station, args: tuple[str, ...]) -> Json:
    """Say that we are writing, or no longer (RFC 3994)."""
    from firmware.sip.body import is_composing

    target, account = _target(station, args[0], args[2:])
    if args[1] not in ("active", "idle"):
        raise ControlError("bad_argument", "give active or idle")
    key = _key(station, "composing")
    body = is_composing.encode(is_composing.IsComposing(args[1] == "active", content_type="text/plain"))
    wish = SendMessage(key=key, target=target, body=body, account=account, content_type=is_composing.CONTENT_TYPE)
    return await _answered(station, wish, key)


async def _publish(station: Station, args: tuple[str, ...]) -> Json:
    package, content_type, body = args[0], args[2], args[3]
    target, account = _target(station, args[1], args[4:])
    key = f"{package} {args[1]}"
    wish = Publish(key=key, target=target, package=package, content_type=content_type, body=body.encode(), account=account)
    return await _answered(station, wish, key)


async def _unpublish(station: Station, args: tuple[str, ...]) -> Json:
    station.line.command(Unpublish(key=f"{args[0]} {args[1]}"))
    return {"removed": True}


async def _answered(station: Station, command: sip.Command, key: str) -> Json:
    station.line.command(command)
    answer = await station.wait_for(lambda event: isinstance(event, RequestAnswered) and event.key == key, ANSWER_S_MAX)
    if not isinstance(answer, RequestAnswered):
        raise ControlError("failed", f"no answer within {ANSWER_S_MAX:.0f} s")
    return {"status": answer.status, "text": answer.text}


async def _subscribe(station: Station, args: tuple[str, ...]) -> Json:
    package = args[0]
    target, account = _target(station, args[1], args[2:])
    key = f"{package} {args[1]}"
    station.line.command(Subscribe(key=key, target=target, package=package, account=account))
    first = await station.wait_for(lambda event: isinstance(event, SubscriptionChanged) and event.key == key, ANSWER_S_MAX)
    if not isinstance(first, SubscriptionChanged):
        raise ControlError("failed", f"no answer within {ANSWER_S_MAX:.0f} s")
    return {"state": first.state, "reason": first.reason}


async def _unsubscribe(station: Station, args: tuple[str, ...]) -> Json:
    station.line.command(Unsubscribe(key=f"{args[0]} {args[1]}"))
    return {"ending": True}


def _target(station: Station, text: str, rest: tuple[str, ...]) -> tuple[Uri, sip.AccountName | None]:
    """The address, or that of the target of this name; and the account that a further word names."""
    known = station.bridge.state.directory.targets.get(text)
    account = rest[0] if rest else (None if known is None else known.account)
    if account is not None and account not in station.line.registrations:
        raise ControlError("not_found", f"no account named {account!r}")
    try:
        uri = Uri.parse(text if known is None else known.uri)
    except RemoteProtocolError as error:
        raise ControlError("bad_argument", f"{text!r} is neither a target's name nor an address: {error}") from None
    return uri, None if account is None else sip.AccountName(account)


def _key(station: Station, what: str) -> str:
    return f"{what} {station.loop.time():.6f}"


NOTICE_VERBS = {
    "message": Verb("TARGET|URI TEXT [ACCOUNT]", 2, 3, _message),
    "composing": Verb("TARGET|URI active|idle [ACCOUNT]", 2, 3, _composing),
    "subscribe": Verb("PACKAGE URI [ACCOUNT]", 2, 3, _subscribe),
    "unsubscribe": Verb("PACKAGE URI", 2, 2, _unsubscribe),
    "publish": Verb("PACKAGE URI TYPE BODY [ACCOUNT]", 4, 5, _publish),
    "unpublish": Verb("PACKAGE URI", 2, 2, _unpublish),
}
