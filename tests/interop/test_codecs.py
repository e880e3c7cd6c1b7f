"""Every codec in a call with Debian's baresip: both sides hear each other, in wide band and in narrow."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.interop.baresip import baresip
from tests.interop.hearing import best_likeness
from tests.interop.peers import PATIENCE_S
from tests.interop.station import station
from tests.interop.test_baresip import AS_RECORDED, HEARD, RESIDENT, VISITOR, heard_at_door

CODECS = 'codecs = ["opus", "G722", "L16", "PCMA", "PCMU"]\n'
DOOR = AS_RECORDED + CODECS + '[incoming]\nallow = ["resident@127.0.0.3"]\nauto_answer = "always"\n'


@pytest.mark.parametrize("way", ["out", "in"])
@pytest.mark.parametrize(
    ("codec", "module", "named"),
    [
        ("opus/48000/2", "opus", "opus"),
        ("G722/16000/1", "g722", "G722"),
        ("L16/16000/1", "l16", "L16"),
        ("L16/8000/1", "l16", "L16"),
        ("PCMA/8000/1", "g711", "PCMA"),
    ],
)
@pytest.mark.matrix("baresip", "codecs")
def test_both_sides_hear_each_other_in_every_codec(tmp_path: Path, codec: str, module: str, named: str, way: str) -> None:
    sound = ("--microphone", str(VISITOR), "--speaker", str(tmp_path / "speaker.wav"))
    with (
        baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, auto_answer=True, codecs=codec, modules=(module,)) as phone,
        station(tmp_path / "door", host="127.0.0.2", config=DOOR, arguments=sound) as door,
    ):
        if way == "out":
            door.ctl("call", phone.uri)
        else:
            phone.command("dial", f"sip:door@{door.address}")
        door.wait_for("Answered")
        time.sleep(8.5)  # let them talk: speech is compared over four of these seconds
        door.ctl("hangup")
        phone.wait_for("terminated")
        quality = door.wait_for("QualityMeasured")
        door.process.terminate()  # the speaker's recording is complete when the daemon has ended
        door.process.wait(PATIENCE_S)
    assert f"Set audio encoder: {named} {codec.split('/')[1]}Hz" in phone.log
    assert named in str(quality)
    assert best_likeness(VISITOR, phone.heard(), from_s=1) > HEARD
    assert heard_at_door(RESIDENT, tmp_path) > HEARD
