from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

import pytest

from firmware.app.users import seal
from firmware.app.users.seal import KEY_BYTES, Seal, Sealer, SecretKind, device_key
from firmware.errors import UsersError

SEALER = Sealer(b"k" * KEY_BYTES, b"s" * 16)


def test_a_seal_is_a_slow_hash_of_the_digits_under_key_and_salt() -> None:
    stretched = hashlib.scrypt(b"583216", salt=b"k" * 32 + b"s" * 16, n=seal.SCRYPT_COST, r=8, p=1, dklen=32)
    raw = hmac.digest(stretched, b"pin", "sha256")
    assert SEALER.seals("583216")[SecretKind.PIN] == Seal(mark=raw[:16], proof=raw[16:], digits=6)


def test_the_hash_in_use_costs_memory_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert seal.SCRYPT_COST * seal.SCRYPT_BLOCK * 128 == 4 << 20


def test_key_salt_kind_and_digits_all_change_a_seal() -> None:
    marks = {found.mark for found in SEALER.seals("583216").values()}
    marks |= {found.mark for found in SEALER.seals("583217").values()}
    marks |= {found.mark for found in Sealer(b"K" * KEY_BYTES, b"s" * 16).seals("583216").values()}
    marks |= {found.mark for found in Sealer(b"k" * KEY_BYTES, b"S" * 16).seals("583216").values()}
    assert len(marks) == 4 * len(SecretKind)


def test_leading_zeros_count() -> None:
    assert SEALER.seals("0042") != SEALER.seals("042")


def test_an_exported_seal_is_read_back_by_the_same_station_only() -> None:
    made = SEALER.seals("583216")[SecretKind.PIN]
    assert SEALER.read(SEALER.written(made)) == made
    with pytest.raises(UsersError, match="another station"):
        Sealer(b"K" * KEY_BYTES, b"s" * 16).read(SEALER.written(made))


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_damaged_seal_is_refused(cut: int) -> None:
    written = SEALER.written(SEALER.seals("583216")[SecretKind.PIN])
    with pytest.raises(UsersError, match=r"exported by another station|damaged"):
        SEALER.read(written[:-cut])


@pytest.mark.parametrize("digits", ["", "0", "06", "x", "123"])
def test_a_seal_with_a_strange_number_of_digits_is_refused(digits: str) -> None:
    scheme, key_id, _, rest = SEALER.written(SEALER.seals("583216")[SecretKind.PIN]).split(":")
    with pytest.raises(UsersError, match="damaged"):
        SEALER.read(":".join((scheme, key_id, digits, rest)))


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "users.key"
    key = device_key(path, create=True)
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert device_key(path, create=True) == device_key(path, create=False) == key
    assert [each.name for each in tmp_path.iterdir()] == ["users.key"], "nothing is left beside it"


def test_of_two_writers_the_first_wins(tmp_path: Path) -> None:
    path = tmp_path / "users.key"
    first = device_key(path, create=True)
    seal._create_key(path)
    assert device_key(path, create=False) == first


def test_a_key_that_is_missing_or_cut_is_named(tmp_path: Path) -> None:
    path = tmp_path / "users.key"
    with pytest.raises(UsersError, match=r"users\.key.*restore it"):
        device_key(path, create=False)
    path.write_bytes(b"short")
    with pytest.raises(UsersError, match="no key of 32 bytes"):
        device_key(path, create=True)
