"""The settings as each room is told them."""

from __future__ import annotations

from firmware.app.wiring.accounts import agent_settings
from firmware.app.wiring.board import UNWIRED, board_settings
from firmware.app.wiring.directory import directory
from firmware.config.schema import Account, Button, Call, Card, Code, Contact, Incoming, Lamp, Lock, Reader, Settings, Station, Target
from firmware.config.secrets import Secret
from firmware.door.directory import AutoAnswer
from firmware.door.events import LockName
from hw.settings import Pull

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
