"""The echo canceller by itself, beside the pump in which calls use it: for tests and benchmarks in virtual time."""

from __future__ import annotations

from typing import Any

from firmware.errors import MediaError
from firmware.media import _pm
from firmware.media.binding import WIDE_HZ
from firmware.media.core_structs import read_echo, write_echo
from firmware.media.core_values import EchoSettings, EchoStats

_ffi: Any = _pm.ffi
_lib: Any = _pm.lib


class EchoCanceller:
    """The echo canceller alone, in the caller's time: what the loudspeaker played and what the microphone heard go in, speech comes out."""

    def __init__(self, settings: EchoSettings, *, rate_hz: int = WIDE_HZ) -> None:
        """Raises ValueError for a rate other than NARROW_HZ and WIDE_HZ."""
        config = _ffi.new("struct pm_echo_config *")
        write_echo(config, settings, rate_hz)
        self._echo = _ffi.gc(_ffi.new("struct pm_echo *"), _lib.pm_echo_close)
        status = _lib.pm_echo_init(self._echo, config)
        if status == _lib.PM_ESYSTEM:
            raise MediaError("echo canceller: the system refused")
        if status < 0:
            raise ValueError(f"echo canceller: it does not run at {rate_hz} Hz")
        self._samples_max = rate_hz * _lib.PM_PERIOD_MAX_MS // 1000

    def run(self, far: bytes, near: bytes) -> bytes:
        """One period of both, equally long, at most PM_PERIOD_MAX_MS; the result is 10 ms late. ValueError otherwise."""
        count = len(near) // 2
        if len(far) != len(near) or count > self._samples_max:
            raise ValueError(f"want two equal periods of at most {self._samples_max} samples")
        out = _ffi.new("int16_t[]", count)
        _ffi.memmove(out, near, len(near))
        _lib.pm_echo_run(self._echo, _ffi.from_buffer("int16_t[]", far), out, count)
        return bytes(_ffi.buffer(out))

    def disturbed(self) -> None:
        """As `Pump.disturbed`."""
        _lib.pm_echo_disturbed(self._echo)

    def stats(self) -> EchoStats:
        """What it knows now."""
        c = _ffi.new("struct pm_echo_stats *")
        _lib.pm_echo_stats(self._echo, c)
        return read_echo(c)
