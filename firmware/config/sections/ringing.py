"""Whom a press rings, when, and what else happens: [[target]], [[step]], [[profile]], [[holiday]], [[rule]]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between
from firmware.config.sections.values import FlatName, FlatNumber, Name, SipUri, Text


class Target(NamedTuple):
    """[[target]]: somebody whom buttons may ring."""

    name: Name
    uri: SipUri
    account: str | None = None  # None: called directly, without a server
    locks: tuple[str, ...] | None = None  # which locks a code may open in a call with this target; None: all
    fallback_accounts: tuple[str, ...] = ()  # through which `uri` is called when `account` does not get there
    fallback_uri: SipUri | None = None  # called directly when no account gets there
    deputy: str | None = None  # the target that is rung when this one is busy, away, unreachable or not to be disturbed
    quiet_when: Text | None = None  # a profile, or "not PROFILE": not to be disturbed


class Flats(NamedTuple):
    """[flats]: where visitors dial the numbers of flats, and how. Flats stand in [[flat]], and in a file that `portero flats` changes."""

    keypads: tuple[str, ...] = ()  # or readers with keys; none: nobody dials
    call_key: Literal["#", "A", "B", "C", "D"] = "#"  # ends a number; "#": a PIN there begins with *
    dial_after_s: Annotated[float, between(1, 30, "s")] | Literal["never"] = "never"  # a pause that ends a number as well
    file: Text = "/var/lib/portero/flats.csv"


class Flat(NamedTuple):
    """[[flat]]: whom the number of a flat rings: `targets` as those of a button, or a `plan`."""

    number: FlatNumber
    name: FlatName = ""
    targets: tuple[str, ...] = ()
    plan: str | None = None
    account: str | None = None  # through which addresses in `targets` are called; None: directly
    locks: tuple[str, ...] | None = None  # which locks a code may open in a call with such an address; None: all


class Step(NamedTuple):
    """[[step]]: one step of a ringing plan; those of one plan follow each other as they stand in the file."""

    plan: Name
    targets: tuple[str, ...]
    ring_s: Annotated[float, between(5, 300, "s")] | None = None  # None: call.ring_limit_s
    when: Text | None = None  # a profile, or "not PROFILE"; None: always


class Profile(NamedTuple):
    """[[profile]]: times of the week under a name. On a holiday only the times of `holiday` (and `daily`) count."""

    name: Name
    times: tuple[str, ...]  # "mon-fri 08:00-17:30"


class Holiday(NamedTuple):
    """[[holiday]]: a day or a row of days, once or every year, or a day that moves with Easter."""

    name: Name
    date: str | None = None  # "2026-12-24", or "12-24" for every year
    until: str | None = None  # the last day of a row
    easter: Annotated[int, between(-80, 240, "days")] | None = None  # days after Easter Sunday


class Rule(NamedTuple):
    """[[rule]]: when something happens, do something."""

    name: Name
    on: Text  # "pressed bell", "opened door", "failed"
    do: tuple[str, ...]  # "call anna", "hold gate", "wait 5", "normal gate"
    when: Text | None = None  # a profile, or "not PROFILE"
    state: Literal["idle", "calling", "offered", "talking"] | None = None  # what the door's line does
