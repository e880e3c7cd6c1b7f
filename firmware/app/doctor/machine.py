"""What the doctor looks at on the machine: clock, rights, disk, pins, sound, serial ports. Each function makes one kind of finding."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.app.doctor.findings import Finding, fail, ok, warn
from firmware.app.wiring.board import board_settings
from firmware.config.schema import Settings
from hw.api import Half, HardwareError
from hw.build import gpios

BUILT_AT_S = 1_735_689_600  # 2025-01-01: a clock before this was never set; a Pi without network starts somewhere in the past
FREE_BYTES_MIN = 64 << 20  # the journal's bound with room to spare
SYNCHRONISED = Path("/run/systemd/timesync/synchronized")  # systemd-timesyncd.service(8)
CARDS = Path("/proc/asound/cards")
OTHER_CLOCK_KEEPERS = (Path("/run/chrony/chronyd.pid"), Path("/run/ntpd.pid"))


def clock(now_s: float | None = None) -> Iterator[Finding]:
    """The wall clock stamps the journal, and certificates are judged by it."""
    now_s = time.time() if now_s is None else now_s
    if now_s < BUILT_AT_S:
        shown = time.strftime("%Y-%m-%d", time.gmtime(now_s))
        yield fail("clock", f"it is {shown} here", "set the time, or let the network do it: timedatectl set-ntp true")
    elif SYNCHRONISED.exists() or any(path.exists() for path in OTHER_CLOCK_KEEPERS):
        yield ok("clock", "set, and kept by the network")
    else:
        yield warn("clock", "set, but nothing keeps it right", "timedatectl set-ntp true")


def journal(settings: Settings) -> Iterator[Finding]:
    """Whether rows can be written: the directory, the file, the room."""
    path = Path(settings.journal.path)
    folder = path.parent
    if not folder.is_dir():
        remedy = f"create it: install -d -o portero -g portero {folder} (the service makes its own when it starts)"
        yield fail("journal", f"there is no directory {folder}", remedy)
        return
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        yield warn("journal", f"you may not write {path}", "run the doctor as the service's user: sudo -u portero portero doctor")
        return
    free = os.statvfs(folder)
    free_bytes = free.f_bavail * free.f_frsize
    if free_bytes < FREE_BYTES_MIN:
        yield fail("journal", f"only {free_bytes >> 20} MB are free at {folder}", "make room; old logs first: journalctl --vacuum-size=50M")
    else:
        yield ok("journal", f"{path} can be written, {free_bytes >> 20} MB free")


def rights(settings: Settings, config: Path) -> Iterator[Finding]:
    """Who may read the secrets; whether the audio thread may come first."""
    secret = any(account.password for account in settings.account) or settings.code
    if secret and config.stat().st_mode & 0o004:
        yield warn("permissions", f"every user of this machine may read {config}", f"chmod o-rwx {config}")
    else:
        yield ok("permissions", f"{config} is not for everybody" if secret else f"{config} holds no secret")
    _, hard = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if os.geteuid() != 0 and hard == 0:
        yield warn("real time", "sound may stutter on a busy machine: no right to SCHED_FIFO here", "the service has it: LimitRTPRIO=50")
    else:
        yield ok("real time", "the audio thread may come first")


def pins(settings: Settings) -> Iterator[Finding]:
    """Whether there are GPIO lines to drive, and nobody else holds them; none is touched."""
    wanted = gpios(board_settings(settings))
    if not wanted:
        yield warn("gpio", "nothing is wired to a pin", "give buttons and locks their `gpio` in the configuration")
        return
    from hw.build import held_lines

    try:
        held = held_lines(wanted)
    except HardwareError as error:
        yield fail("gpio", str(error), "on a Raspberry Pi: usermod -aG gpio USER; elsewhere: portero run --simulate")
        return
    for gpio, holder in held.items():
        remedy = "wire to another pin, or switch off what holds it: see the lines dtparam and dtoverlay in config.txt"
        yield fail("gpio", f"GPIO{gpio} is held by {holder}", remedy)
    if not held:
        yield ok("gpio", f"{len(wanted)} lines are configured, and this board has pins")


def sound(settings: Settings) -> Iterator[Finding]:
    """Open the card for a moment, both ways."""
    from hw.alsa import find, open_duplex, set_up

    wanted = board_settings(settings).sound
    try:
        with _quiet():
            card_name = find(wanted.device, Half.SPEAKER) if wanted.device == "default" else wanted.device
            volumes = set_up(wanted)
            card = open_duplex(wanted)
    except HardwareError as error:
        yield fail("sound", str(error), _card_remedy())
    else:
        if card.lack is None:
            loud = "".join(f", {each.of} at {each.percent} % ({each.control})" for each in volumes)
            yield ok("sound", f"{card_name} works both ways at {card.format.rate_hz} Hz{loud}")
        else:
            remedy = "a microphone on another card is `capture_device` of [audio]; `arecord -l` and `aplay -l` list what there is"
            yield warn("sound", f"{settings.audio.device} {card.lack.half.value} ({card.lack.why})", remedy)
        card.close()
    yield from acoustics(settings)


def _card_remedy() -> str:
    """Whether there is any card at all decides what to do."""
    try:
        is_there = "no soundcards" not in CARDS.read_text(encoding="utf-8")
    except OSError:
        is_there = False
    if is_there:
        return "list cards with `portero audio list`, and put a piece of the name into `device` of [audio]"
    return "this machine has no sound card: plug one in (USB), or switch on the one of the board; `aplay -l` lists it then"


@contextmanager
def _quiet() -> Iterator[None]:
    """ALSA's library tells standard error what it thinks of a missing card, in a dozen lines; the error has it in one."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def acoustics(settings: Settings) -> Iterator[Finding]:
    """What the last `portero audio loop` found; nothing on a panel where nobody has measured."""
    from firmware.app.acoustics.loop import complaints
    from firmware.app.acoustics.panel import kept_figures

    found = kept_figures(settings)
    if found is None:
        return
    for complaint in complaints(found):
        wrong, _, remedy = complaint.partition(": ")
        yield warn("acoustics", wrong, remedy)
    if not complaints(found):
        yield ok(
            "acoustics",
            f"delay {found.delay_ms:.0f} ms, echo-path loss {found.loss_db:.0f} dB, noise {found.noise_db:.0f} dB, "
            f"distortion {found.distortion_percent:.1f} %",
        )


