"""The house of the simulator: three phones, three locks, a registrar by name, a keypad where flats are dialled, and every contact that the
door knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from firmware.config.schema import (
    Access,
    Account,
    Button,
    Call,
    Card,
    Code,
    Contact,
    Flat,
    Flats,
    Incoming,
    Journal,
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
    Users,
)
from firmware.config.secrets import Secret

SERVER_NAME: Final = "pbx.example"
SERVER: Final = "10.0.0.9"
DOOR: Final = "10.0.0.1"
PHONES: Final = {"anna": "10.0.0.21", "bob": "10.0.0.22", "carl": "10.0.0.23"}
STRANGER: Final = "10.0.0.66"
FRONT, GATE, INNER = "front", "gate", "inner"
FAMILY_CODE: Final = "739152"
CLEANER_CODE: Final = "4711"  # opens the gate alone
FAMILY_CARD: Final = "0A001B2C3D"
WRONG_CARD: Final = "0A00DEAD00"
EXIT, LEAF, CASE, WALL = "exit", "leaf", "case", "wall"
PAD: Final = "pad"
DIALLED: Final = {"1": "anna", "2": "bob", "1204": "carl", "583216": "anna"}  # flats, one of them with the number that is a tenant's PIN
PAUSE_S: Final = 3.0  # ends a number as well
BELL, SHOP = "bell", "shop"
SIDE: Final = "side"  # rings as BELL does; visitors leave it alone
RING_LIMIT_S: Final = 30.0


def settings(journal: Path, *, has_account: bool, second_press_hangs_up: bool) -> Settings:
    """The configuration of one simulated house. Without an account every phone is called directly."""
    account = "main" if has_account else None

    def target(name: str, **more: str) -> Target:
        if account is None or name == "carl":
            return Target(
                name=name, uri=f"sip:{name}@{PHONES[name]}", locks=(FRONT, INNER) if name == "bob" else None, deputy=more.get("deputy")
            )
        uri = f"sip:{name}@{SERVER_NAME}"
        return Target(name=name, uri=uri, account=account, fallback_uri=f"sip:{name}@{PHONES[name]}", deputy=more.get("deputy"))

    registered = Account(
        name="main",
        uri=f"sip:door@{SERVER_NAME}",
        username="door",
        password=Secret("secret"),
        expires_s=600,
        registrar=f"sip:{SERVER_NAME}",
    )
    return Settings(
        station=Station(timezone="Europe/Berlin"),
        account=(registered,) if has_account else (),
        target=(target("anna"), target("bob", deputy="carl"), target("carl")),
        button=(
            Button(name=BELL, targets=("anna", "bob"), gpio=2),
            Button(name=SIDE, targets=("anna", "bob"), gpio=12),
            Button(name=SHOP, plan="shop", gpio=3),
        ),
        step=(Step(plan="shop", targets=("carl",), ring_s=10.0), Step(plan="shop", targets=("anna",), when="office")),
        profile=(Profile(name="office", times=("mon-fri 08:00-18:00",)),),
        lock=(
            Lock(name=FRONT, gpio=4, pulse_s=3.0, max_closed_s=8.0, then=INNER, then_after_s=2.0),
            Lock(name=GATE, gpio=5, pulse_s=1.0, max_closed_s=4.0, may_hold=True, held_when="office"),
            Lock(name=INNER, gpio=6, pulse_s=2.0, max_closed_s=2.5),
        ),
        code=(Code(name="family", code=Secret(FAMILY_CODE)), Code(name="cleaner", code=Secret(CLEANER_CODE), locks=(GATE,))),
        card=(Card(name="fob", number=FAMILY_CARD, locks=(FRONT,)),),
        reader=(Reader(name=WALL, port="/dev/none", lock=FRONT),),
        keypad=(Keypad(name=PAD, gpio_rows=(13, 14, 15, 16), gpio_columns=(17, 18, 19), lock=FRONT),),
        flats=Flats(keypads=(PAD,), dial_after_s=PAUSE_S),
        flat=tuple(Flat(number=number, name=f"Familie {name}", targets=(name,)) for number, name in DIALLED.items()),
        users=Users(path=str(journal.with_name("users.db")), key=str(journal.with_name("users.key"))),
        contact=(
            Contact(name=EXIT, kind="exit", gpio=7, lock=FRONT),
            Contact(name=LEAF, kind="door", gpio=8, lock=FRONT, open_limit_s=60.0),
            Contact(name=CASE, kind="tamper", gpio=9),
        ),
        lamp=(Lamp(name="ring-light", gpio=10, shows="ring"), Lamp(name="talk-light", gpio=11, shows="talk")),
        rule=(
            Rule(name="burglar", on=f"forced {LEAF}", do=("play error", "wait 2", "call anna"), state="idle"),
            Rule(name="unheard", on="unanswered", do=("wait 5", "play chime")),
        ),
        call=Call(
            ring_limit_s=RING_LIMIT_S,
            talk_limit_s=60.0,
            hangup_after_open_s=5.0,
            second_press="hang_up" if second_press_hangs_up else "ignore",
        ),
        access=Access(digit_limit_s=4.0, wrong_limit=3, wrong_limit_global=8, lockout_s=30.0, lockout_max_s=600.0),
        incoming=Incoming(allow=(f"anna@{PHONES['anna']}", f"carl@{PHONES['carl']}"), auto_answer="always", may_open=True),
        journal=Journal(path=str(journal)),
    )
