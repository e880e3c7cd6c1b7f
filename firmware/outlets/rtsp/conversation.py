"""One connection's talk (RFC 2326 §10, §A.2), pure: requests in, responses and what to do out.

Init --SETUP--> Ready --PLAY--> Playing; TEARDOWN ends each. One stream, live, interleaved in the connection (§10.12): so a viewer behind
any translator sees, and nobody can have packets sent to somebody else.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple, assert_never

from firmware.outlets.rtsp.message import Request, response
from firmware.outlets.rtsp.proof import Watchword, challenge, is_proven

METHODS: Final = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN")
TRACK: Final = "trackID=0"
INTERLEAVED: Final = re.compile(r"interleaved=(\d{1,3})(?:-(\d{1,3}))?")
WRONG_MAX: Final = 3  # refused proofs of one connection; a player asks once without and once with
SESSION_S: Final = 60  # §12.37: how long a viewer may be silent; told, though the connection's end is what counts


class Init(NamedTuple):
    """Nothing is set up."""


class Ready(NamedTuple):
    """The stream is set up on this channel, and its reports on the next."""

    channel: int


class Playing(NamedTuple):
    """Pictures flow."""

    channel: int


class Deed(Enum):
    """What has to be done besides answering."""

    NOTHING = "nothing"
    PLAY = "play"
    END = "end"


class Answer(NamedTuple):
    """What goes back, and what to do then."""

    octets: bytes
    deed: Deed = Deed.NOTHING


class Conversation:
    """`nonce` and `session` are made anew for each connection, by chance."""

    def __init__(self, known: Watchword, *, nonce: str, session: str, description: str) -> None:
        """`description` is that of the stream, without its address."""
        self._known = known
        self._nonce = nonce
        self._session = session
        self._description = description
        self._wrong = 0
        self.state: Init | Ready | Playing = Init()

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        if request.method not in METHODS:
            return _plain(501, request)
        if request.method == "OPTIONS":
            return Answer(response(200, request.cseq, ("Public", ", ".join(METHODS))))
        if not is_proven(request.headers.get("authorization", ""), request.method, self._nonce, self._known):
            self._wrong += 1
            refusal = response(401, request.cseq, ("WWW-Authenticate", challenge(self._nonce)))
            return Answer(refusal, Deed.END if self._wrong >= WRONG_MAX else Deed.NOTHING)
        match request.method:
            case "DESCRIBE":
                return self._describe(request)
            case "SETUP":
                return self._set_up(request)
            case "PLAY":
                return self._play(request)
            case "TEARDOWN":
                return Answer(response(200, request.cseq, ("Session", self._session)), Deed.END)
            case _:
                return Answer(response(200, request.cseq, ("Session", self._session)))  # GET_PARAMETER: a sign of life (§10.8)

    def _describe(self, request: Request) -> Answer:
        accepted = request.headers.get("accept", "application/sdp").lower()
        if "application/sdp" not in accepted and "*/*" not in accepted:
            return _plain(406, request)
        base = request.uri.rstrip("/") + "/"
        headers = (("Content-Base", base), ("Content-Type", "application/sdp"))
        return Answer(response(200, request.cseq, *headers, body=self._description.encode()))

    def _set_up(self, request: Request) -> Answer:
        if isinstance(self.state, Playing):
            return _plain(455, request)
        channel = _channel(request.headers.get("transport", ""))
        if channel is None:
            return _plain(461, request)  # players that have asked for UDP then ask for this
        self.state = Ready(channel)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        return Answer(response(200, request.cseq, ("Transport", transport), ("Session", f"{self._session};timeout={SESSION_S}")))

    def _play(self, request: Request) -> Answer:
        match self.state:
            case Init():
                return _plain(455, request)
            case Ready(channel=channel):
                if request.headers.get("session", "").partition(";")[0].strip() != self._session:
                    return _plain(454, request)
                self.state = Playing(channel)
                return Answer(response(200, request.cseq, ("Session", self._session), ("Range", "npt=now-")), Deed.PLAY)
            case Playing():
                return Answer(response(200, request.cseq, ("Session", self._session)))
            case never:
                assert_never(never)


def _channel(transport: str) -> int | None:
    """The channel of the first interleaved way that is offered (§12.39), 0 where the client leaves it to us; None without any."""
    for offered in transport.split(","):
        if offered.strip().upper().startswith("RTP/AVP/TCP"):
            found = INTERLEAVED.search(offered)
            channel = 0 if found is None else int(found[1])
            return channel if channel < 255 else None
    return None


def _plain(status: int, request: Request) -> Answer:
    return Answer(response(status, request.cseq))
