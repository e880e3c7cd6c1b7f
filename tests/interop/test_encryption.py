"""Encrypted sound with a phone that is not ours: baresip with SDES, called, calling, and refused."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip, baresip
from tests.interop.hearing import best_likeness
from tests.interop.kamailio import SECRET, kamailio
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import station
from tests.interop.test_baresip import AS_RECORDED, BUTTON, BY_SERVER, HEARD, RESIDENT, STRANGE, VISITOR, heard_at_door
from tests.interop.test_transports import door_config
from tests.net.authority import Authority

# Loopback without TLS: the keys travel in clear, which somebody who tests allows.
OPEN = AS_RECORDED + '[call]\nmedia_encryption = "{wish}"\nkeys_in_clear = true\n'
CALLS_IN = '[incoming]\nallow = ["resident@127.0.0.3"]\nauto_answer = "always"\n'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def resident(
    folder: Path, encryption: str = "", *, ice: bool = False, account: str = "", auto_answer: bool = False
) -> AbstractContextManager[Baresip]:
    """The phone. `encryption` is its mediaenc: srtp (offered beside plain), srtp-mand, dtls_srtp; with `ice` it looks for a way."""
    parameters = (f";mediaenc={encryption}" if encryption else "") + (";medianat=ice" if ice else "")
    module = encryption.partition("-")[0].removesuffix("f")
    modules = ("g711", *((module,) if module else ()), *(("stun", "ice") if ice else ()))
    return baresip(
        folder / "phone",
        host="127.0.0.3",
        speech=RESIDENT,
        account=account,
        auto_answer=auto_answer,
        modules=modules,
        settings="rtcp_mux yes\n" if ice else "",
        parameters=parameters,
    )


def sound(folder: Path) -> tuple[str, ...]:
    return "--microphone", str(VISITOR), "--speaker", str(folder / "speaker.wav")


@pytest.mark.parametrize(
    ("phone_does", "door_wants", "suite"),
    [
        pytest.param("srtp", "optional", "sdes", marks=pytest.mark.matrix("baresip", "SDES")),
        ("srtp-mand", "mandatory", "sdes"),
        pytest.param("dtls_srtp", "mandatory", "dtls", marks=pytest.mark.matrix("baresip", "DTLS")),
        ("dtls_srtpf", "optional", ""),  # the profile of our offer is plain, and this baresip answers keys to a secure one alone
        ("", "optional", ""),
    ],
)
def test_a_press_reaches_baresip_and_both_hear_each_other(tmp_path: Path, phone_does: str, door_wants: str, suite: str) -> None:
    with resident(tmp_path, phone_does) as phone:
        config = BUTTON.format(target=phone.uri) + OPEN.format(wish=door_wants)
        if phone_does.startswith("dtls"):
            config += 'key_exchange = ["dtls"]\n'
        with station(tmp_path / "door", host="127.0.0.2", config=config, arguments=sound(tmp_path)) as door:
            door.ctl("sim", "press", "bell")
            door.wait_for("Ringing")
            phone.command("accept")
            agreed = door.wait_for("MediaAgreed", early=False)
            assert (agreed["session"]["protection"] or "").partition(" ")[0] == suite
            assert door.wait_for("Answered")["encrypted"] is False  # the signalling was not
            if suite == "dtls":
                assert door.wait_for("StreamEncrypted")["cipher"] == "AEAD_AES_256_GCM"
            time.sleep(6)  # let them talk: speech is compared over four of these seconds
            phone.press_keys("7305#")
            door.wait_for("Unlocked")
            door.wait_for("PressEnded")
            assert door.wait_for("QualityMeasured", final=True)["quality"]["packets_received"] > 200
            door.process.terminate()  # the speaker's recording is complete when the daemon has ended
            door.process.wait(PATIENCE_S)
        assert best_likeness(VISITOR, phone.heard(), from_s=1) > HEARD
        assert heard_at_door(RESIDENT, tmp_path) > HEARD
        assert heard_at_door(VISITOR, tmp_path) < STRANGE


def test_keys_pass_kamailio(tmp_path: Path) -> None:
    with kamailio() as server:
        account = f"<sip:resident@{server.address}>;auth_user=resident;auth_pass={SECRET};regint=60"
        config = BY_SERVER.format(server=server.address, secret=SECRET) + BUTTON.format(target="resident") + OPEN.format(wish="mandatory")
        with (
            resident(tmp_path, "srtp-mand", account=account) as phone,
            station(tmp_path / "door", host="127.0.0.2", config=config, arguments=sound(tmp_path)) as door,
        ):
            phone.wait_for("200 OK")
            eventually(door.registered, what="the door registers")
            door.ctl("sim", "press", "bell")
            door.wait_for("Ringing")
            phone.command("accept")
            door.wait_for("Answered")
            time.sleep(6)
            door.ctl("hangup")
            phone.wait_for("terminated")
        assert best_likeness(VISITOR, phone.heard(), from_s=1) > HEARD


@pytest.mark.parametrize(("phone_does", "is_taken"), [("srtp", True), ("srtp-mand", True), ("dtls_srtp", True), ("", False)])
def test_baresip_calls_a_door_that_wants_encryption(tmp_path: Path, phone_does: str, is_taken: bool) -> None:
    with resident(tmp_path, phone_does) as phone:
        config = CALLS_IN + OPEN.format(wish="mandatory") + 'key_exchange = ["sdes", "dtls"]\n'
        with station(tmp_path / "door", host="127.0.0.2", config=config, arguments=sound(tmp_path)) as door:
            phone.command("dial", f"sip:door@{door.address}")
            if not is_taken:
                # RFC 3261 §13.3.1.3; and a sentence that says what to do.
                phone.wait_for("488")
                assert "must be encrypted" in str(door.wait_for("CallEnded", room="sip")["text"])
                return
            phone.wait_for("Call established")
            door.wait_for("Answered")
            time.sleep(9)
            phone.command("hangup")
            door.wait_for("QualityMeasured", final=True)
            door.process.terminate()
            door.process.wait(PATIENCE_S)
        assert best_likeness(VISITOR, phone.heard(), from_s=1) > HEARD
        assert heard_at_door(RESIDENT, tmp_path) > HEARD


def test_a_door_that_encrypts_nothing_answers_488_to_a_phone_that_insists(tmp_path: Path) -> None:
    with resident(tmp_path, "srtp-mand") as phone:
        config = CALLS_IN + OPEN.format(wish="off")
        with station(tmp_path / "door", host="127.0.0.2", config=config) as door:
            phone.command("dial", f"sip:door@{door.address}")
            phone.wait_for("488")
            assert "switched off" in str(door.wait_for("CallEnded", room="sip")["text"])


def test_without_tls_the_door_sends_no_keys_and_says_why_it_cannot_call(tmp_path: Path) -> None:
    with resident(tmp_path, "srtp-mand", auto_answer=True) as phone:
        config = BUTTON.format(target=phone.uri) + '[call]\nmedia_encryption = "mandatory"\n'
        with station(tmp_path / "door", host="127.0.0.2", config=config) as door:
            door.ctl("press", "bell")
            assert "keys may not be sent" in str(door.wait_for("CallEnded", room="sip")["text"])
            assert "incoming call" not in phone.log.lower()


VAULT = """\
[call]
key_exchange = {methods}
[[lock]]
name = "vault"
gpio = 22
secure_only = true
[[code]]
name = "keeper"
code = "99115"
locks = ["vault"]
"""


@pytest.mark.parametrize("methods", ['["sdes"]', '["dtls"]'])
def test_a_lock_that_wants_encryption_opens_when_signalling_and_sound_have_it(tmp_path: Path, authority: Authority, methods: str) -> None:
    certificate = authority.issue("pbx", "IP:127.0.0.1")
    with kamailio(certificate=certificate) as server:
        config = door_config(server, "tls", authority)
        home = config.replace("sip:door@", "sip:RESIDENT@").replace("sip:resident@", "sip:door@").replace("RESIDENT", "resident")
        tls = 'transports = ["tls"]'
        with (
            station(tmp_path / "door", host="127.0.0.2", network=tls, config=config + VAULT.format(methods=methods)) as door,
            station(tmp_path / "home", host="127.0.0.3", network=tls, config=home + VAULT.format(methods=methods)) as phone,
        ):
            for each in (door, phone):
                eventually(each.registered, what="registered", account=each.account)
            door.ctl("call", "other")
            assert door.wait_for("Answered")["encrypted"] is True
            if methods == '["dtls"]':
                door.wait_for("StreamEncrypted")
            door.wait_for("FirstAudio")
            phone.ctl("dtmf", "rfc4733", "99115#")
            assert door.wait_for("Unlocked")["lock"] == "vault"


def test_the_same_lock_stays_shut_in_a_call_without_encryption(tmp_path: Path) -> None:
    with resident(tmp_path, auto_answer=True) as phone:
        config = BUTTON.format(target=phone.uri) + VAULT.format(methods='["sdes"]')
        with station(tmp_path / "door", host="127.0.0.2", config=config) as door:
            door.ctl("press", "bell")
            door.wait_for("Answered")
            door.wait_for("FirstAudio")
            phone.press_keys("99115#")
            assert door.wait_for("OpeningRefused")["fault"] == "not_encrypted"


@pytest.mark.parametrize("phone_does", ["", "dtls_srtp"])
@pytest.mark.matrix("baresip", "ICE")
def test_a_phone_that_checks_its_way_finds_the_door(tmp_path: Path, phone_does: str) -> None:
    with resident(tmp_path, phone_does, ice=True) as phone:
        config = CALLS_IN + OPEN.format(wish="optional") + 'key_exchange = ["dtls"]\n'
        with station(tmp_path / "door", host="127.0.0.2", config=config, arguments=sound(tmp_path)) as door:
            phone.command("dial", f"sip:door@{door.address}")
            phone.wait_for("Call established")
            agreed = door.wait_for("MediaAgreed")["session"]
            assert agreed["ice"] is not None
            assert agreed["rtcp_mux"]
            if phone_does:
                door.wait_for("StreamEncrypted")
            door.wait_for("FirstAudio")
            time.sleep(9)
            phone.command("hangup")
            door.wait_for("QualityMeasured", final=True)
            door.process.terminate()
            door.process.wait(PATIENCE_S)
        assert best_likeness(VISITOR, phone.heard(), from_s=2) > HEARD
        assert heard_at_door(RESIDENT, tmp_path) > HEARD
