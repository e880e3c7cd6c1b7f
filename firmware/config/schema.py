"""The settings: one named tuple a section of `portero.toml`, with every key, its type, range, unit and default.

`load` reads these classes as its schema, so a key exists here and nowhere else. An `Annotated` type carries its checks. A field without a
default must be given. A field of type `Secret` may also be given as `…_file` or `…_credential` (see `secrets`).
"""

# Named tuples, because twenty dataclasses cost 10 ms of start-up. Without `from __future__ import annotations`, because `load` needs the
# types themselves, and evaluating their texts costs time as well.

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between, is_clock, is_country, is_gpio, is_name, is_not_empty, is_port, is_uri
from firmware.config.outlet_sections import Login, Mqtt, Web
from firmware.config.secrets import Secret

Name = Annotated[str, is_name]
Text = Annotated[str, is_not_empty]
SipUri = Annotated[str, is_uri]
Gpio = Annotated[int, is_gpio]  # BCM numbering: GPIO17 is 17, never the position on the header
DebounceMs = Annotated[int, between(10, 200, "ms")]
RepeatMs = Annotated[int, between(0, 60000, "ms")]  # the same card counts again after it was away so long
HeldMs = Annotated[int, between(500, 60000, "ms")] | Literal["never"]  # a card that stays so long is reported as held


class Station(NamedTuple):
    """[station]: who this door is."""

    name: Text = "Portero"  # shown on the phones of accounts and direct calls without a display name of their own
    user_agent: str = "Portero"  # the SIP User-Agent header; empty: none is sent
    timezone: str | None = None  # "Europe/Berlin"; None: that of this machine


class Network(NamedTuple):
    """[network]: addresses and ports."""

    bind: str = ""  # an address of this machine; empty: all of them, IPv4 and IPv6
    sip_port: Annotated[int, between(0, 65535)] = 5060  # 0: any free port
    transports: tuple[Literal["udp", "tcp", "tls", "ws", "wss", "sctp"], ...] = ("udp", "tcp")  # in order of preference
    tls_port: Annotated[int, between(0, 65535)] = 5061  # where "tls" listens, if there is a certificate of ours; 0: any free port
    ws_port: Annotated[int, between(0, 65535)] = 5066  # where "ws" listens
    wss_port: Annotated[int, between(0, 65535)] = 7443  # where "wss" listens, if there is a certificate of ours
    websocket_path: Text = "/"  # what a WebSocket server is asked for: Asterisk wants "/ws"
    dns: tuple[str, ...] = ()  # name servers instead of those of the machine: "192.168.1.1" or "192.168.1.1:5353"
    rtp_ports: tuple[Annotated[int, is_port], ...] = (10000, 10099)  # first and last; a call takes two
    rtcp_mux: bool = True  # offer to send reports over the port of the sound (RFC 5761); a phone that cannot leaves it
    ice: Literal["off", "lite", "full"] = "lite"  # RFC 8445: lite answers phones that look for a way to the door, full looks itself
    stun: str = ""  # "stun.example" or with a port: tells under which address a translator (NAT) shows the door; empty: nobody is asked
    dscp_sip: Annotated[int, between(0, 63)] = 24  # CS3, RFC 4594 §4.1
    dscp_rtp: Annotated[int, between(0, 63)] = 46  # EF, RFC 4594 §4.1


class Tls(NamedTuple):
    """[tls]: certificates in PEM, for the transports "tls" and "wss". Changed files count from the next connection on."""

    certificate: Text | None = None  # ours, with the authorities between; without one nobody can connect to us
    key: Text | None = None  # None: in the same file
    ca: Text | None = None  # whom we trust; None: the authorities that the system trusts
    verify: Literal["domain", "authority", "nothing"] = "domain"  # what a server must prove (RFC 5922)
    client_certificate: bool = False  # whether whoever connects to us must show a certificate


MediaEncryption = Literal["off", "optional", "mandatory"]
KeyExchange = Literal["sdes", "dtls"]  # keys in the session description (RFC 4568), or by a handshake beside the sound (RFC 5763)


