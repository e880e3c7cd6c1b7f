"""The settings as what a call offers to encrypt its sound with; keys are made anew for every call leg."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable

from firmware.config.schema import Settings
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.ice import IceCredentials
from firmware.sdp.protection import PLAIN, Encryption, Method, Protection


class Protections:
    """What is offered and taken, by account (None: direct calls)."""

    def __init__(self, settings: Settings, fingerprint: Callable[[], Fingerprint]) -> None:
        """`fingerprint`: of our certificate, asked for when somebody wants "dtls"; it may raise MediaError."""
        call = settings.call
        self._fingerprint = fingerprint
        self._suites = tuple(Suite(name) for name in call.media_ciphers)
        self._keys_in_clear = call.keys_in_clear
        self._wishes: dict[str | None, tuple[Encryption, tuple[Method, ...]]] = {
            None: (Encryption[call.media_encryption.upper()], _methods(call.key_exchange))
        }
        for account in settings.account:
            encryption = Encryption[(account.media_encryption or call.media_encryption).upper()]
            self._wishes[account.name] = encryption, _methods(account.key_exchange or call.key_exchange)

    def __call__(self, account: str | None) -> Protection:
        """With fresh keys: one that was used for a call is never used for another."""
        encryption, methods = self._wishes.get(account, self._wishes[None])
        if encryption is Encryption.OFF:
            return PLAIN
        keys = tuple(fresh_key(suite) for suite in self._suites) if Method.SDES in methods else ()
        fingerprint = self._fingerprint() if Method.DTLS in methods else None
        return Protection(encryption, methods, keys, fingerprint, keys_in_clear=self._keys_in_clear)

    def warm_up(self) -> None:
        """Make the certificate, if any call will need it, while nobody waits. Raises MediaError."""
        if any(Method.DTLS in methods and encryption is not Encryption.OFF for encryption, methods in self._wishes.values()):
            self._fingerprint()


def fresh_key(suite: Suite) -> SrtpKey:
    """Master key and salt from the system's generator (RFC 4568 §8.1 wants them unpredictable)."""
    return SrtpKey(suite, os.urandom(suite.octets))


def ice_credentials(settings: Settings) -> IceCredentials | None:
    """Fresh ones for one call leg, None when ICE is off (RFC 8839 §5.4 wants 24 and 128 random bits)."""
    if settings.network.ice == "off":
        return None
    ufrag, pwd = (b64encode(os.urandom(octets)).decode("ascii") for octets in (6, 18))
    return IceCredentials(ufrag, pwd)


def _methods(names: tuple[str, ...]) -> tuple[Method, ...]:
    return tuple(Method[name.upper()] for name in names)
