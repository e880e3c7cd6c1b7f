"""The settings as each room is told them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from firmware.app.wiring.accounts import agent_settings
from firmware.app.wiring.board import UNWIRED, board_settings
from firmware.app.wiring.directory import directory
from firmware.app.wiring.gate import device_urn
from firmware.config.schema import (
    Account,
    Button,
    Call,
    Caller,
    Card,
    Code,
    Contact,
    Holiday,
    Incoming,
    Keypad,
    Lamp,
    Lock,
    Profile,
    Reader,
    Rule,
    Settings,
    Station,
    Step,
    Target,
    Wiegand,
)
from firmware.config.secrets import Secret
from firmware.door.directory import AutoAnswer, CallKind, Chime, Deed, Do, Route, Trigger, Watch
from firmware.door.events import ButtonName, LockName
from firmware.door.schedule import AfterEaster, Dates, Span, When, Yearly
from firmware.sip.gate import Proof, Unwanted
from hw.settings import KeypadSettings, Pull, ReaderKind, WiegandSettings

SETTINGS = Settings(
    station=Station(name="Gate", user_agent=""),
    account=(
        Account(name="home", uri="sip:door@pbx.example", password=Secret("s3cret")),
        Account(name="spare", uri="sip:d%40r@b.example", registrar="sip:reg.example:5070", proxy="sip:p.example;lr", username="auth"),
    ),
    target=(Target(name="anna", uri="sip:anna@192.0.2.1", account="home", locks=("gate",)),),
    button=(
        Button(name="front", targets=("anna", "sip:x@192.0.2.2"), gpio=17, stuck_after_s="never"),
        Button(name="virtual", targets=("anna",)),
    ),
    lock=(Lock(name="gate", gpio=5, active_high=False), Lock(name="garage", gpio=6)),
    code=(Code(name="family", code=Secret("739152"), locks=("garage",)),),
    card=(Card(name="blue", number="0a1b2c"),),
    lamp=(Lamp(name="led", gpio=7, shows="talk"),),
    contact=(
        Contact(name="exit", kind="exit", gpio=8, lock="gate", pull="down"),
        Contact(name="leaf", kind="door", gpio=9),
    ),
    reader=(Reader(name="r", port="/dev/serial0", lock="gate"),),
    call=Call(hangup_after_open_s="never", second_press="hang_up"),
    incoming=Incoming(allow=("Anna@PBX.example",), auto_answer="on_request"),
)

GATE = frozenset({LockName("gate")})
BOTH = GATE | {LockName("garage")}


def test_an_account_registers_at_its_domain_unless_told_otherwise() -> None:
    home, spare = agent_settings(SETTINGS).accounts
    assert (str(home.registrar), home.username, home.secret, home.display_name) == ("sip:pbx.example", "door", "s3cret", "Gate")
    assert (str(spare.registrar), str(spare.outbound_proxy), spare.username) == ("sip:reg.example:5070", "sip:p.example;lr", "auth")
    assert "s3cret" not in repr(home)


def test_an_empty_user_agent_means_that_none_is_sent() -> None:
    assert agent_settings(SETTINGS).user_agent is None


def test_wires_are_what_the_configuration_says() -> None:
    board = board_settings(SETTINGS)
    assert [(each.name, each.gpio, each.stuck_after_s) for each in board.buttons] == [("front", 17, None)]
    assert [(each.name, each.pull) for each in board.contacts] == [("exit", Pull.DOWN), ("leaf", Pull.UP)]
    assert [(each.opens, each.opens_s) for each in board.contacts] == [("gate", 5.0), (None, 0.0)]
    assert [(each.name, each.gpio, each.active_high) for each in board.relays] == [("gate", 5, False), ("garage", 6, True)]
    assert board.readers[0].port == "/dev/serial0"


def test_readers_and_keypads_are_what_the_configuration_says() -> None:
    wanted = SETTINGS._replace(
        reader=(
            Reader(name="r", port="/dev/serial0", lock="gate"),
            Reader(name="n", port="/dev/ttyUSB0", lock="garage", kind="pn532", baud=9600, repeat_after_ms=0, held_after_ms="never"),
            Reader(name="b", port="/dev/ttyUSB1", lock="gate", kind="wiegand_bridge"),
            Reader(name="k", port="/dev/ttyUSB2", lock="gate", kind="keypad"),
        ),
        wiegand=(
            Wiegand(name="w", gpio_d0=20, gpio_d1=21, lock="gate", pull="none", gap_ms=30, repeat_after_ms=7, held_after_ms=900),
            Wiegand(name="v", gpio_d0=22, gpio_d1=23, lock="garage", held_after_ms="never"),
        ),
        keypad=(Keypad(name="pad", gpio_rows=(10, 11, 12, 13), gpio_columns=(14, 15, 16), lock="garage", debounce_ms=20),),
    )
    board = board_settings(wanted)
    assert [each.kind for each in board.readers] == [ReaderKind.RDM6300, ReaderKind.PN532, ReaderKind.WIEGAND_BRIDGE, ReaderKind.KEYPAD]
    assert [(each.baud, each.repeat_after_ms, each.held_after_ms) for each in board.readers[:2]] == [(None, 1500, 4000), (9600, 0, None)]
    assert board.wiegand == (
        WiegandSettings(name="w", gpio_d0=20, gpio_d1=21, pull=Pull.NONE, gap_ms=30, repeat_after_ms=7, held_after_ms=900),
        WiegandSettings(name="v", gpio_d0=22, gpio_d1=23, held_after_ms=None),
    )
    assert board.keypads == (KeypadSettings(name="pad", gpio_rows=(10, 11, 12, 13), gpio_columns=(14, 15, 16), debounce_ms=20),)
    known = directory(wanted)
    assert dict(known.readers) == {"r": "gate", "n": "garage", "b": "gate", "k": "gate", "w": "gate", "v": "garage"}
    assert dict(known.keypads) == {"pad": "garage"}


def test_only_a_simulated_board_has_a_button_without_a_wire() -> None:
    assert [each.gpio for each in board_settings(SETTINGS, simulated=True).buttons] == [17, UNWIRED]


def test_a_button_rings_targets_by_name_and_addresses_as_they_are() -> None:
    known = directory(SETTINGS)
    (together,) = known.buttons[next(name for name in known.buttons if name == "front")]
    anna, stranger = together.targets
    assert (anna.uri, anna.account, anna.locks) == ("sip:anna@192.0.2.1", "home", GATE)
    assert (stranger.uri, stranger.account, stranger.locks) == ("sip:x@192.0.2.2", None, BOTH)


def test_codes_and_cards_open_what_they_are_for() -> None:
    known = directory(SETTINGS)
    assert [(key.name, key.secret, key.locks) for key in known.codes] == [("family", "739152", BOTH - GATE)]
    assert [(key.name, key.secret, key.locks) for key in known.cards] == [("blue", "0A1B2C", BOTH)]


def test_only_exit_buttons_open_and_readers_know_their_lock() -> None:
    known = directory(SETTINGS)
    assert (dict(known.exits), dict(known.readers)) == ({"exit": "gate"}, {"r": "gate"})


def test_a_caller_may_open_nothing_unless_the_configuration_says_so() -> None:
    known = directory(SETTINGS)
    assert (known.allow, known.incoming_locks, known.auto_answer) == (("anna@pbx.example",), frozenset(), AutoAnswer.ON_REQUEST)


def test_never_is_no_time_at_all() -> None:
    known = directory(SETTINGS)
    assert known.limits.hangup_after_open_s is None
    assert known.second_press_hangs_up


PLANNED = SETTINGS._replace(
    target=(
        *SETTINGS.target,
        Target(
            name="bob",
            uri="sip:bob@pbx.example",
            account="home",
            fallback_accounts=("spare",),
            fallback_uri="sip:bob@192.0.2.9",
            deputy="anna",
            quiet_when="not office",
        ),
    ),
    button=(*SETTINGS.button, Button(name="shop", plan="shop")),
    step=(Step(plan="shop", targets=("anna",), ring_s=20.0, when="office"), Step(plan="shop", targets=("bob", "sip:y@192.0.2.3"))),
    profile=(Profile(name="office", times=("mon-fri 08:00-17:00", "holiday 10:00-12:00")),),
    holiday=(
        Holiday(name="christmas", date="12-24", until="12-26"),
        Holiday(name="fair", date="2026-10-03"),
        Holiday(name="easter-monday", easter=1),
    ),
    lock=(
        Lock(name="gate", gpio=5, may_hold=True, held_when="office", then="garage", then_after_s=8.0, secure_only=True),
        SETTINGS.lock[1],
    ),
    lamp=(Lamp(name="bell", gpio=6, shows="ring"), Lamp(name="plates", gpio=11, shows="profile", when="not office")),
    contact=(
        Contact(name="leaf", kind="door", gpio=9, lock="gate", open_limit_s=60.0),
        Contact(name="case", kind="tamper", gpio=10),
    ),
    rule=(
        Rule(name="r", on="failed account home", do=("wait 2.5", "hold gate", "hang-up"), when="not office", state="idle"),
        Rule(name="s", on="pressed", do=("call shop", "message anna Somebody is here")),
    ),
    call=Call(chime="unanswered", fallback_after_s=3.0),
)


def test_a_plan_keeps_the_order_of_its_steps() -> None:
    known = directory(PLANNED)
    first, second = known.plans["shop"]
    assert known.buttons[ButtonName("shop")] == (first, second)
    assert ([target.name for target in first.targets], first.ring_s, first.when) == (["anna"], 20.0, When(profile="office"))
    assert ([target.name for target in second.targets], second.ring_s, second.when) == (["bob", "sip:y@192.0.2.3"], None, None)


def test_a_target_brings_its_ways_and_its_deputy() -> None:
    bob = directory(PLANNED).targets["bob"]
    assert bob.routes == (
        Route(uri="sip:bob@pbx.example", account="home"),
        Route(uri="sip:bob@pbx.example", account="spare"),
        Route(uri="sip:bob@192.0.2.9", account=None),
    )
    assert (bob.deputy, bob.quiet_when) == ("anna", When(profile="office", negated=True))


def test_profiles_and_holidays_are_those_of_the_calendar() -> None:
    known = directory(PLANNED)
    assert known.profiles["office"].spans == (
        Span(days=frozenset(range(5)), begin_min=480, end_min=1020),
        Span(days=frozenset({7}), begin_min=600, end_min=720),
    )
    assert known.holidays == (
        Yearly(first=(12, 24), last=(12, 26)),
        Dates(first=date(2026, 10, 3), last=date(2026, 10, 3)),
        AfterEaster(days=1),
    )


def test_locks_and_contacts_know_each_other() -> None:
    known = directory(PLANNED)
    gate = known.locks[LockName("gate")]
    assert (gate.held_when, gate.then, gate.then_after_s, gate.secure_only) == (When(profile="office"), "garage", 8.0, True)
    assert dict(known.watches) == {"leaf": Watch(lock=LockName("gate"), open_limit_s=60.0)}
    assert known.tampers == {"case"}
    assert [relay.may_hold for relay in board_settings(PLANNED).relays] == [True, False]
    assert (known.chime, known.limits.fallback_after_s) == (Chime.UNANSWERED, 3.0)


def test_a_lamp_that_the_clock_lights_is_known_by_its_name() -> None:
    assert dict(directory(PLANNED).lights) == {"plates": When(profile="office", negated=True)}


def test_rules_are_read_from_their_sentences() -> None:
    first, second = directory(PLANNED).rules
    assert (first.on, first.subject, first.state) == (Trigger.FAILED, "account home", CallKind.IDLE)
    assert first.when == When(profile="office", negated=True)
    assert first.deeds == (Do(what=Deed.WAIT, seconds=2.5), Do(what=Deed.HOLD, name="gate"), Do(what=Deed.HANG_UP))
    assert (second.on, second.subject, second.deeds) == (
        Trigger.PRESSED,
        "",
        (Do(what=Deed.CALL, name="shop"), Do(what=Deed.MESSAGE, name="anna", text="Somebody is here")),
    )


def test_an_account_that_is_trusted_may_say_who_calls() -> None:
    trusting = SETTINGS._replace(account=(SETTINGS.account[0]._replace(trust_identity=True), SETTINGS.account[1]))
    assert [account.habits.trusts_identity for account in agent_settings(trusting).accounts] == [True, False]


def test_the_gate_is_what_incoming_and_caller_say() -> None:
    incoming = Incoming(write=("Anna@*",), watch=("*@PBX.example",), only_servers=True, unwanted="drop", proof="direct", allow_md5=False)
    gate = agent_settings(SETTINGS._replace(incoming=incoming, caller=(Caller(name="anna", password=Secret("s3cret")),))).gate
    assert (gate.writers, gate.watchers) == (("anna@*",), ("*@pbx.example",))
    assert (gate.only_servers, gate.unwanted, gate.proof, gate.allow_md5) == (True, Unwanted.DROP, Proof.DIRECT, False)
    assert [(each.username, each.secret) for each in gate.callers] == [("anna", "s3cret")]
    assert "s3cret" not in repr(gate)


def test_without_a_wish_anybody_may_be_called_and_with_one_the_accounts_too() -> None:
    assert agent_settings(SETTINGS).users is None
    assert agent_settings(SETTINGS._replace(incoming=Incoming(users=("bell",)))).users == frozenset({"", "door", "bell", "d@r"})
    talk = agent_settings(SETTINGS._replace(incoming=Incoming(users=(), conference="talk", conference_for=("Desk@*",))))
    assert (talk.users, talk.conference) == (frozenset({"", "door", "talk", "d@r"}), "talk")
    assert directory(SETTINGS._replace(incoming=Incoming(conference="talk", conference_for=("Desk@*",)))).conference_for == ("desk@*",)


def test_the_device_has_a_name_of_its_own_that_lasts_and_hides_the_machines_id(tmp_path: Path) -> None:
    path = tmp_path / "machine-id"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    urn = device_urn(path)
    assert urn == device_urn(path)
    assert urn.startswith("urn:uuid:")
    assert len(urn) == 45
    assert "0123456789" not in urn
    assert device_urn(tmp_path / "none") == ""


@pytest.mark.parametrize("wanted", [False, True])
def test_only_an_account_that_wants_a_gruu_shows_the_devices_name(*, wanted: bool) -> None:
    account = SETTINGS.account[0]._replace(gruu=wanted, backups=("sip:b.example",), watch_binding=True)
    made = agent_settings(SETTINGS._replace(account=(account,)))
    assert made.accounts[0].wants_gruu is wanted
    assert made.accounts[0].watches_binding
    assert [str(uri) for uri in made.accounts[0].backups] == ["sip:b.example"]
    assert bool(made.instance) <= wanted  # none where the machine has no id