class Account(NamedTuple):
    """[[account]]: a registration at a SIP server."""

    name: Name
    uri: SipUri  # the address of record: sip:door@pbx.example
    registrar: SipUri | None = None  # None: the domain of `uri`
    proxy: SipUri | None = None  # outbound proxy
    second_proxy: SipUri | None = None  # another way to the same registrar, for when the first is gone
    outbound: bool = False  # true: keep flows, over both proxies at once where the registrar can (RFC 5626)
    username: str | None = None  # for the digest; None: the user of `uri`
    password: Secret | None = None
    display_name: str | None = None  # None: the station's name
    expires_s: Annotated[int, between(30, 86400, "s")] = 300
    allow_md5: bool = True  # false: a server that offers nothing better than MD5 is refused
    backups: tuple[SipUri, ...] = ()  # further registrars of this account, asked in order while the first does not answer
    gruu: bool = False  # true: ask for an address of this device that works from everywhere (RFC 5627)
    watch_binding: bool = False  # true: ask the registrar to tell when it drops us (RFC 3680), and register again at once
    probe_s: Annotated[int, between(2, 3600, "s")] | Literal["never"] = 10  # gap of the questions that notice a restarted registrar
    keepalive: Literal["crlf", "stun"] = "crlf"  # which: an empty line, or a question of which a server with STUN says where it sees us
    keepalive_s: Annotated[int, between(10, 600, "s")] | Literal["never"] = "never"  # gap of the signs of life that keep a NAT open
    publish: bool = False  # true: tell the server that the door is there, and when it talks (RFC 3903)
    quality_to: SipUri | None = None  # who collects how each call sounded (RFC 6035); None: nobody
    anonymous: bool = False  # true: whom the door calls is not shown who calls (RFC 3323)
    trust_identity: bool = False  # true: who calls is whom this server asserts (RFC 3325), and may open with a code; see [incoming]
    media_encryption: MediaEncryption | None = None  # of calls through this account; None: as in [call]
    key_exchange: tuple[KeyExchange, ...] | None = None  # None: as in [call]


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


class Button(NamedTuple):
    """[[button]]: a bell button; `targets` are names of targets, or SIP addresses, rung in parallel. A `plan` rings one after another."""

    name: Name
    targets: tuple[str, ...] = ()
    plan: str | None = None
    gpio: Gpio | None = None  # None: pressed by `portero ctl` alone
    pull: Literal["up", "down", "none"] = "up"
    active_high: bool = False
    debounce_ms: DebounceMs = 30
    min_active_ms: Annotated[int, between(0, 5000, "ms")] = 0
    stuck_after_s: Annotated[float, between(1, 86400, "s")] | Literal["never"] = 60.0


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


class Lock(NamedTuple):
    """[[lock]]: a door opener behind a relay."""

    name: Name
    gpio: Gpio
    active_high: bool = True
    pulse_s: Annotated[float, between(0.1, 60, "s")] = 5.0
    max_closed_s: Annotated[float, between(0.1, 120, "s")] = 30.0  # the driver's own limit of one closing, however often it is opened anew
    may_hold: bool = False  # whether it bears current all day, so that it may be held open
    held_when: Text | None = None  # a profile, or "not PROFILE": held open
    then: str | None = None  # the lock that opens after this one …
    then_after_s: Annotated[float, between(0, 600, "s")] = 0.0  # … so much later
    secure_only: bool = False  # true: a digit opens it only in a call whose signalling and sound are encrypted


class Code(NamedTuple):
    """[[code]]: digits that open in a call. No code exists unless it is written here."""

    name: Name
    code: Secret
    locks: tuple[str, ...] | None = None  # None: all


class Card(NamedTuple):
    """[[card]]: a card that opens the lock of the reader at which it is shown."""

    name: Name
    number: str  # hexadecimal, as the reader reports it
    locks: tuple[str, ...] | None = None  # None: all


class Lamp(NamedTuple):
    """[[lamp]]: a light that says what happens."""

    name: Name
    gpio: Gpio
    shows: Literal["ring", "talk", "open", "refused"]
    active_high: bool = True
    blink_period_s: Annotated[float, between(0.1, 10, "s")] | None = None  # None: steady


class Contact(NamedTuple):
    """[[contact]]: an exit button (`exit`, opens `lock` whatever else happens), a door contact (`door`, tells when it was opened
    without `lock`), or the switch in the panel's case (`tamper`, blocks the relays).
    """

    name: Name
    kind: Literal["exit", "door", "tamper"]
    gpio: Gpio
    lock: str | None = None
    open_limit_s: Annotated[float, between(1, 86400, "s")] | None = None  # of a door: reported when it stands open for so long
    pull: Literal["up", "down", "none"] = "up"
    active_high: bool = False
    debounce_ms: DebounceMs = 30


