"""The cancellers that are compared: ours, libspeexdsp's as most user agents use it, and both of webrtc-audio-processing 0.3."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from firmware.media.binding import EchoMode, EchoSettings
from firmware.media.echo_canceller import EchoCanceller
from tests.bench.echo.rooms import Recording
from tests.bench.echo.score import Samples
from tests.bench.measure import OUT

Canceller = Callable[[Recording, int], Samples]

SPEEX_SET_RATE: Final = 24  # SPEEX_ECHO_SET_SAMPLING_RATE, speex/speex_echo.h
SPEEX_SET_ECHO_STATE: Final = 24  # SPEEX_PREPROCESS_SET_ECHO_STATE, speex/speex_preprocess.h
SPEEX_TAIL_MS: Final = 128  # the length that its manual names for a small room


def ours(recording: Recording, rate_hz: int) -> Samples:
    """As a call uses it, in periods of 20 ms, without the gain control that would change levels."""
    canceller = EchoCanceller(EchoSettings(mode=EchoMode.CANCEL, suppress_noise=True), rate_hz=rate_hz)
    period = rate_hz // 50
    out = [
        canceller.run(recording.far[at : at + period].tobytes(), recording.microphone[at : at + period].tobytes())
        for at in range(0, len(recording.far) - period + 1, period)
    ]
    return np.frombuffer(b"".join(out), dtype=np.int16)


def speexdsp(recording: Recording, rate_hz: int) -> Samples:
    """The filter with the library's own pre-processor behind it, every setting at its default."""
    library = ctypes.CDLL("libspeexdsp.so.1")
    library.speex_echo_state_init.restype = library.speex_preprocess_state_init.restype = ctypes.c_void_p
    period = rate_hz // 50
    echo = ctypes.c_void_p(library.speex_echo_state_init(period, rate_hz * SPEEX_TAIL_MS // 1000))
    after = ctypes.c_void_p(library.speex_preprocess_state_init(period, rate_hz))
    library.speex_echo_ctl(echo, SPEEX_SET_RATE, ctypes.byref(ctypes.c_int(rate_hz)))
    library.speex_preprocess_ctl(after, SPEEX_SET_ECHO_STATE, echo)
    out = np.zeros(len(recording.far), dtype=np.int16)
    result = (ctypes.c_int16 * period)()
    for at in range(0, len(out) - period + 1, period):
        microphone, far = recording.microphone[at : at + period].tobytes(), recording.far[at : at + period].tobytes()
        library.speex_echo_cancellation(echo, microphone, far, result)
        library.speex_preprocess_run(after, result)
        out[at : at + period] = result
    library.speex_preprocess_state_destroy(after)
    library.speex_echo_state_destroy(echo)
    return out


def webrtc(mode: str) -> Canceller:
    """`aec` or `aecm`. Raises FileNotFoundError when the library of this version is not installed."""
    if subprocess.run(["pkg-config", "--max-version=0.9", "webrtc-audio-processing"], check=False).returncode:
        raise FileNotFoundError("libwebrtc-audio-processing-dev 0.3 is not installed")
    source = Path(__file__).with_name("webrtc_peer.cc")
    program = OUT / "webrtc_peer"
    OUT.mkdir(parents=True, exist_ok=True)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "webrtc-audio-processing"], capture_output=True, text=True, check=True)
    subprocess.run(["g++", "-O2", str(source), "-o", str(program), *flags.stdout.split()], check=True)

    def cancel(recording: Recording, rate_hz: int) -> Samples:
        frame = rate_hz // 100
        count = len(recording.far) // frame
        both = np.concatenate(
            [recording.far[: count * frame].reshape(count, frame), recording.microphone[: count * frame].reshape(count, frame)], axis=1
        )
        result = subprocess.run([str(program), str(rate_hz), mode, "45"], input=both.tobytes(), capture_output=True, check=True)
        return np.frombuffer(result.stdout, dtype=np.int16)

    return cancel


def all_of_them() -> dict[str, Canceller]:
    """By name; the peers of webrtc only where they can be built, which is said."""
    found: dict[str, Canceller] = {"portero": ours, "speexdsp": speexdsp}
    try:
        found |= {"webrtc aec": webrtc("aec"), "webrtc aecm": webrtc("aecm")}
    except FileNotFoundError as missing:
        print(f"without webrtc: {missing}")
    return found
