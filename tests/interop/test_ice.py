"""Ways for the sound: a full agent with baresip's, and a door behind a translator with a STUN server between."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from firmware.ice.consent import CONSENT_S
from tests.interop.hearing import best_likeness
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import station
from tests.interop.test_baresip import AS_RECORDED, BUTTON, HEARD, RESIDENT, VISITOR, heard_at_door
from tests.interop.test_encryption import CALLS_IN, OPEN, resident, sound
from tests.interop.translator import DOOR, OUTER, PASSWORD, PHONE, SERVER, USER, translated
from tests.net.authority import Authority

FULL = 'ice = "full"\n'
TALK_S = 8  # speech is compared over four of these seconds, from the second on


@pytest.mark.parametrize("phone_does", ["", "dtls_srtp"])
@pytest.mark.parametrize("door_calls", [True, False])
@pytest.mark.matrix("baresip", "ICE")
def test_two_full_agents_agree_on_a_way(tmp_path: Path, phone_does: str, *, door_calls: bool) -> None:
    with resident(tmp_path, phone_does, ice=True) as phone:
        config = (
            CALLS_IN + BUTTON.format(target=phone.uri) + OPEN.format(wish="optional" if phone_does else "off") + 'key_exchange = ["dtls"]\n'
        )
        if phone_does and door_calls:
            config = config.replace('"optional"', '"mandatory"')
        with station(tmp_path / "door", host="127.0.0.2", config=config, network=FULL, arguments=sound(tmp_path)) as door:
            if door_calls:
                door.ctl("sim", "press", "bell")
                door.wait_for("Ringing")
                phone.command("accept")
            else:
                phone.command("dial", f"sip:door@{door.address}")
            phone.wait_for("Call established")
            agreed = door.wait_for("MediaAgreed", early=False)["session"]
            assert agreed["ice"]["is_controlling"] is door_calls
            door.wait_for("FirstAudio")
            time.sleep(TALK_S)
            phone.command("hangup")
            door.wait_for("QualityMeasured", final=True)
            door.process.terminate()
            door.process.wait(PATIENCE_S)
        phone.wait_for("connectivity check is complete")
        assert "sound goes to 127.0.0." in door.log  # this baresip checks from whatever address the kernel gives it
        assert best_likeness(VISITOR, phone.heard(), from_s=2) > HEARD
        assert heard_at_door(RESIDENT, tmp_path) > HEARD


def test_a_phone_that_goes_on_answering_keeps_the_call_and_one_that_is_gone_loses_it(tmp_path: Path) -> None:
    """baresip answers the questions of RFC 7675 as checks; stopped in the middle of the call, it answers none."""
    with resident(tmp_path, "", ice=True) as phone:
        patient = '[call]\nsilence_limit_s = 600\nmedia_encryption = "off"\n'
        config = CALLS_IN + BUTTON.format(target=phone.uri) + patient
        with station(tmp_path / "door", host="127.0.0.2", config=config, network=FULL, arguments=sound(tmp_path)) as door:
            door.ctl("sim", "press", "bell")
            door.wait_for("Ringing")
            phone.command("accept")
            door.wait_for("FirstAudio")
            time.sleep(CONSENT_S + 5)
            assert door.ctl("status")["call"]["state"] == "talking"
            os.kill(phone.pid, signal.SIGSTOP)
            try:
                gone_s = time.monotonic()
                measured = door.wait_for("CallMeasured", within_s=2 * CONSENT_S + PATIENCE_S)
                print(f"the call ended {time.monotonic() - gone_s:.0f} s after the phone was gone")
                assert measured["consent_lost"]
                ended = door.wait_for("CallEnded", room="door")
                assert ended["reason"] == "lost"
                assert not [entry for entry in door.events.seen if entry["event"] == "Unlocked"]
            finally:
                os.kill(phone.pid, signal.SIGCONT)


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of the network belong to root")
@pytest.mark.parametrize(
    ("is_symmetric", "ice", "found"),
    [
        (False, "full", "srflx"),
        (True, "full", "prflx"),  # what the STUN server saw is of no use: the checks reveal the port
        (False, "off", ""),
    ],
)
def test_a_door_behind_a_translator_is_heard_outside_and_hears(tmp_path: Path, ice: str, found: str, *, is_symmetric: bool) -> None:
    ways = f'ice = "{ice}"\n'
    speaks = ("--microphone", str(RESIDENT), "--speaker", str(tmp_path / "phone.wav"))
    visitor = ("--microphone", str(VISITOR), "--speaker", str(tmp_path / "speaker.wav"))
    with translated(tmp_path / "net", is_symmetric=is_symmetric) as net:
        takes = AS_RECORDED + f'[incoming]\nallow = ["*@{DOOR}"]\nauto_answer = "always"\n'
        with station(tmp_path / "phone", host=PHONE, config=takes, network=ways, arguments=speaks, inside=net.outside) as phone:
            config = AS_RECORDED + BUTTON.format(target=f"sip:anna@{phone.address}")
            asks = f'{ways}stun = "{SERVER}"\n'
            with station(tmp_path / "door", host=DOOR, config=config, network=asks, arguments=visitor, inside=net.door) as door:
                eventually(lambda: f"the STUN server {SERVER} answers" in door.log, what="ports have been asked for")
                door.ctl("sim", "press", "bell")
                door.wait_for("Answered")
                agreed = phone.wait_for("MediaAgreed", early=False)["session"]
                assert agreed["remote_host"] == OUTER
                phone.wait_for("FirstAudio")
                door.wait_for("FirstAudio")
                time.sleep(TALK_S)
                door.ctl("hangup")
                door.wait_for("QualityMeasured", final=True)
                phone.wait_for("QualityMeasured", final=True)
                for each in (door, phone):
                    each.process.terminate()
                    each.process.wait(PATIENCE_S)
                assert found in next((line for line in phone.log.splitlines() if "sound goes to" in line), "")
    assert best_likeness(VISITOR, tmp_path / "phone.wav", from_s=2) > HEARD
    assert heard_at_door(RESIDENT, tmp_path) > HEARD


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of the network belong to root")
@pytest.mark.parametrize(
    ("phone_does", "server"),
    [("off", SERVER), ("mandatory", SERVER), ("off", f"turn:{SERVER}?transport=tcp"), ("off", f"turns:{SERVER}")],
)
def test_where_no_other_way_leads_to_the_phone_a_relay_passes_the_sound_on(tmp_path: Path, phone_does: str, server: str) -> None:
    """coturn between; `mandatory`: the handshake of DTLS takes the same way. To a server by URI no datagrams get through."""
    authority = Authority(tmp_path / "authority")
    speaks = ("--microphone", str(RESIDENT), "--speaker", str(tmp_path / "phone.wav"))
    visitor = ("--microphone", str(VISITOR), "--speaker", str(tmp_path / "speaker.wav"))
    encrypted = f'[call]\nmedia_encryption = "{phone_does}"\nkey_exchange = ["dtls"]\n'
    with translated(tmp_path / "net", is_symmetric=True, relays=True, certificate=authority.issue("turn", f"IP:{SERVER}")) as net:
        takes = AS_RECORDED + encrypted + f'[incoming]\nallow = ["*@{DOOR}"]\nauto_answer = "always"\n'
        with station(tmp_path / "phone", host=PHONE, config=takes, network=FULL, arguments=speaks, inside=net.outside) as phone:
            net.cut(PHONE, but_for=phone.sip_port)
            if server != SERVER:
                net.let_no_datagrams_reach(SERVER)
            relay = f'[turn]\nserver = "{server}"\nusername = "{USER}"\npassword = "{PASSWORD}"\n[tls]\nca = "{authority.pem}"\n'
            config = AS_RECORDED + encrypted + BUTTON.format(target=f"sip:anna@{phone.address}") + relay
            with station(tmp_path / "door", host=DOOR, config=config, network=FULL, arguments=visitor, inside=net.door) as door:
                given = f"the TURN server {server} gives addresses"
                eventually(lambda: given in door.log, what="an address on the relay", account=door.account)
                door.ctl("sim", "press", "bell")
                door.wait_for("Answered")
                phone.wait_for("FirstAudio")
                door.wait_for("FirstAudio")
                time.sleep(TALK_S)
                door.ctl("hangup")
                quality = door.wait_for("QualityMeasured", final=True)["quality"]
                phone.wait_for("QualityMeasured", final=True)
                for each in (door, phone):
                    each.process.terminate()
                    each.process.wait(40)
                assert f"sound goes to {SERVER} port" in phone.log
                assert f"sound goes through the relay to {PHONE} port" in door.log
    print(f"through the relay: jitter {quality['jitter_ms']:.1f} ms, buffer {quality['buffer_ms_mean']:.0f} ms")
    assert best_likeness(VISITOR, tmp_path / "phone.wav", from_s=2) > HEARD
    assert heard_at_door(RESIDENT, tmp_path) > HEARD
