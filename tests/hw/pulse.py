"""A sound card for machines without one: a private headless PulseAudio with two null sinks, seen through ALSA.

What is played to the ALSA device `door` goes to the sink `spk`; what is played to the sink `mic` is what `door` captures. `door_deaf` has
the speaker alone, `door_dumb` the microphone. ALSA's own `null` and `file` devices are not paced by any clock; null sinks are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

RATE_HZ = 16_000
LIMIT_S = 60.0  # all comes in a moment, but to a machine with other work


class Pulse:
    """A PulseAudio daemon of one's own, started and ended by pid. The device and its ALSA configuration outlive a `stop`."""

    def __init__(self, folder: Path, *, rate_hz: int = RATE_HZ, channels: int = 1) -> None:
        self._folder = folder
        self._socket = folder / "pulse.socket"
        self._rate_hz = rate_hz
        self._channels = channels
        self._daemon: subprocess.Popen[bytes] | None = None
        self.alsa_config = folder / "asound.conf"
        self.alsa_config.write_text(self._asound_conf())

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find the device; also for `os.environ` of this one, before it first asks ALSA for anything."""
        home = str(self._folder)
        return {
            "ALSA_CONFIG_PATH": str(self.alsa_config),
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "XDG_RUNTIME_DIR": home,
            "HOME": home,
        }

    def start(self) -> None:
        """Start the daemon and wait until it takes connections."""
        assert self._daemon is None
        sinks = []
        for name in ("spk", "mic"):
            # Without rewinds the sink works in small blocks from the first; with them a new stream waits up to 2 s for its first sound.
            sinks += ["-L", f"module-null-sink sink_name={name} rate={self._rate_hz} channels={self._channels} format=s16le norewinds=1"]
        self._socket.unlink(missing_ok=True)
        with (self._folder / "pulse.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [
                    "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes", "--use-pid-file=no",
                    "--realtime=no", "--high-priority=no",
                    "-L", f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}", *sinks,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )  # fmt: skip
        end_s = time.monotonic() + LIMIT_S
        while not self._answers():
            assert self._daemon.poll() is None, self.log()
            assert time.monotonic() < end_s, self.log()
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill the daemon as if the card had been pulled: nobody is told."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.send_signal(signal.SIGKILL)
            daemon.wait(LIMIT_S)

    def play_to_microphone(self, pcm: bytes) -> subprocess.Popen[bytes]:
        """Let the microphone hear these samples (s16le, this card's rate, mono); the process ends with them."""
        with tempfile.TemporaryFile() as samples:  # a pipe would take them no faster than they are played
            samples.write(pcm)
            samples.seek(0)
            return subprocess.Popen(
                ["pacat", "--playback", "--device=mic", *self._raw()],
                stdin=samples,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )

    def record_speaker(self, path: Path) -> subprocess.Popen[bytes]:
        """Write what the speaker plays to `path` (s16le, mono) until the process is terminated; returns when it has begun."""
        with path.open("wb") as out:
            recorder = subprocess.Popen(
                ["pacat", "--record", "--device=spk.monitor", *self._raw()],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        end_s = time.monotonic() + LIMIT_S
        while not path.stat().st_size:
            assert time.monotonic() < end_s, "the speaker cannot be recorded"
            time.sleep(0.02)
        return recorder

    def _raw(self) -> list[str]:
        return ["--raw", "--format=s16le", f"--rate={self._rate_hz}", "--channels=1", "--latency-msec=20"]

    def log(self) -> str:
        return (self._folder / "pulse.log").read_text(errors="replace")

    def _answers(self) -> bool:
        if not self._socket.exists():
            return False
        query = subprocess.run(
            ["pactl", "list", "short", "sinks"], env={**os.environ, **self.environment}, capture_output=True, timeout=LIMIT_S, check=False
        )
        return query.stdout.count(b"\n") == 2

    def _asound_conf(self) -> str:
        server = f"unix:{self._socket}"
        return f"""</usr/share/alsa/alsa.conf>
pcm.door_speaker {{ type pulse server "{server}" device spk }}
pcm.door_microphone {{ type pulse server "{server}" device mic.monitor }}
pcm.door_deaf {{ type asym playback.pcm door_speaker }}
pcm.door_dumb {{ type asym capture.pcm door_microphone }}
pcm.door {{ type asym playback.pcm door_speaker capture.pcm door_microphone }}
pcm.!default {{ type asym playback.pcm door_speaker capture.pcm door_microphone }}
"""
