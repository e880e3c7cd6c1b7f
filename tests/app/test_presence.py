"""When the door's presence is told, and to whom."""

from __future__ import annotations

from firmware.app.presence import Presence
from firmware.config.schema import Account, Incoming, Settings
from firmware.sip import events as sip
from firmware.sip.body import pidf
from firmware.sip.headers import NameAddr
from firmware.sip.notices import Publish, SetPresence
from firmware.sip.uri import Uri

URI = Uri.parse("sip:door@pbx.example")
HOME = sip.AccountName("home")
REGISTERED = sip.Registered(account=HOME, contact=URI, expires_s=300)
ANSWERED = sip.CallAnswered(call=sip.CallKey("c"), remote=NameAddr("", URI))
ENDED = sip.CallEnded(call=sip.CallKey("c"), cause=sip.EndCause.LOCAL, status=0, text="")


def presence(*, publish: bool = False, watch: bool = False) -> Presence:
    account = Account(name="home", uri=str(URI), publish=publish)
    return Presence(Settings(account=(account,), incoming=Incoming(watch=("*@*",) if watch else ())))


def test_without_a_wish_nothing_is_told() -> None:
    quiet = presence()
    assert [quiet.on_event(event) for event in (REGISTERED, ANSWERED, ENDED)] == [(), (), ()]


def test_those_who_watch_are_told_once_that_the_door_is_there() -> None:
    watched = presence(watch=True)
    assert watched.on_event(REGISTERED) == (SetPresence(is_open=True, note="Portero"),)
    assert watched.on_event(REGISTERED) == ()


def test_the_server_is_told_with_the_registration_and_with_the_first_and_last_call() -> None:
    told = presence(publish=True)
    (first,) = told.on_event(REGISTERED)
    assert isinstance(first, Publish)
    assert (first.account, str(first.target), first.package) == (HOME, str(URI), "presence")
    assert pidf.decode(first.body).is_open
    assert told.on_event(REGISTERED) == ()  # a refresh is no news
    (talking,) = told.on_event(ANSWERED)
    assert isinstance(talking, Publish)
    assert pidf.decode(talking.body).activities == ("on-the-phone",)
    assert told.on_event(ANSWERED._replace(call=sip.CallKey("d"))) == ()
    assert told.on_event(ENDED) == ()
    (silent,) = told.on_event(ENDED._replace(call=sip.CallKey("d")))
    assert isinstance(silent, Publish)
    assert pidf.decode(silent.body).activities == ()


def test_a_server_that_is_gone_is_told_anew_when_it_is_back() -> None:
    told = presence(publish=True)
    told.on_event(REGISTERED)
    told.on_event(sip.RegistrationFailed(account=HOME, status=0, detail="", retry_in_s=1.0))
    assert told.on_event(ANSWERED) == ()
    (again,) = told.on_event(REGISTERED)
    assert isinstance(again, Publish)