class Reader(NamedTuple):
    """[[reader]]: a card reader or keypad at a serial port."""

    name: Name
    port: Text
    lock: str  # what its cards and PINs open
    kind: Literal["rdm6300", "pn532", "wiegand_bridge", "keypad"] = "rdm6300"
    baud: Annotated[int, between(1200, 115200)] | None = None  # None: what such devices are delivered with
    repeat_after_ms: RepeatMs = 1500
    held_after_ms: HeldMs = 4000


class Wiegand(NamedTuple):
    """[[wiegand]]: a Wiegand reader at two pins, with or without keys."""

    name: Name
    gpio_d0: Gpio
    gpio_d1: Gpio
    lock: str
    pull: Literal["up", "down", "none"] = "up"
    gap_ms: Annotated[int, between(10, 200, "ms")] = 50  # of silence end a frame
    repeat_after_ms: RepeatMs = 1500
    held_after_ms: HeldMs = 4000


class Keypad(NamedTuple):
    """[[keypad]]: a matrix keypad; `keys` has a text for each row with a character for each column."""

    name: Name
    gpio_rows: tuple[Gpio, ...]
    gpio_columns: tuple[Gpio, ...]
    lock: str
    keys: tuple[str, ...] = ("123", "456", "789", "*0#")
    debounce_ms: DebounceMs = 30


class Webhook(NamedTuple):
    """[[webhook]]: an HTTP address that rules may tell what has happened."""

    name: Name
    url: Text
    token: Secret | None = None  # sent as a bearer token (RFC 6750 §2.1)
    timeout_s: Annotated[float, between(1, 30, "s")] = 5.0


class Rule(NamedTuple):
    """[[rule]]: when something happens, do something."""

    name: Name
    on: Text  # "pressed bell", "opened door", "failed"
    do: tuple[str, ...]  # "call anna", "hold gate", "wait 5", "normal gate"
    when: Text | None = None  # a profile, or "not PROFILE"
    state: Literal["idle", "calling", "offered", "talking"] | None = None  # what the door's line does


class OwnSound(NamedTuple):
    """[[sound]]: a WAV file of one's own in place of a tone of the panel, or only its volume."""

    event: Literal["ringback", "beep", "error", "opened", "ended", "chime", "nobody", "speak", "wrong"]
    file: Text | None = None  # None: the tone, or the spoken prompt
    volume_db: Annotated[int, between(-40, 12, "dB")] = 0


class Audio(NamedTuple):
    """[audio]: the sound card and what travels."""

    device: Text = "default"  # an ALSA device, or a piece of the card's name
    capture_device: str | None = None  # None: the same card
    rate_hz: Literal[8000, 16000, 32000, 44100, 48000] = 16000
    period_ms: Literal[10, 20] = 20
    codecs: tuple[Literal["opus", "G722", "L16", "PCMA", "PCMU"], ...] = ("opus", "G722", "PCMA", "PCMU")  # in order of preference
    redundancy: bool = True  # offer copies of packets (RFC 2198), sent while the other side reports loss
    comfort_noise: bool = False  # true: nothing but the level of the noise travels while nobody speaks (RFC 3389, DTX of Opus)
    tone_digits: bool = True  # listen for digits in the sound when the other side offers no better way
    prompts: Literal["off", "en", "de", "es", "fr", "it"] = "off"  # spoken words with the tones
    echo: Literal["cancel", "half_duplex", "off"] = "cancel"  # of the loudspeaker in the microphone
    noise_suppression: bool = True
    gain_control: bool = True  # near and far visitors are heard alike
    louder_in_noise_db: Annotated[int, between(0, 12, "dB")] = 6  # how much the loudspeaker may rise with the street's noise


MediaCipher = Literal[
    "AEAD_AES_256_GCM",
    "AEAD_AES_128_GCM",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
    "AES_CM_128_HMAC_SHA1_32",
]
CIPHERS: tuple[MediaCipher, ...] = ("AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80")


