"""Who may use the web page and the API: names, what each may do, and the proof of a password or token. No login exists by itself.

A password is kept as scrypt (RFC 7914) with a salt of its own, and costs 4 MiB and some milliseconds to try, as a PIN does. A token is
made here from 256 random bits, which nobody guesses however fast he is, so one SHA-256 keeps it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from firmware import service_file
from firmware.errors import LoginError
from firmware.hashes import compare_digest, sha256

COST, BLOCK, SALT_BYTES, PROOF_BYTES = 4096, 8, 16, 32  # N and r of scrypt: 4 MiB, which a board with 512 MB spares for each attempt
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 10, 128
LOGINS_MAX: Final = 64  # a house, its installers and its machines
FILE_BYTES_MAX: Final = 65_536
TOKEN_PREFIX: Final = "portero_"  # noqa: S105 - lets a token that got into a public place be found there
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


class May(Enum):
    """What a login may do."""

    SEE = "see"  # state, journal, metrics
    RING = "ring"  # press a button, call a target, hang up
    OPEN = "open"  # open and hold locks
    USERS = "users"  # list, add, change and remove users: whoever may give a PIN may open with it


class Login(NamedTuple):
    """Somebody who may come in. `proof` says what must be shown, and tells nothing of it."""

    name: str
    proof: str
    may: frozenset[May]

    @property
    def is_token(self) -> bool:
        return self.proof.startswith("sha256$")


def password_proof(password: str) -> str:
    """The proof of a new password. Raises LoginError for one that is too short or too long. Takes some milliseconds."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise LoginError(f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters")
    salt = os.urandom(SALT_BYTES)
    return f"scrypt${_text(salt)}${_text(_stretched(password, salt))}"


def new_token() -> tuple[str, str]:
    """A token and its proof. The token is shown once; nothing here can tell it again."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return token, token_proof(token)


def token_proof(token: str) -> str:
    """What a token's login keeps; also for finding whose it is."""
    return f"sha256${_text(sha256(token.encode()).digest())}"


def password_fits(login: Login | None, password: str) -> bool:
    """Whether this is the password; takes the same time for nobody's name. Blocks for some milliseconds."""
    kind, salt, proof = _parts(login)
    stretched = _stretched(password[:PASSWORD_LENGTH_MAX], salt)
    return compare_digest(stretched, proof) and kind == "scrypt"


def is_proof(text: str) -> bool:
    """Whether this is what `password_proof` or `token_proof` may have made."""
    return bool(re.fullmatch(r"scrypt\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=|sha256\$[A-Za-z0-9+/]{43}=", text))


def _parts(login: Login | None) -> tuple[str, bytes, bytes]:
    parts = [] if login is None else login.proof.split("$")
    if len(parts) != 3:
        return "", bytes(SALT_BYTES), bytes(PROOF_BYTES)
    return parts[0], base64.b64decode(parts[1]), base64.b64decode(parts[2])


def _stretched(password: str, salt: bytes) -> bytes:
    import hashlib  # OpenSSL, for whoever has passwords

    return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=1, dklen=PROOF_BYTES)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


class Logins:
    """Those of the configuration, and those of the file that `portero logins` changes, read again whenever it has changed."""

    def __init__(self, path: Path, configured: Iterable[Login] = ()) -> None:
        self._path = path
        self._configured = {login.name: login for login in configured}
        self._stamp: tuple[int, int] | None = None
        self._all: Mapping[str, Login] = self._configured

    def all(self) -> Mapping[str, Login]:
        """Every login by its name; the configuration's word stands over the file's. Raises LoginError for a file that is damaged."""
        stamp = self._looked()
        if stamp != self._stamp:
            self._all = ({} if stamp is None else read(self._path)) | self._configured
            self._stamp = stamp
        return self._all

    def of_token(self, token: str) -> Login | None:
        """Whose token this is. Every login is compared, in the same time."""
        shown, found = token_proof(token).encode(), None
        for login in self.all().values():
            if compare_digest(login.proof.encode(), shown):
                found = login
        return found

    def _looked(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino


def read(path: Path) -> dict[str, Login]:
    """The logins in the file. Raises LoginError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        found = [_login(entry) for entry in json.loads(data)] if len(data) <= FILE_BYTES_MAX else []
    except OSError as error:
        raise LoginError(f"{path} cannot be read ({error.strerror}); check who may read it") from error
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise LoginError(f"{path} is damaged; remove it, and set the passwords anew with `portero logins`") from error
    if (not found and len(data) > FILE_BYTES_MAX) or len(found) > LOGINS_MAX:
        raise LoginError(f"{path} holds more than {LOGINS_MAX} logins; remove some")
    return {login.name: login for login in found}


def write(path: Path, logins: Mapping[str, Login]) -> None:
    """Put the logins into the file, whole or not at all; only its owner may read it. Raises LoginError."""
    if len(logins) > LOGINS_MAX:
        raise LoginError(f"there are {LOGINS_MAX} logins already; remove one")
    entries = [{"name": each.name, "proof": each.proof, "may": sorted(right.value for right in each.may)} for each in logins.values()]
    try:
        service_file.replace(path, json.dumps(entries, indent=1).encode())
    except OSError as error:
        raise LoginError(f"{path} cannot be written ({error.strerror}); check its directory, rights and space") from error


def _login(entry: dict[str, object]) -> Login:
    name, proof, may = entry["name"], entry["proof"], entry["may"]
    if not isinstance(name, str) or not isinstance(proof, str) or not isinstance(may, list):
        raise TypeError("a login of another kind")
    if not NAME.fullmatch(name) or not is_proof(proof):
        raise ValueError("a login that nobody can use")
    return Login(name=name, proof=proof, may=frozenset(May(right) for right in may))
