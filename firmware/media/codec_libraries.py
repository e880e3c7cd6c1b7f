"""Codecs that a large library speaks: loaded with the first call that agreed on one, so that other doors do not carry them.

Loading maps files and may take tens of milliseconds: never on the audio thread.
"""

from __future__ import annotations

from firmware.errors import MediaError
from firmware.media.binding import install_codec, install_tone_finder
from firmware.media.core_values import MediaCodec

_loaded: set[MediaCodec] = set()


def load_codec(codec: MediaCodec) -> None:
    """Make the core know `codec`; nothing is done twice. Raises MediaError that names the package to install."""
    if codec in _loaded:
        return
    try:
        found = _driver(codec)
    except ImportError as error:
        raise MediaError(f"{codec.name} cannot be spoken: {error}; install {_package(codec)}, or leave it out of [audio] codecs") from error
    if found is not None:
        install_codec(codec, found)
    _loaded.add(codec)


def load_tones() -> None:
    """Make the core able to hear digits as tones. Raises MediaError that names the package to install."""
    try:
        from firmware.media import _spandsp
    except ImportError as error:
        raise MediaError(f"digits as tones cannot be heard: {error}; install libspandsp2, or set [audio] tone_digits = false") from error
    install_tone_finder(int(_spandsp.lib.pm_dtmf_finder_address()))


def _driver(codec: MediaCodec) -> int | None:
    """The address of its driver; None for the core's own."""
    match codec:
        case MediaCodec.OPUS:
            from firmware.media import _opus

            return int(_opus.lib.pm_opus_driver_address())
        case MediaCodec.G722:
            from firmware.media import _spandsp

            return int(_spandsp.lib.pm_g722_driver_address())
        case MediaCodec.PCMU | MediaCodec.PCMA | MediaCodec.L16 | MediaCodec.L16_NARROW:
            return None


def _package(codec: MediaCodec) -> str:
    return "libopus0" if codec is MediaCodec.OPUS else "libspandsp2"
