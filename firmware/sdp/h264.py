"""H.264 as a session description names it: profile, level and packetization mode (RFC 6184 §8.1), and what fits a level (H.264 A.3)."""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.kind import kind

ENCODING: Final = "H264"
CLOCK_RATE_HZ: Final = 90_000  # RFC 6184 §8.1
MACROBLOCK: Final = 16  # pixels a side (H.264 §6.3)
BASELINE: Final = 0x42
# profile_idc of every profile whose decoders also take the Constrained Baseline stream that we send (H.264 A.2): Baseline, Main, Extended,
# High and its kin.
DECODES_BASELINE: Final = frozenset({BASELINE, 0x4D, 0x58, 0x64, 0x6E, 0x7A, 0xF4})
CONSTRAINED: Final = 0xE0  # constraint_set0, 1 and 2: what we send obeys Baseline, Main and Extended at once
CONSTRAINT_SET3: Final = 0x10  # with level_idc 11 in these profiles it means level 1b (H.264 A.3.1)
VALUE_MAX: Final = 10_000_000  # of max-mbps and max-fs; level 6.2 has 16 million of the one, which no door phone shows
FMTP_BYTES_MAX: Final = 2_000  # sprop-parameter-sets are some hundred


class Level(NamedTuple):
    """What a decoder of this level can bear (H.264 table A-1): macroblocks a second and a frame, kilobits a second."""

    idc: int
    macroblocks_a_second: int
    macroblocks_a_frame: int
    kilobits: int

    def __str__(self) -> str:
        return f"{self.idc // 10}.{self.idc % 10}"


LEVELS: Final = (
    Level(10, 1_485, 99, 64),
    Level(11, 3_000, 396, 192),
    Level(12, 6_000, 396, 384),
    Level(13, 11_880, 396, 768),
    Level(20, 11_880, 396, 2_000),
    Level(21, 19_800, 792, 4_000),
    Level(22, 20_250, 1_620, 4_000),
    Level(30, 40_500, 1_620, 10_000),
    Level(31, 108_000, 3_600, 14_000),
    Level(32, 216_000, 5_120, 20_000),
    Level(40, 245_760, 8_192, 20_000),
    Level(41, 245_760, 8_192, 50_000),
    Level(42, 522_240, 8_704, 50_000),
    Level(50, 589_824, 22_080, 135_000),
    Level(51, 983_040, 36_864, 240_000),
)


@kind
class Picture(NamedTuple):
    """What a camera sends: size in pixels, frames and kilobits a second."""

    width: int
    height: int
    fps: int
    bitrate_kbps: int

    @property
    def macroblocks(self) -> int:
        """A frame's; a part of one counts whole."""
        return -(-self.width // MACROBLOCK) * -(-self.height // MACROBLOCK)

    def level(self) -> Level:
        """The lowest level that bears it. Raises ValueError when none does."""
        for level in LEVELS:
            fits = self.macroblocks <= level.macroblocks_a_frame and self.macroblocks * self.fps <= level.macroblocks_a_second
            if fits and self.bitrate_kbps <= level.kilobits:
                return level
        raise ValueError(f"no level of H.264 bears {self.width}x{self.height} at {self.fps} frames and {self.bitrate_kbps} kbit/s")


@kind
class H264Format(NamedTuple):
    """The parameters of one payload type. `level` None: nothing is said of it.

    RFC 6184 §8.1 infers level 1 then, a picture of 176 x 144; who leaves it out today decodes whatever comes.
    """

    packetization_mode: int = 0  # §8.1: a missing one is 0
    profile: int = BASELINE
    constraints: int = 0
    level: Level | None = None
    asymmetry: bool = False

    @property
    def takes_baseline(self) -> bool:
        return self.profile in DECODES_BASELINE

    def bears(self, picture: Picture) -> bool:
        """Whether a receiver of this format can decode `picture`, bit rate aside, which can be lowered."""
        if self.level is None:
            return True
        fits = picture.macroblocks <= self.level.macroblocks_a_frame
        return fits and picture.macroblocks * picture.fps <= self.level.macroblocks_a_second

    def fmtp(self) -> str:
        """As an fmtp attribute says it."""
        said = [] if self.level is None else [f"profile-level-id={self.profile:02x}{self.constraints:02x}{self.level.idc:02x}"]
        said += ["level-asymmetry-allowed=1"] if self.asymmetry else []
        return ";".join((*said, f"packetization-mode={self.packetization_mode}"))


def parse_h264(fmtp: str) -> H264Format | None:
    """What an fmtp attribute says; unknown parameters are passed over. None for a mode or a profile that is not there."""
    values = _parameters(fmtp[:FMTP_BYTES_MAX])
    mode = values.get("packetization-mode", "0")
    if mode not in ("0", "1", "2"):
        return None
    profile_level_id = values.get("profile-level-id")
    asymmetry = values.get("level-asymmetry-allowed") == "1"
    if profile_level_id is None:
        return H264Format(packetization_mode=int(mode), asymmetry=asymmetry)
    octets = _octets(profile_level_id)
    if octets is None:
        return None
    profile, constraints, idc = octets
    level = _raised(_level(profile, constraints, idc), values)
    return H264Format(int(mode), profile, constraints, level, asymmetry)


def _parameters(fmtp: str) -> dict[str, str]:
    """RFC 6184 §8.2.1: name=value, separated by semicolons; names ignore case."""
    pairs = (part.partition("=") for part in fmtp.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _octets(profile_level_id: str) -> tuple[int, int, int] | None:
    """RFC 6184 §8.1: six hexadecimal digits, one octet each for profile_idc, profile-iop and level_idc."""
    if len(profile_level_id) != 6 or not set(profile_level_id) <= set("0123456789abcdefABCDEF"):
        return None
    profile, constraints, idc = bytes.fromhex(profile_level_id)
    return profile, constraints, idc


def _level(profile: int, constraints: int, idc: int) -> Level:
    """The highest level that is not above `idc`; a number below level 1 is taken for it."""
    if idc == 11 and constraints & CONSTRAINT_SET3 and profile in (BASELINE, 0x4D, 0x58):
        return Level(11, 1_485, 99, 128)  # level 1b
    return next((level for level in reversed(LEVELS) if level.idc <= idc), LEVELS[0])


def _raised(level: Level, values: dict[str, str]) -> Level:
    """RFC 6184 §8.1: max-mbps, max-fs and max-br say that the receiver bears more than its level asks for, never less."""
    return level._replace(
        macroblocks_a_second=max(level.macroblocks_a_second, _number(values.get("max-mbps"))),
        macroblocks_a_frame=max(level.macroblocks_a_frame, _number(values.get("max-fs"))),
        kilobits=max(level.kilobits, _number(values.get("max-br"))),
    )


def _number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 8:
        return 0
    return min(int(text), VALUE_MAX)
