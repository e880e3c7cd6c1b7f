"""How sound is encrypted: what we are ready to do, what a description asks for, what both have agreed (RFC 4568, RFC 5763, RFC 8643).

Three wishes. OFF: keys are neither offered nor taken. OPTIONAL: keys are offered under the plain profile, so that who knows no
encryption still answers (opportunistic, RFC 8643 §3.1). MANDATORY: the secure profiles alone; what is plain is refused.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from firmware.kind import kind
from firmware.sdp.crypto import CryptoLine, SrtpKey, crypto_lines
from firmware.sdp.description import Attribute, MediaDescription, SessionDescription
from firmware.sdp.fingerprint import Fingerprint, Setup, is_client, parse_fingerprints

# Feedback (RFC 4585) is only promised by a=rtcp-fb, which we never repeat: AVPF is AVP to us.
PLAIN_PROFILES: Final = ("RTP/AVP", "RTP/AVPF")
SDES_PROFILES: Final = ("RTP/SAVP", "RTP/SAVPF")  # RFC 4568 §5.1
DTLS_PROFILES: Final = ("UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF")  # RFC 5764 §8


class Encryption(Enum):
    """How much we want of it."""

    OFF = "never"
    OPTIONAL = "with whoever can"
    MANDATORY = "or no call"


class Method(Enum):
    """How keys are agreed on."""

    SDES = "in the session description (RFC 4568)"
    DTLS = "by a handshake on the media path (RFC 5763)"


@kind
class Protection(NamedTuple):
    """What we are ready to do in one call. `methods` in order of preference; `keys` our own, one a suite, in order of preference.

    A key in a description is worth what its signalling is: `keys_in_clear` allows it over signalling that is not encrypted.
    """

    encryption: Encryption = Encryption.OFF
    methods: tuple[Method, ...] = ()
    keys: tuple[SrtpKey, ...] = ()
    fingerprint: Fingerprint | None = None
    keys_in_clear: bool = False
    is_client: bool | None = None  # our role in the handshake that this dialog had already, None before

    def over(self, *, is_secure: bool) -> Protection:
        """What is left of it over signalling that is or is not encrypted (RFC 4568 §8.3)."""
        if is_secure or self.keys_in_clear:
            return self
        return self._replace(methods=tuple(method for method in self.methods if method is not Method.SDES), keys=())

    def __str__(self) -> str:
        return f"{self.encryption.name.lower()}, {len(self.methods)} methods"


PLAIN: Final = Protection()


@kind
class SharedKeys(NamedTuple):
    """Both sides have told each other their keys."""

    send: SrtpKey
    receive: SrtpKey

    def __str__(self) -> str:
        return f"sdes {self.send.suite.value}"


@kind
class Handshake(NamedTuple):
    """Keys will come from a DTLS handshake, in which the other side proves one of `fingerprints`."""

    fingerprints: tuple[Fingerprint, ...]
    is_client: bool

    def __str__(self) -> str:
        return "dtls"


Agreed = SharedKeys | Handshake


@kind
class Reply(NamedTuple):
    """What an offer's line and we agree on, and what our answer says of it; nothing of both for a plain stream."""

    agreed: Agreed | None = None
    attributes: tuple[Attribute, ...] = ()


def offered_profile(ours: Protection) -> str | None:
    """The profile of a first offer; None when encryption is mandatory and no method is left."""
    if ours.encryption is not Encryption.MANDATORY:
        return PLAIN_PROFILES[0]
    for method in ours.methods:
        if method is Method.DTLS and ours.fingerprint is not None:
            return DTLS_PROFILES[0]
        if method is Method.SDES and ours.keys:
            return SDES_PROFILES[0]
    return None


def offered_attributes(ours: Protection, profile: str) -> tuple[Attribute, ...]:
    """What an offer under `profile` says of keys. RFC 8643 §3.1: under the plain one, everything that we could do."""
    if ours.encryption is Encryption.OFF:
        return ()
    out: tuple[Attribute, ...] = ()
    if Method.SDES in ours.methods and profile.upper() not in DTLS_PROFILES:
        out += tuple(("crypto", str(CryptoLine(tag, key))) for tag, key in enumerate(ours.keys, 1))
    if Method.DTLS in ours.methods and ours.fingerprint is not None and profile.upper() not in SDES_PROFILES:
        out += _identity(ours.fingerprint, Setup.ACTPASS)
    return out


