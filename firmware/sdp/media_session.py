"""What one audio stream can be and what it has become: our side of it before an offer, and what offer and answer agreed on (RFC 3264)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sdp.address import is_null
from firmware.sdp.codec import Codec, codecs_of, fitting_ptime_ms
from firmware.sdp.description import MediaDescription, SessionDescription
from firmware.sdp.direction import Direction
from firmware.sdp.ice import IceCredentials, IceSession
from firmware.sdp.ice_line import Base
from firmware.sdp.protection import PLAIN, Agreed, Protection
from firmware.sdp.remote_address import reports_to

if TYPE_CHECKING:  # few doors have a camera
    from firmware.sdp.video_session import LocalVideo, VideoSession

PTIME_STEP_MS: Final = 10  # the media core packetises in steps of 10 ms
PTIME_MIN_MS: Final = 10
PTIME_MAX_MS: Final = 60  # more costs delay and tears long holes at each lost packet; peers that ask for more play less as well
DIGITS: Final = frozenset(range(12))  # 0-9 * #: a receiver without them is of no use for digits


class NoCommonMedia(RemoteProtocolError):  # noqa: N818 # names the outcome; as an offer's answer it is 488, not a fault
    """Nothing in the other side's description can be used: answer 488 (RFC 3261 §13.3.1.3), or end the call that it answered."""

    def __init__(self, what: str) -> None:
        super().__init__(what, status=488)


@kind
class LocalMedia(NamedTuple):
    """What we can do, for one call. `codecs` in order of preference, telephone-event among them; `session_id` stays for the whole dialog.

    `host` is the numeric address that the description states; '' lets the agent put the local address of the hop there before it calls us.
    RTP is received on `rtp_port`, RTCP on the next (RFC 3550 §11), or with `rtcp_mux` on the same when both sides want that (RFC 5761).
    `mapped` is where a STUN server sees `rtp_port`: one more candidate, and with `states_mapped` also the address of the description.
    """

    rtp_port: int
    codecs: tuple[Codec, ...]
    session_id: int
    host: str = ""
    ptime_ms: int = 20
    protection: Protection = PLAIN
    rtcp_mux: bool = False
    ice: IceCredentials | None = None  # for checks of connectivity
    ice_lite: bool = True  # only answer them; a full agent offers ICE and checks by itself
    mapped: tuple[str, int] | None = None
    states_mapped: bool = False
    relayed: tuple[str, int] | None = None  # an address of ours on a TURN server (RFC 8656)
    hosts: tuple[str, ...] = ()  # further addresses of ours, of either family, under which `rtp_port` is reached as well
    rtcp_xr: bool = False  # take and send the VoIP metrics of RFC 3611, where the other side does
    video: LocalVideo | None = None  # what the camera sends; None: there is none

    @property
    def base(self) -> Base:
        """That of the sound."""
        return Base(self.rtp_port, self.mapped, self.relayed)

    @property
    def stated(self) -> tuple[str, int]:
        """The address and port of our description."""
        return self.base.stated(self.host, mapped=self.states_mapped)


@kind
class MediaSession(NamedTuple):
    """What both sides agreed on: all that the media engine needs to run the stream.

    `codec` carries the number under which we send; `receive_codecs` the numbers under which sound may come, `dtmf_receive` those of
    digits. `direction` is ours: unless it sends, nothing goes to the remote address, which may then be the null address of an old-style
    hold (no RTCP either, RFC 3264 §8.4).
    """

    local_port: int
    remote_host: str
    remote_rtp_port: int
    remote_rtcp_host: str
    remote_rtcp_port: int
    codec: Codec
    receive_codecs: tuple[Codec, ...]
    dtmf_send_payload_type: int | None
    dtmf_receive: tuple[Codec, ...]
    direction: Direction
    ptime_ms: int
    rtcp_mux: bool = False
    dtmf_agreed: bool = True  # false: no digits will come beside the sound, only, perhaps, as tones in it
    red_send_payload_type: int | None = None
    red_receive_payload_types: tuple[int, ...] = ()
    comfort_noise: bool = False  # may stand for silence, both ways
    protection: Agreed | None = None
    rtcp_xr: bool = False  # the other side takes VoIP metrics (RFC 3611 §5.1)
    ice: IceSession | None = None  # the other side checks ways, and nominates one: its address here is only a first guess
    video: VideoSession | None = None  # None: no picture is agreed
    no_picture: str = ""  # why there is none, where one was offered and a camera is there

    @property
    def remote_is_null(self) -> bool:
        """Whether the other side gave no address to send to: neither RTP nor RTCP leaves us (RFC 3264 §8.4)."""
        return is_null(self.remote_host)


def agreed_session(
    remote: SessionDescription,
    media: MediaDescription,
    local: LocalMedia,
    *,
    send: tuple[Codec, ...],
    receive: tuple[Codec, ...],
    direction: Direction,
) -> MediaSession:
    """The stream that `media` of the other side makes of what we can do; who asks has found its address usable."""
    connection = remote.connection_of(media)
    assert connection is not None, "a usable line has an address"
    rtcp_host, rtcp_port = reports_to(media, connection.host)
    codec = next(codec for codec in send if codec.is_sound)
    theirs = {known.payload_type: known for known in codecs_of(media)}
    beside = [other for other in send if not other.is_sound and other.clock_rate_hz == codec.clock_rate_hz]
    digits = (event for event in beside if event.is_telephone_event)
    return MediaSession(
        local_port=local.rtp_port,
        remote_host=connection.host,
        remote_rtp_port=media.port,
        remote_rtcp_host=rtcp_host,
        remote_rtcp_port=rtcp_port,
        codec=codec._replace(fmtp=theirs[codec.payload_type].fmtp),  # what we send obeys the receiver's parameters (RFC 3264 §5.1)
        receive_codecs=tuple(codec for codec in receive if codec.is_sound),
        dtmf_send_payload_type=next((event.payload_type for event in digits if theirs[event.payload_type].events() >= DIGITS), None),
        dtmf_receive=tuple(event for event in receive if event.is_telephone_event),
        dtmf_agreed=any(event.is_telephone_event for event in send),
        red_send_payload_type=next((copies.payload_type for copies in beside if copies.is_redundancy), None),
        red_receive_payload_types=tuple(copies.payload_type for copies in receive if copies.is_redundancy),
        comfort_noise=any(noise.is_noise for noise in beside),
        direction=direction,
        ptime_ms=fitting_ptime_ms(codec, _ptime_ms(media, local.ptime_ms)),
    )


def _ptime_ms(media: MediaDescription, ours_ms: int) -> int:
    """The packet length in which we send: what the receiver asks for (RFC 8866 §6.4), else ours; never above its maxptime (§6.5)."""
    wanted_ms = _milliseconds(media.attribute("ptime")) or ours_ms
    most_ms = _milliseconds(media.attribute("maxptime")) or PTIME_MAX_MS
    steps = min(wanted_ms, most_ms, PTIME_MAX_MS) // PTIME_STEP_MS
    return max(steps * PTIME_STEP_MS, PTIME_MIN_MS)


def _milliseconds(text: str | None) -> int | None:
    """RFC 8866 §6.4 allows fractions; the whole milliseconds are enough for steps of ten. None when absent or nonsense."""
    whole = (text or "").strip().partition(".")[0]
    return int(whole) if whole.isascii() and whole.isdecimal() and len(whole) <= 5 else None
