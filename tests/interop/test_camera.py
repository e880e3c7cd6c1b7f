"""The camera's picture in real calls: decoded by ffmpeg, where every frame is one of the film's to the last bit, and seen by baresip."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.interop import sipp
from tests.interop.baresip import Baresip, baresip
from tests.interop.peers import eventually, process
from tests.interop.station import Station, station
from tests.interop.test_baresip import RESIDENT
from tests.ports import free_port

FILM = Path(__file__).parents[1] / "data" / "camera" / "door.h264"
FRAME_BYTES = 320 * 240 * 3 // 2
FRAMES = 70  # more than the film has: it begins anew in the middle
SEEN_S = 60
SHOWN = 22  # pictures that a phone has to show: a second and a half
SIZE = "320 x 240"
CAMERA = f"""\
[camera]
source = "file"
device = "{FILM}"
size = "320x240"
snapshot = "never"
"""
# What the door wants of encryption, by what the phone does.
WISHES = {
    "": "",
    "srtp-mand": '[call]\nmedia_encryption = "mandatory"\nkeys_in_clear = true\n',
    "dtls_srtp": '[call]\nmedia_encryption = "mandatory"\nkey_exchange = ["dtls"]\n',
}
# What ffmpeg is to receive, as a description of its own.
SCREEN = """\
v=0
o=- 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=video {port} RTP/AVP 105
a=rtpmap:105 H264/90000
a=fmtp:105 packetization-mode={mode}
"""


def frames(file: Path) -> list[bytes]:
    data = file.read_bytes()
    return [data[at : at + FRAME_BYTES] for at in range(0, len(data) - FRAME_BYTES + 1, FRAME_BYTES)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The film as ffmpeg decodes it from the file."""
    raw = tmp_path_factory.mktemp("film") / "film.yuv"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(FILM), "-f", "rawvideo", "-pix_fmt", "yuv420p", str(raw)], check=True, timeout=SEEN_S
    )
    return frames(raw)


@contextlib.contextmanager
def screen(folder: Path, host: str, port: int, *, mode: int, count: int = FRAMES) -> Iterator[Path]:
    """ffmpeg, which receives at `port` and writes `count` frames into the file that is yielded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "screen.sdp").write_text(SCREEN.format(host=host, port=port, mode=mode))
    shown = folder / "shown.yuv"
    command = [
        *(
            "ffmpeg",
            "-v",
            "warning",
            "-nostdin",
            "-threads",
            "1",
            "-protocol_whitelist",
            "file,udp,rtp",
            "-reorder_queue_size",
            "0",
            "-fflags",
            "nobuffer",
        ),
        *("-i", str(folder / "screen.sdp"), "-fps_mode", "passthrough", "-frames:v", str(count)),
        *("-f", "rawvideo", "-pix_fmt", "yuv420p", str(shown)),
    ]
    with process(command, log=folder / "log"):
        eventually(lambda: f":{port:04X} " in Path("/proc/net/udp").read_text(), within_s=20, what="ffmpeg listens")
        yield shown


def wait_for_frames(shown: Path, door: Station, count: int = FRAMES) -> list[bytes]:
    eventually(
        lambda: shown.exists() and shown.stat().st_size >= count * FRAME_BYTES,
        within_s=SEEN_S,
        what=f"{count} frames are shown",
        account=lambda: (shown.parent / "log").read_text(errors="replace")[-2000:] + door.account(),
    )
    return frames(shown)


@pytest.mark.parametrize("mode", [1, 0])
@pytest.mark.matrix("SIPp", "video")
def test_a_phone_sees_the_film_to_the_last_bit(tmp_path: Path, film: list[bytes], mode: int) -> None:
    port = free_port("127.0.0.4")
    with (
        screen(tmp_path / "screen", "127.0.0.4", port, mode=mode) as shown,
        sipp.answering(
            tmp_path / "sipp", scenario="sees.xml", host="127.0.0.4", extra=("-key", "video", str(port), "-key", "mode", str(mode))
        ) as (address, peer),
        station(tmp_path / "door", host="127.0.0.2", config=CAMERA) as door,
    ):
        door.ctl("call", f"sip:service@{address}")
        door.wait_for("Answered")
        seen = wait_for_frames(shown, door)
        door.ctl("hangup")
        assert peer.wait(40) == 0
        assert "pictures in" in door.log
    assert len(film) == 60
    places = [film.index(frame) for frame in seen]
    # No frame may be torn, whatever the machine's load: one that was would be none of the film's. A busy machine may leave some out.
    steps = [(later - earlier) % len(film) for earlier, later in pairwise(places)]
    assert steps.count(1) >= len(steps) - 3, places


@contextlib.contextmanager
def seeing_phone(folder: Path, encryption: str = "", *, ice: bool = False) -> Iterator[Baresip]:
    """baresip with a decoder of H.264, a film of its own, and no real screen. `encryption` is its mediaenc; with `ice` it checks ways."""
    parameters = (f";mediaenc={encryption}" if encryption else "") + (";medianat=ice" if ice else "")
    with baresip(
        folder / "phone",
        host="127.0.0.3",
        speech=RESIDENT,
        auto_answer=True,
        modules=(
            *("g711", "avcodec", "fakevideo"),
            *((encryption.partition("-")[0],) if encryption else ()),
            *(("stun", "ice") if ice else ()),
        ),
        settings="video_display fakevideo,nil\nvideo_size 320x240\n" + ("rtcp_mux yes\n" if ice else ""),
        parameters=parameters,
    ) as phone:
        yield phone


def wait_for_picture(phone: Baresip) -> None:
    """Until it has decoded a second and a half of the film, all in the film's size."""
    phone.wait_for(f"receiving with resolution {SIZE}")
    eventually(
        lambda: phone.pictures_shown(SIZE) >= SHOWN, within_s=SEEN_S, what="baresip decodes pictures", account=lambda: phone.log[-2000:]
    )