class Call(NamedTuple):
    """[call]: how a call from the door runs."""

    ring_limit_s: Annotated[float, between(5, 300, "s")] = 60.0
    talk_limit_s: Annotated[float, between(15, 3600, "s")] = 180.0
    hangup_after_open_s: Annotated[float, between(0, 60, "s")] | Literal["never"] = 5.0
    second_press: Literal["ignore", "hang_up"] = "ignore"  # of the same button, while it rings; another button always replaces
    chime: Literal["never", "unreachable", "unanswered"] = "unreachable"  # at the panel, in place of the phones
    fallback_after_s: Annotated[float, between(2, 30, "s")] = 5.0  # a phone that shows no sign of ringing is called by its next way as well
    silence_limit_s: Annotated[float, between(5, 600, "s")] = 30.0  # a call whose sound stopped arriving for so long is dead
    transfers: Literal["never", "account", "call"] = "account"  # who may transfer or replace a call: nobody, the account's server, any peer
    reliable: Literal["off", "supported", "required"] = "supported"  # provisional responses that are acknowledged (RFC 3262)
    session_timer: Literal["off", "supported", "required"] = "supported"  # RFC 4028
    session_expires_s: Annotated[int, between(90, 86400, "s")] = 1800
    media_encryption: MediaEncryption = "optional"  # mandatory: who cannot is not talked to
    key_exchange: tuple[KeyExchange, ...] = ("sdes",)  # how keys are agreed on, in order of preference
    media_ciphers: tuple[MediaCipher, ...] = CIPHERS  # that are offered and taken with "sdes", in order of preference
    keys_in_clear: bool = False  # true: "sdes" also over signalling that is not encrypted, where everybody on the way reads the keys


class Access(NamedTuple):
    """[access]: how codes are taken and guessing is stopped."""

    digit_limit_s: Annotated[float, between(1, 30, "s")] = 5.0  # between two digits of one code
    wrong_limit: Annotated[int, between(1, 10)] = 3  # wrong codes of one party before it is locked out
    wrong_limit_global: Annotated[int, between(1, 100)] = 10  # wrong codes of all parties together before all are
    lockout_s: Annotated[float, between(1, 3600, "s")] = 30.0  # the first time; doubles with each further wrong code
    lockout_max_s: Annotated[float, between(1, 86400, "s")] = 3600.0


class Incoming(NamedTuple):
    """[incoming]: who may call the door."""

    allow: tuple[str, ...] = ()  # user@host, *@host or *@*; empty: nobody
    auto_answer: Literal["never", "on_request", "always"] = "never"
    auto_answer_for: tuple[str, ...] = ("*@*",)  # of those in `allow`, whose request is heard; patterns as there
    conference: str = ""  # the user part by which the conversation at the door may be dialled; '': none
    conference_for: tuple[str, ...] = ()  # of those in `allow`, who may; patterns as there
    users: tuple[str, ...] | None = None  # users of ours that may be called, besides the accounts'; None: any
    only_servers: bool = False  # true: nothing is taken from an address that is no account's server
    unwanted: Literal["drop", "404", "603"] = "404"  # what scanners, and calls for other users, are answered
    proof: Literal["never", "direct", "always"] = "never"  # of whom a [[caller]]'s password is asked; direct: past the servers
    allow_md5: bool = True  # false: such passwords are proved with SHA-256 alone
    write: tuple[str, ...] = ()  # who may send messages, besides the accounts' servers; patterns as in `allow`
    watch: tuple[str, ...] = ()  # who may subscribe to the door's calls and presence: a lamp on the resident's phone
    may_open: bool = False  # whether a code counts in such a call, when `trust_identity` or a password vouches for the caller


class Caller(NamedTuple):
    """[[caller]]: somebody who proves a password when calling; `name` is the user name, and that of the caller's address."""

    name: Name
    password: Secret


class Group(NamedTuple):
    """[[group]]: what every user of this group may open, and when."""

    name: Name
    locks: tuple[str, ...] | None = None  # None: all
    profile: str | None = None  # None: always


class Users(NamedTuple):
    """[users]: the store of users, which `portero users` changes."""

    path: Text = "/var/lib/portero/users.db"
    key: Text = "/var/lib/portero/users.key"  # without this file the store tells no PIN; best on another medium


class Journal(NamedTuple):
    """[journal]: the record of everything that happened at the door."""

    path: Text = "/var/lib/portero/journal.db"
    rows_max: Annotated[int, between(1000, 10_000_000)] = 100_000
    keep_days: Annotated[int, between(1, 3650, "days")] = 365


