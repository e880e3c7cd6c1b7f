"""How PINs and codes are kept: one slow, salted hash of the digits, by which they are found and proved at the same time.

    stretched     = scrypt(digits, salt = device key + store salt)       slow: about 15 ms on a desk, 50 to 100 ms on a Zero 2 W
    mark ‖ proof  = HMAC-SHA-256(key = stretched, kind)                  fast

Ten thousand users cannot be tried one after the other with a slow hash, so the digits themselves must lead to their owner. A fast keyed
index beside slow hashes would be the weak spot: whoever holds the key tries all six-digit codes in a second. Here every guess costs one
scrypt, with or without the key, and every attempt at the door costs one scrypt, known or not, whatever the number of users.

What this is worth. Without the key file a copy of the store tells nothing: the salt has 256 unknown bits. With both files, which lie on the
same memory card unless the configuration says otherwise, a six-digit code has only a million values: a desk computer needs hours, a rented
rack minutes. The salt is that of the store and not of the user, so one such search serves for all users; that is the price of finding
them by their digits. So it is the lock-out that protects the door, and this only that a lost memory card is no list of codes. Card numbers
are kept as they are: a card tells its number to every reader.

scrypt: RFC 7914. N = 4096, r = 8 takes 4 MiB, which a board with 512 MB spares for each attempt.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from firmware.errors import UsersError
from firmware.service_file import own_like_directory, sync_directory

SCRYPT_COST = 4096
SCRYPT_BLOCK = 8
KEY_BYTES = 32
SALT_BYTES = 16
MARK_BYTES = 16
SCHEME = "portero1"  # names hash and parameters in an exported seal


class SecretKind(Enum):
    """What digits are for. A PIN counts at keypads, a code in calls, a duress code at both."""

    PIN = "pin"
    CODE = "code"
    DURESS = "duress"


# The same digits may be one user's PIN and another's code, because they are never looked for at the same place.
OVERLAPS: Mapping[SecretKind, tuple[SecretKind, ...]] = {
    SecretKind.PIN: (SecretKind.PIN, SecretKind.DURESS),
    SecretKind.CODE: (SecretKind.CODE, SecretKind.DURESS),
    SecretKind.DURESS: (SecretKind.PIN, SecretKind.CODE, SecretKind.DURESS),
}


class Seal(NamedTuple):
    """Digits as they are kept: by `mark` they are found, by `proof` they are proved; their number says when typing is complete."""

    mark: bytes
    proof: bytes
    digits: int


class Sealer:
    """Seals digits with the key of this device and the salt of one store."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self.store_salt = salt
        self._salt = key + salt
        self.key_id = hmac.digest(key, b"portero key id" + salt, "sha256")[:4].hex()

    def seals(self, digits: str) -> dict[SecretKind, Seal]:
        """The seals of these digits for every use. Slow, and without the interpreter lock: call it beside the event loop."""
        stretched = hashlib.scrypt(digits.encode(), salt=self._salt, n=SCRYPT_COST, r=SCRYPT_BLOCK, p=1, dklen=32)
        return {kind: _seal(stretched, kind, len(digits)) for kind in SecretKind}

    def written(self, seal: Seal) -> str:
        """A seal as it stands in an exported file."""
        return ":".join((SCHEME, self.key_id, str(seal.digits), base64.urlsafe_b64encode(seal.mark + seal.proof).decode().rstrip("=")))

    def read(self, text: str) -> Seal:
        """The seal that `written` wrote. Raises UsersError with the remedy, also when it was made with another key."""
        scheme, _, rest = text.partition(":")
        key_id, _, rest = rest.partition(":")
        digits, _, encoded = rest.partition(":")
        if key_id != self.key_id and scheme == SCHEME:
            raise UsersError("the secret was exported by another station; write the digits instead, or bring that station's store and key")
        with suppress(binascii.Error, ValueError):
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            if scheme == SCHEME and len(raw) == 2 * MARK_BYTES and len(digits) <= 2 and int(digits) > 0 and digits == str(int(digits)):
                return Seal(mark=raw[:MARK_BYTES], proof=raw[MARK_BYTES:], digits=int(digits))
        raise UsersError("the secret is damaged; export it again, or write the digits instead")


def _seal(stretched: bytes, kind: SecretKind, digits: int) -> Seal:
    raw = hmac.digest(stretched, kind.value.encode(), "sha256")
    return Seal(mark=raw[:MARK_BYTES], proof=raw[MARK_BYTES:], digits=digits)


def device_key(path: Path, *, create: bool) -> bytes:
    """The key of this device; with `create` a new one when there is none. Raises UsersError.

    The file appears whole or not at all: it is written beside its place and linked there, and the first of two writers wins.
    """
    try:
        if create and not path.exists():
            _create_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise UsersError(f"{path}: the key of the users' secrets cannot be used ({error.strerror}); restore it from a backup") from error
    if len(key) != KEY_BYTES:
        raise UsersError(f"{path}: this is no key of {KEY_BYTES} bytes; restore it from a backup")
    return key


def _create_key(path: Path) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            own_like_directory(file.fileno(), path.parent)
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
    sync_directory(path.parent)
