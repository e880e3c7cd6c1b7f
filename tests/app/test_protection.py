"""firmware/app/wiring/protection.py, and what an encrypted leg means to the door."""

from __future__ import annotations

from pathlib import Path

from firmware.app.wiring.protection import Protections
from firmware.config.load import load
from firmware.door import events as door
from firmware.sdp.crypto import Suite
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.protection import PLAIN, Encryption, Method
from firmware.sip import events as sip
from tests.app.test_calls import REMOTE, Rig

CONFIG = """
[call]
media_encryption = "{wish}"
[[account]]
name = "pbx"
uri = "sip:door@192.0.2.1"
password = "a long test secret"
media_encryption = "mandatory"
[[account]]
name = "other"
uri = "sip:door@192.0.2.2"
password = "a long test secret"
"""


def never() -> Fingerprint:
    raise AssertionError("nobody asked for a certificate")


def protections(folder: Path, wish: str) -> Protections:
    (folder / "portero.toml").write_text(CONFIG.format(wish=wish))
    (folder / "portero.toml").chmod(0o600)
    return Protections(load(folder / "portero.toml"), never)


def test_an_account_has_its_own_wish_and_every_leg_its_own_keys(tmp_path: Path) -> None:
    wanted = protections(tmp_path, "optional")
    direct, again, pbx, other = wanted(None), wanted(None), wanted("pbx"), wanted("other")
    assert (direct.encryption, direct.methods) == (Encryption.OPTIONAL, (Method.SDES,))
    assert [key.suite for key in direct.keys] == [
        Suite.AEAD_AES_256_GCM, Suite.AEAD_AES_128_GCM, Suite.AES_256_CM_HMAC_SHA1_80, Suite.AES_CM_128_HMAC_SHA1_80,
    ]  # fmt: skip
    assert all(len(key.key) == key.suite.octets for key in direct.keys)
    assert set(direct.keys).isdisjoint(again.keys)
    assert pbx.encryption is Encryption.MANDATORY
    assert other.encryption is Encryption.OPTIONAL


def test_off_makes_no_keys(tmp_path: Path) -> None:
    assert protections(tmp_path, "off")(None) == PLAIN
    assert protections(tmp_path, "off")("pbx").encryption is Encryption.MANDATORY


def test_the_door_learns_that_a_call_is_encrypted() -> None:
    rig = Rig()
    rig.ring()
    rig.hear(sip.CallAnswered(call=sip.CallKey("p1.1"), remote=REMOTE, is_encrypted=True))
    moved = [each for each in rig.told if isinstance(each, door.CallMoved)]
    assert [(each.stage, each.encrypted) for each in moved] == [(door.Stage.ANSWERED, True)]
    for port in rig.ports:
        port.close()
