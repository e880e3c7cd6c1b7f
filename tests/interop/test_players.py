"""What the recorder writes is played by a player that is not ours: GStreamer."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

from firmware.media.ogg_opus import OggOpusWriter
from firmware.media.recorder import interleaved
from tests.interop.hearing import best_likeness
from tests.interop.peers import PATIENCE_S
from tests.interop.test_baresip import HEARD, VISITOR


def test_a_recording_in_opus_is_played_to_its_last_sample(tmp_path: Path) -> None:
    with wave.open(str(VISITOR)) as file:
        said, rate_hz = file.readframes(file.getnframes()), file.getframerate()
    with (tmp_path / "call.opus").open("wb") as into:
        writer = OggOpusWriter(into, rate_hz)
        writer.write(interleaved(said, bytes(len(said))))
        writer.close()
    left = "audioconvert mix-matrix=<<(float)1,(float)0>> ! audioresample ! audio/x-raw,rate=8000,channels=1,format=S16LE"
    play = f"filesrc location={tmp_path / 'call.opus'} ! oggdemux ! opusdec ! {left} ! wavenc ! filesink location={tmp_path / 'played.wav'}"
    done = subprocess.run(["gst-launch-1.0", "-q", *play.split()], capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S)
    assert done.returncode == 0, done.stderr
    with wave.open(str(tmp_path / "played.wav")) as file:
        assert file.getnframes() == len(said) // 2
    assert best_likeness(VISITOR, tmp_path / "played.wav", from_s=1) > HEARD
