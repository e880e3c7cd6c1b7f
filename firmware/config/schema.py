"""The settings: one named tuple a section of `portero.toml`, with every key, its type, range, unit and default.

`load` reads these classes as its schema, so a key exists there and nowhere else. An `Annotated` type carries its checks. A field without a
default must be given. A field of type `Secret` may also be given as `…_file` or `…_credential` (see `secrets`). The classes stand in
`sections`, by what they are about; whoever reads settings imports them from here.
"""

# Named tuples, because twenty dataclasses cost 10 ms of start-up. Without `from __future__ import annotations`, because `load` needs the
# types themselves, and evaluating their texts costs time as well.

from typing import NamedTuple

from firmware.config.sections.access import Access, Card, Code, Group, Users
from firmware.config.sections.account import Account
from firmware.config.sections.appliance import Lan, System, Update, Wifi
from firmware.config.sections.board import Button, Contact, Keypad, Lamp, Lock, Reader, Wiegand
from firmware.config.sections.call import Call, Caller, Incoming
from firmware.config.sections.camera import Camera, Rtsp
from firmware.config.sections.kept import Journal, LeftMessages, Recording
from firmware.config.sections.network import Network, Station, Tls, Turn
from firmware.config.sections.outlets import Control, Login, Mqtt, Web, Webhook
from firmware.config.sections.ringing import Flat, Flats, Holiday, Profile, Rule, Step, Target
from firmware.config.sections.sound import Audio, OwnSound, Paging
from firmware.config.sections.voicexml import Menu, VoiceXml

__all__ = [
    "Access",
    "Account",
    "Audio",
    "Button",
    "Call",
    "Caller",
    "Camera",
    "Card",
    "Code",
    "Contact",
    "Control",
    "Flat",
    "Flats",
    "Group",
    "Holiday",
    "Incoming",
    "Journal",
    "Keypad",
    "Lamp",
    "Lan",
    "LeftMessages",
    "Lock",
    "Login",
    "Menu",
    "Mqtt",
    "Network",
    "OwnSound",
    "Paging",
    "Profile",
    "Reader",
    "Recording",
    "Rtsp",
    "Rule",
    "Settings",
    "Station",
    "Step",
    "System",
    "Target",
    "Tls",
    "Turn",
    "Update",
    "Users",
    "VoiceXml",
    "Web",
    "Webhook",
    "Wiegand",
    "Wifi",
]


class Settings(NamedTuple):
    """Everything in `portero.toml`, checked. `warnings` are plain sentences about what works but should not stay."""

    station: Station = Station()
    network: Network = Network()
    turn: Turn = Turn()
    tls: Tls = Tls()
    account: tuple[Account, ...] = ()
    target: tuple[Target, ...] = ()
    button: tuple[Button, ...] = ()
    flats: Flats = Flats()
    flat: tuple[Flat, ...] = ()
    step: tuple[Step, ...] = ()
    profile: tuple[Profile, ...] = ()
    holiday: tuple[Holiday, ...] = ()
    lock: tuple[Lock, ...] = ()
    code: tuple[Code, ...] = ()
    card: tuple[Card, ...] = ()
    lamp: tuple[Lamp, ...] = ()
    contact: tuple[Contact, ...] = ()
    reader: tuple[Reader, ...] = ()
    wiegand: tuple[Wiegand, ...] = ()
    keypad: tuple[Keypad, ...] = ()
    webhook: tuple[Webhook, ...] = ()
    rule: tuple[Rule, ...] = ()
    sound: tuple[OwnSound, ...] = ()
    audio: Audio = Audio()
    camera: Camera = Camera()
    rtsp: Rtsp = Rtsp()
    call: Call = Call()
    access: Access = Access()
    incoming: Incoming = Incoming()
    caller: tuple[Caller, ...] = ()
    group: tuple[Group, ...] = ()
    users: Users = Users()
    journal: Journal = Journal()
    recording: Recording = Recording()
    message: LeftMessages = LeftMessages()
    paging: tuple[Paging, ...] = ()
    control: Control = Control()
    web: Web = Web()
    mqtt: Mqtt = Mqtt()
    login: tuple[Login, ...] = ()
    voicexml: VoiceXml = VoiceXml()
    menu: tuple[Menu, ...] = ()
    system: System = System()
    update: Update = Update()
    lan: Lan = Lan()
    wifi: Wifi = Wifi()
    warnings: tuple[str, ...] = ()