@pytest.mark.parametrize("encryption", ["", "srtp-mand", "dtls_srtp"])
@pytest.mark.matrix("baresip", "video")
def test_a_resident_sees_who_rings(tmp_path: Path, encryption: str) -> None:
    wish = WISHES[encryption]
    with seeing_phone(tmp_path, encryption) as phone, station(tmp_path / "door", host="127.0.0.2", config=CAMERA + wish) as door:
        door.ctl("call", phone.uri)
        assert door.wait_for("Answered")["encrypted"] is False  # its signalling is not
        wait_for_picture(phone)
        assert door.ctl("hangup") is not None
        said = door.wait_for("CallMeasured")
        assert bool(said["encryption"]) is bool(encryption)


@pytest.mark.parametrize("encryption", ["", "dtls_srtp"])
def test_a_resident_looks_through_the_camera_without_a_ring(tmp_path: Path, encryption: str) -> None:
    config = CAMERA + WISHES[encryption] + '[incoming]\nallow = ["resident@127.0.0.3"]\nauto_answer = "always"\n'
    with seeing_phone(tmp_path, encryption) as phone, station(tmp_path / "door", host="127.0.0.2", config=config) as door:
        phone.command("dial", f"sip:door@{door.address}")
        door.wait_for("Answered")
        wait_for_picture(phone)


@pytest.mark.parametrize("encryption", ["", "dtls_srtp"])
@pytest.mark.parametrize(("ice", "door_calls"), [("full", True), ("full", False), ("lite", False)])
def test_the_picture_finds_a_way_of_its_own_beside_that_of_the_sound(
    tmp_path: Path, encryption: str, ice: str, *, door_calls: bool
) -> None:
    """This baresip bundles nothing: it checks two streams."""
    network = f'ice = "{ice}"\n'
    config = CAMERA + WISHES[encryption] + '[incoming]\nallow = ["resident@127.0.0.3"]\nauto_answer = "always"\n'
    with (
        seeing_phone(tmp_path, encryption, ice=True) as phone,
        station(tmp_path / "door", host="127.0.0.2", config=config, network=network) as door,
    ):
        if door_calls:
            door.ctl("call", phone.uri)
        else:
            phone.command("dial", f"sip:door@{door.address}")
        agreed = door.wait_for("MediaAgreed", early=False)["session"]
        assert agreed["ice"] is not None
        assert agreed["video"]["ice"] is not None
        assert agreed["video"]["shares_way"] is False
        wait_for_picture(phone)
        if ice == "full":
            assert "sound goes to 127.0.0." in door.log
            assert "picture goes to 127.0.0." in door.log
        door.ctl("hangup")


def test_a_phone_that_can_see_hears_a_door_without_a_camera(tmp_path: Path) -> None:
    with seeing_phone(tmp_path) as phone, station(tmp_path / "door", host="127.0.0.2", config="") as door:
        door.ctl("call", phone.uri)
        door.wait_for("FirstAudio")
        assert "receiving with resolution" not in phone.log


def test_a_player_looks_through_the_camera_beside_any_call(tmp_path: Path, film: list[bytes]) -> None:
    port = free_port("127.0.0.2")
    looked_through = f'[rtsp]\nport = {port}\nbind = "127.0.0.2"\npassword = "long-enough-to-be-safe"\n'
    shown = tmp_path / "shown.yuv"
    with station(tmp_path / "door", host="127.0.0.2", config=CAMERA + looked_through) as door:

        def player(password: str) -> list[str]:
            source = f"rtsp://door:{password}@127.0.0.2:{port}/"
            return [
                *(
                    "ffmpeg",
                    "-v",
                    "warning",
                    "-nostdin",
                    "-y",
                    "-threads",
                    "1",
                    "-rtsp_transport",
                    "tcp",
                    "-fflags",
                    "nobuffer",
                    "-i",
                    source,
                ),
                *("-fps_mode", "passthrough", "-frames:v", str(FRAMES), "-f", "rawvideo", "-pix_fmt", "yuv420p", str(shown)),
            ]

        refused = subprocess.run(player("wrong"), capture_output=True, text=True, check=False, timeout=SEEN_S)
        assert "401 Unauthorized" in refused.stderr
        played = subprocess.run(player("long-enough-to-be-safe"), capture_output=True, text=True, check=False, timeout=SEEN_S)
        assert played.returncode == 0, played.stderr + door.account()
        assert "looks through the camera (RTSP)" in door.log
    places = [film.index(frame) for frame in frames(shown)]
    steps = [(later - earlier) % len(film) for earlier, later in pairwise(places)]
    assert steps.count(1) >= len(steps) - 3, places