def reply_to(offer: SessionDescription, media: MediaDescription, ours: Protection) -> Reply | None:
    """Our side of an offered line, None when the line cannot be taken: it is plain and may not be, or secure and cannot be."""
    profile = media.protocol.upper()
    for method in ours.methods if ours.encryption is not Encryption.OFF else ():
        if method is Method.SDES and profile not in DTLS_PROFILES:
            reply = _reply_sdes(media, ours)
        elif method is Method.DTLS and profile not in SDES_PROFILES:
            reply = _reply_dtls(offer, media, ours)
        else:
            continue
        if reply is not None:
            return reply
    return Reply() if profile in PLAIN_PROFILES and ours.encryption is not Encryption.MANDATORY else None


def read_reply(offered: MediaDescription, answer: SessionDescription, media: MediaDescription, ours: Protection) -> Agreed | None:
    """What their answer makes of the keys that we `offered`: None for a plain stream.

    Raises ValueError with a plain sentence when encryption was mandatory, or asked for by the profile, and did not come about.
    """
    profile = offered.protocol.upper()
    agreed: Agreed | None = _read_sdes(offered, media, ours) if profile not in DTLS_PROFILES else None
    if agreed is None and profile not in SDES_PROFILES:
        agreed = _read_dtls(offered, answer, media)
    is_plain = profile in PLAIN_PROFILES and media.protocol.upper() in PLAIN_PROFILES
    if agreed is None and (not is_plain or ours.encryption is Encryption.MANDATORY):
        raise ValueError("the other side takes none of our keys, and the call must be encrypted")
    return agreed


def _reply_sdes(media: MediaDescription, ours: Protection) -> Reply | None:
    # RFC 4568 §5.1.2: the answer takes one line, with its tag and suite and a key of the answerer's own. The offerer's order counts.
    for line in crypto_lines(media.attribute_values("crypto")):
        own = next((key for key in ours.keys if key.suite is line.key.suite), None)
        if own is not None:
            return Reply(SharedKeys(send=own, receive=line.key), (("crypto", str(CryptoLine(line.tag, own))),))
    return None


def _reply_dtls(offer: SessionDescription, media: MediaDescription, ours: Protection) -> Reply | None:
    theirs = _fingerprints(offer, media)
    setup = _setup(offer, media)
    # RFC 5763 §6.6: in a further offer actpass leaves a standing association as it is, roles included.
    standing = ours.is_client if setup == Setup.ACTPASS.value else None
    first = is_client(setup, offered=False) if standing is None else standing
    if not theirs or first is None or ours.fingerprint is None:
        return None
    role = Setup.ACTIVE if first else Setup.PASSIVE
    return Reply(Handshake(theirs, is_client=first), _identity(ours.fingerprint, role))


def _read_sdes(offered: MediaDescription, media: MediaDescription, ours: Protection) -> SharedKeys | None:
    lines = crypto_lines(media.attribute_values("crypto"))
    if len(lines) != 1:
        return None  # RFC 4568 §5.1.3: exactly one line in the answer
    sent = {line.tag: line.key for line in crypto_lines(offered.attribute_values("crypto"))}
    own = sent.get(lines[0].tag)
    if own is None or own.suite is not lines[0].key.suite or own not in ours.keys:
        return None
    return SharedKeys(send=own, receive=lines[0].key)


def _read_dtls(offered: MediaDescription, answer: SessionDescription, media: MediaDescription) -> Handshake | None:
    theirs = _fingerprints(answer, media)
    first = is_client(_setup(answer, media), offered=True)
    if not theirs or first is None or offered.attribute("fingerprint") is None:
        return None
    return Handshake(theirs, is_client=first)


def _fingerprints(description: SessionDescription, media: MediaDescription) -> tuple[Fingerprint, ...]:
    """RFC 8122 §5: those of the line, else those of the whole session."""
    own = media.attribute_values("fingerprint")
    return parse_fingerprints(own or tuple(value or "" for key, value in description.attributes if key == "fingerprint"))


def _setup(description: SessionDescription, media: MediaDescription) -> str | None:
    stated = media.attribute("setup")
    return description.attribute("setup") if stated is None else stated


def _identity(fingerprint: Fingerprint, setup: Setup) -> tuple[Attribute, ...]:
    return (("fingerprint", str(fingerprint)), ("setup", setup.value))