def camera(settings: Settings) -> Iterator[Finding]:
    """Take one picture, and look whether H.264 could be had as well."""
    if settings.camera.source == "none":
        return
    from firmware.app.wiring.camera import camera_settings
    from hw.build import build_camera

    remedies = {
        "rpicam": "install rpicam-apps, and see what `rpicam-hello --list-cameras` lists",
        "v4l2": "install ffmpeg, look for the camera in `ls /dev/video*`, and let the service open it: docs/camera.md",
        "file": "name a film of H.264 (annex B) in camera.device, with a JPEG of the same name beside it",
    }
    try:
        picture = build_camera(camera_settings(settings.camera), lambda _event: None).snapshot()
    except HardwareError as error:
        yield fail("camera", str(error), remedies[settings.camera.source])
    else:
        yield ok("camera", f"{settings.camera.source} has taken a picture of {len(picture) // 1000} kB")


def readers(settings: Settings) -> Iterator[Finding]:
    """Serial ports of card readers."""
    for reader in settings.reader:
        if not Path(reader.port).exists():
            yield fail(f"reader {reader.name}", f"there is no {reader.port}", "plug it in; on a Pi enable the serial port: raspi-config")
        elif not os.access(reader.port, os.R_OK | os.W_OK):
            yield fail(f"reader {reader.name}", f"you may not open {reader.port}", "usermod -aG dialout USER")
        else:
            yield ok(f"reader {reader.name}", f"{reader.port} is there")
