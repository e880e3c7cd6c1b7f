"""One leg of a call of the station: what the door, the user agent and the sound engine each call it, and who owns its media port."""

from __future__ import annotations

from firmware.media.session import MediaPort
from firmware.sdp.media_session import LocalMedia, MediaSession
from firmware.sip import events as sip
from firmware.sip.uri import Uri


class Leg:
    """One leg while it lives. `port` is ours until `streaming`; then it is the engine's."""

    __slots__ = (
        "account",
        "address",
        "announces",
        "answered",
        "apart",
        "early",
        "encrypted",
        "ended_by_us",
        "follows",
        "incoming",
        "key",
        "media",
        "name",
        "party",
        "port",
        "progressed",
        "proved",
        "session",
        "sound",
        "streaming",
    )

    def __init__(
        self,
        key: sip.CallKey,
        *,
        incoming: bool,
        account: str | None = None,
        follows: Leg | None = None,
        party: Uri | None = None,
        is_listed: bool = True,
    ) -> None:
        self.key = key
        self.account = account  # through which it is placed or came, None directly
        self.follows = follows  # the leg whose place this one takes when it is answered, None at once or when it has
        self.name: str = str(key) if follows is None else follows.name  # of the call at the door
        self.sound = self.name if is_listed else str(key)  # under which the engine knows the stream, and the door its digits
        self.party = party  # who takes part in place of the one whom the door knows, None when the door knows who it is
        self.address = ""  # of the other side as the dialog has it, once it is answered
        self.incoming = incoming
        self.port: MediaPort | None = None
        self.media: LocalMedia | None = None  # what was said of it to the other side, None when nothing was
        self.session: MediaSession | None = None
        self.streaming = False
        self.early = False
        self.answered = False
        self.progressed = False  # some phone said that it rings
        self.ended_by_us = False
        self.announces = False  # it is heard at the panel, and the panel neither heard nor seen in it
        self.apart = False  # the panel is not heard in it, nor it at the panel
        self.proved = False  # its caller is who the call says
        self.encrypted = False  # signalling and sound

    @property
    def may_be_handed_on(self) -> bool:
        """Whether somebody else may take the place of the one who was answered: not in a menu, and not where the panel is not heard."""
        return not self.apart and not self.announces