class Recording(NamedTuple):
    """[recording]: whether calls are kept, and for how long. Many countries demand that both sides are told."""

    calls: Literal["never", "always"] = "never"
    path: Text = "/var/lib/portero/recordings"
    format: Literal["wav", "opus"] = "wav"  # opus: a tenth of the size
    announce: Literal["words", "beep", "nothing"] = "words"  # to both sides, when it begins
    minutes_max: Annotated[int, between(1, 60, "minutes")] = 10  # of one call
    keep_days: Annotated[int, between(1, 3650, "days")] = 30
    files_max: Annotated[int, between(1, 10_000)] = 200
    megabytes_max: Annotated[int, between(20, 1_000_000, "MB")] = 500


class LeftMessages(NamedTuple):
    """[message]: what visitors say whom nobody answered."""

    take: bool = False
    seconds: Annotated[float, between(5, 120, "s")] = 30.0  # of one message
    path: Text = "/var/lib/portero/messages"
    format: Literal["wav", "opus"] = "wav"
    keep_days: Annotated[int, between(1, 3650, "days")] = 30
    files_max: Annotated[int, between(1, 10_000)] = 100
    megabytes_max: Annotated[int, between(20, 1_000_000, "MB")] = 200


class Paging(NamedTuple):
    """[[paging]]: a group of the network that the door announces to (`portero ctl page`), or listens to."""

    name: Name
    address: Text  # of the group, with its port: "239.255.12.1:5004"
    interface: Text | None = None  # "eth0"; None: that of network.bind, or what the kernel's routes say
    codec: Literal["opus", "G722", "PCMA", "PCMU"] = "G722"  # in which we speak; all of them are understood
    payload_type: Annotated[int, between(96, 127)] = 96  # of Opus, which has no number of its own
    listen: bool = False  # announcements to the group are heard at the door
    priority: Annotated[int, between(1, 10)] = 5  # 1 is heard before 10
    over_calls: bool = False  # true: heard during a call too, which is not played meanwhile
    limit_s: Annotated[float, between(1, 600, "s")] = 60.0  # of one announcement


class Control(NamedTuple):
    """[control]: the socket of `portero ctl`; only its owner may open it."""

    socket: Text = "/run/portero/control.sock"


class System(NamedTuple):
    """[system]: the device itself, where the door is a flashed image; elsewhere the machine's own settings count."""

    hostname: Annotated[str, is_name] = "portero"  # "portero" is found as portero.local
    ssh_keys: tuple[Text, ...] = ()  # public keys that may log in as root; none: there is no remote login
    time_servers: tuple[Text, ...] = ()  # none: those of the network or of Debian
    reset_gpio: Gpio | None = None  # a button to ground inside the case: held from power-on for 10 s, the device forgets everything


class Update(NamedTuple):
    """[update]: where a flashed device looks for a newer system, and when."""

    url: Text | None = None  # of the bundle, https:// alone; None: nowhere, updates are installed by hand
    ca: Text | None = None  # the authorities, in PEM, that the server's certificate must come from; None: those that the system trusts
    every: Literal["day", "week", "month"] = "day"  # a week's day is Sunday, a month's its first
    at: Annotated[str, is_clock] = "03:30"  # by the clock of [station] timezone, and up to half an hour later


class Lan(NamedTuple):
    """[lan]: the cable, on the image."""

    address: Text | None = None  # "192.168.1.20/24"; None: by DHCP
    gateway: Text | None = None
    dns: tuple[Text, ...] = ()
    vlan: Annotated[int, between(1, 4094)] | None = None  # the door lives in this VLAN (IEEE 802.1Q)
    identity: Text | None = None  # who we are to a switch that asks (IEEE 802.1X, PEAP with MSCHAPv2)
    password: Secret | None = None
    ca: Text | None = None  # the authority of the switch's server, in PEM; without one anybody may ask for the password


class Wifi(NamedTuple):
    """[wifi]: a wireless network, on the image; without `ssid` the radio stays off."""

    ssid: Text | None = None
    password: Secret | None = None  # None: an open network
    country: Annotated[str, is_country] = "DE"  # which channels are lawful


class Settings(NamedTuple):
    """Everything in `portero.toml`, checked. `warnings` are plain sentences about what works but should not stay."""

    station: Station = Station()
    network: Network = Network()
    tls: Tls = Tls()
    account: tuple[Account, ...] = ()
    target: tuple[Target, ...] = ()
    button: tuple[Button, ...] = ()
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
    system: System = System()
    update: Update = Update()
    lan: Lan = Lan()
    wifi: Wifi = Wifi()
    warnings: tuple[str, ...] = ()
