"""Offer and answer within one call: who has offered what, and what was agreed (RFC 3264, RFC 3261 §13.2.1, §14).

The arithmetic of descriptions is `firmware.sdp.offer_answer`; this keeps its state between messages.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.ids import IdSource
from firmware.kind import kind
from firmware.sdp.address import is_private
from firmware.sdp.brief import brief
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.direction import Direction
from firmware.sdp.ice import IceCredentials
from firmware.sdp.media_session import LocalMedia, MediaSession
from firmware.sdp.offer_answer import make_answer, make_offer, read_answer, repeat_offer
from firmware.sdp.protection import Encryption, Handshake
from firmware.sip.header_lines import Headers
from firmware.sip.headers import Via
from firmware.sip.message import Request, Response
from firmware.sip.names import Hop, Transport
from firmware.sip.reason import media_warning

SDP = "application/sdp"
SECURE_TRANSPORTS = frozenset({Transport.TLS.value, Transport.WSS.value})


@kind
class Standpoint(NamedTuple):
    """From where a description of ours is sent: our address there, and whether the signalling that carries it is encrypted.

    `is_near`: it goes to somebody in a private network, hence ours, who reaches us under that address and not from outside.
    """

    host: str
    is_secure: bool = False
    is_near: bool = True

    @classmethod
    def at(cls, hop: Hop) -> Standpoint:
        """That of a message over `hop`."""
        return cls(hop.local_host, hop.transport.value in SECURE_TRANSPORTS, is_private(hop.host))

    @classmethod
    def stated(cls, via: Via) -> Standpoint:
        """That of a request of ours, as its own Via says."""
        return cls(via.host, via.transport in SECURE_TRANSPORTS)


@kind
class Wish(NamedTuple):
    """What we want of the stream: our side of it and its direction."""

    local: LocalMedia
    direction: Direction


@kind
class Task(NamedTuple):
    """An offer to be made, when its turn comes: what it changes, and the method that carries it. None: as it is at that time.

    `is_renewal`: it changes nothing, and the program, which did not ask for it, is not told of the outcome.
    """

    media: LocalMedia | None = None
    direction: Direction | None = None
    method: str = "INVITE"
    is_renewal: bool = False

    def wish(self, now: Wish) -> Wish:
        """What we want once it is done."""
        return Wish(now.local if self.media is None else self.media, now.direction if self.direction is None else self.direction)


class Negotiation:
    """Offer/answer state of one call. Remote descriptions come as bytes; errors are RemoteProtocolError and leave the state as it was."""

    def __init__(self, local: LocalMedia, ids: IdSource, direction: Direction = Direction.SENDRECV) -> None:
        self._ids = ids
        self.usual = direction  # which way media flows when nothing is held
        self.wish = Wish(local, direction)
        self.agreed: MediaSession | None = None
        self.local_host = ""  # our address as we last stated it
        self._is_secure = False  # whether the last description of ours went over encrypted signalling
        self._previous: SessionDescription | None = None  # the last description that we sent, offer or answer
        self._offer: SessionDescription | None = None  # ours, while it is not answered
        self._in_force: SessionDescription | None = None  # ours, offer or answer, by which something was agreed last
        self._is_brief = False  # the same for the whole call: equal versions of a description must be equal (RFC 3264 §8)
        self._offered = self.wish
        self._offered_local = local  # as offered, address included
        self._agreed_local = local  # as it was when something was agreed

    def fork(self) -> Negotiation:
        """The same state once more: each early dialog of a forked INVITE answers the one offer by itself (RFC 6337 §3.1.1)."""
        return copy(self)

    @property
    def is_offering(self) -> bool:
        """Whether an offer of ours waits for its answer."""
        return self._offer is not None

    @property
    def is_encrypted(self) -> bool:
        """Whether what was agreed is encrypted, and so was the signalling that agreed on it, as far as we see it: to the next hop."""
        return self._is_secure and self.agreed is not None and self.agreed.protection is not None

    def shorten(self) -> bool:
        """Offer in few octets from now on; False when that is done already."""
        was, self._is_brief = self._is_brief, True
        return not was

    def offer(self, wish: Wish, standpoint: Standpoint, *, is_renewal: bool = False) -> bytes:
        """Our offer, with the address of `standpoint` where the media names none. It replaces an unanswered one.

        `is_renewal`: nothing is to change (RFC 4028 §7.4: "the offer MUST indicate that it has not changed"), so that what is in force is
        said once more, where it can be.
        Raises NoCommonMedia when it would have to be encrypted and cannot be from there.
        """
        self.local_host, self._is_secure = standpoint.host, standpoint.is_secure
        self._offered_local = self._local(wish.local, standpoint)
        if self._does_ice and self._offered_local.host != self._agreed_local.host:
            # RFC 8839 §4.4.1.1.1: who changes where sound is to go must let ICE begin anew, which other credentials say.
            self._offered_local = self._renewed(self._offered_local)
        offer = make_offer(self._offered_local, direction=wish.direction, previous=self._previous)
        if is_renewal and self._may_repeat and self._in_force is not None and self._previous is not None:
            offer = repeat_offer(self._in_force, self._previous)
        self._offer = self._previous = offer
        self._offered = wish
        return (brief(offer) if self._is_brief else offer).to_bytes()

    def withdraw(self) -> None:
        """The offer was refused: what was agreed before goes on (RFC 3261 §14.1)."""
        self._offer = None

    def preview(self, answer: bytes) -> MediaSession:
        """What the answer would agree on; the offer stays open (an answer in an unreliable provisional response)."""
        assert self._offer is not None, "an answer needs an offer"
        return read_answer(self._offer, parse(answer), self._offered_local)

    def accept(self, answer: bytes) -> MediaSession:
        """The answer to our offer. Raises RemoteProtocolError when the answer is unusable; the offer is then withdrawn."""
        try:
            session = self.preview(answer)
        finally:
            offer, self._offer = self._offer, None
        self.wish, self._in_force = self._offered, offer
        self.agreed, self._agreed_local = session, self._offered_local
        return session

    def answer(self, offer: bytes, standpoint: Standpoint) -> tuple[bytes, MediaSession]:
        """Our answer to their offer. Raises RemoteProtocolError, with status 488 when nothing fits."""
        local, read = self._local(self.wish.local, standpoint), parse(offer)
        answer, session = make_answer(read, local, direction=self.wish.direction, previous=self._previous)
        if self._begins_anew(session):
            # RFC 8839 §4.4.1.1.1, RFC 8445 §9: an offer with other credentials is answered with other ones of ours.
            local = self._renewed(local)
            answer, session = make_answer(read, local, direction=self.wish.direction, previous=self._previous)
        self.local_host, self._is_secure = standpoint.host, standpoint.is_secure
        self._previous = self._in_force = answer
        self.agreed, self._agreed_local = session, local
        return answer.to_bytes(), session

    @property
    def _may_repeat(self) -> bool:
        """Whether what we said last can stand in an offer as it is: the address is the same, and no part of it belongs to an answer alone.
        With ICE and with a handshake an offer says other things (RFC 8839 §4.4.1.1, RFC 8842 §5.5)."""
        is_still_there = self._offered_local.stated == self._agreed_local.stated
        return is_still_there and not self._does_ice and (self.agreed is None or not isinstance(self.agreed.protection, Handshake))

    @property
    def _does_ice(self) -> bool:
        return self.agreed is not None and self.agreed.ice is not None

    def _begins_anew(self, session: MediaSession) -> bool:
        """Whether what `session` agrees on is an ICE session that is not the one that runs."""
        before = None if self.agreed is None else self.agreed.ice
        return before is not None and session.ice is not None and session.ice.theirs != before.theirs

    def _renewed(self, local: LocalMedia) -> LocalMedia:
        """With other credentials for checks: RFC 8839 §5.4 wants 24 and 128 random bits at least."""
        return local._replace(ice=IceCredentials(f"{self._ids.uint32():08x}", self._ids.nonce()))

    def _local(self, local: LocalMedia, standpoint: Standpoint) -> LocalMedia:
        protection = local.protection.over(is_secure=standpoint.is_secure)
        if self.agreed is not None and self.agreed.protection is not None:
            # What began encrypted stays so: a re-INVITE that takes encryption away is somebody in between.
            role = self.agreed.protection.is_client if isinstance(self.agreed.protection, Handshake) else None
            protection = protection._replace(encryption=Encryption.MANDATORY, is_client=role)
        # RFC 8839 §4.4.1.1.2: as long as ICE does not begin anew, every description has the credentials that count.
        ice = self._agreed_local.ice if self._does_ice else local.ice
        video = local.video
        if video is not None and self.agreed is not None and self.agreed.video is not None:
            video = video._replace(shares_way=self.agreed.video.shares_way)
        host = local.host or standpoint.host
        return local._replace(host=host, protection=protection, ice=ice, video=video, states_mapped=not standpoint.is_near)


def why_headers(error: RemoteProtocolError) -> Headers:
    """What the response to an offer that is refused says beside its status: §13.3.1.3 wants the 488 explained."""
    return (("Warning", str(media_warning(str(error)))),) if error.status == 488 else ()


def body_of(message: Request | Response) -> bytes | None:
    """The session description in the message, None when there is none. Raises RemoteProtocolError(415) for any other body.

    RFC 5621 §4.3: it may stand in a multipart body, beside what we know nothing of; a call that we can take is worth more than the rest.
    """
    if not message.body:
        return None
    kind = message.content_type or ""
    if kind == SDP:
        return message.body
    found = _unwrapped(message) if kind.startswith("multipart/") else None
    if found is None and not is_optional(message):
        raise RemoteProtocolError(f"body of type {kind or 'nobody knows what'}", status=415)
    return found


def _unwrapped(message: Request | Response) -> bytes | None:
    from firmware.sip.body.multipart import find  # few callers have anything to add to an offer

    try:
        return find(message, SDP)
    except RemoteProtocolError:
        return None


def is_optional(message: Request | Response) -> bool:
    """§20.11: `handling=optional` lets the receiver ignore a body that it does not understand."""
    disposition = (message.get("Content-Disposition") or "").lower()
    return "handling=optional" in disposition.replace(" ", "")
