"""How calls run, from the door and to it: [call], [incoming], [[caller]]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between
from firmware.config.secrets import Secret
from firmware.config.sections.account import KeyExchange, MediaEncryption
from firmware.config.sections.values import Name

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
    silence_limit_s: Annotated[float, between(5, 600, "s")] = 30.0  # without sound, or a report that we are heard: the phone is gone
    transfers: Literal["never", "account", "call"] = "account"  # who may transfer or replace a call: nobody, the account's server, any peer
    reliable: Literal["off", "supported", "required"] = "supported"  # provisional responses that are acknowledged (RFC 3262)
    session_timer: Literal["off", "supported", "required"] = "supported"  # RFC 4028
    session_expires_s: Annotated[int, between(90, 86400, "s")] = 1800
    media_encryption: MediaEncryption = "optional"  # mandatory: who cannot is not talked to
    key_exchange: tuple[KeyExchange, ...] = ("sdes",)  # how keys are agreed on, in order of preference
    media_ciphers: tuple[MediaCipher, ...] = CIPHERS  # that are offered and taken with "sdes", in order of preference
    keys_in_clear: bool = False  # true: "sdes" also over signalling that is not encrypted, where everybody on the way reads the keys


class Incoming(NamedTuple):
    """[incoming]: who may call the door."""

    allow: tuple[str, ...] = ()  # user@host, *@host or *@*; empty: nobody
    auto_answer: Literal["never", "on_request", "always"] = "never"
    auto_answer_for: tuple[str, ...] = ("*@*",)  # of those in `allow`, whose request is heard; patterns as there
    auto_answer_as: Literal["talk", "announce"] = "talk"  # announce: such a caller is heard at the door, and neither hears nor sees it
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
