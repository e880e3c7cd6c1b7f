"""firmware/outlets/rtsp: who may look, and in which order things are asked for (RFC 2326 §10, §A.2)."""

from __future__ import annotations

from hashlib import md5

import pytest

from firmware.outlets.rtsp.conversation import METHODS, WRONG_MAX, Answer, Conversation, Deed, Init, Playing, Ready
from firmware.outlets.rtsp.message import Request
from firmware.outlets.rtsp.proof import Watchword, is_proven

KNOWN = Watchword("door", "long enough to be safe")
URI = "rtsp://door.lan:8554/"
TCP = "RTP/AVP/TCP;unicast;interleaved=2-3"


def digest(method: str, nonce: str = "n1", password: str = KNOWN.password, *, qop: bool = False, uri: str = URI) -> str:
    """What a player sends: RFC 2617 §3.2.2.1, in the old form unless `qop`."""

    def hashed(text: str) -> str:
        return md5(text.encode(), usedforsecurity=False).hexdigest()

    middle = f"{nonce}:00000001:c:auth" if qop else nonce
    proof = hashed(f"{hashed(f'door:door:{password}')}:{middle}:{hashed(f'{method}:{uri}')}")
    more = ', qop=auth, nc=00000001, cnonce="c"' if qop else ""
    return f'Digest username="door", realm="door", nonce="{nonce}", uri="{uri}", response="{proof}"{more}'


class Player:
    def __init__(self) -> None:
        self.door = Conversation(KNOWN, nonce="n1", session="s1", description="v=0\r\n")

    def ask(self, method: str, *, proven: bool = True, **headers: str) -> Answer:
        given = dict(headers)
        if proven:
            given["authorization"] = digest(method)
        return self.door.answer(Request(method, URI, "5", given))


def status(answer: Answer) -> int:
    return int(answer.octets.split()[1])


def test_a_player_sets_up_plays_and_ends() -> None:
    player = Player()
    assert status(player.ask("OPTIONS", proven=False)) == 200
    described = player.ask("DESCRIBE", accept="application/sdp")
    assert (status(described), described.octets.endswith(b"\r\n\r\nv=0\r\n")) == (200, True)
    assert b"Content-Base: rtsp://door.lan:8554/\r\n" in described.octets
    set_up = player.ask("SETUP", transport=TCP)
    assert (status(set_up), set_up.deed, player.door.state) == (200, Deed.NOTHING, Ready(2))
    assert b"Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\nSession: s1;timeout=60\r\n" in set_up.octets
    play = player.ask("PLAY", session="s1")
    assert (status(play), play.deed, player.door.state) == (200, Deed.PLAY, Playing(2))
    assert player.ask("PLAY", session="s1").deed is Deed.NOTHING
    assert status(player.ask("GET_PARAMETER", session="s1")) == 200
    assert player.ask("TEARDOWN", session="s1").deed is Deed.END


@pytest.mark.parametrize("method", [method for method in METHODS if method != "OPTIONS"])
def test_without_the_password_nothing_is_told(method: str) -> None:
    player = Player()
    answer = player.ask(method, proven=False, transport=TCP)
    assert status(answer) == 401
    assert b'WWW-Authenticate: Digest realm="door", nonce="n1", algorithm=MD5\r\n' in answer.octets
    assert (answer.deed, player.door.state) == (Deed.NOTHING, Init())


def test_who_guesses_is_shown_the_way_out() -> None:
    player = Player()
    for _ in range(WRONG_MAX - 1):
        assert player.ask("DESCRIBE", proven=False).deed is Deed.NOTHING
    assert player.ask("DESCRIBE", proven=False).deed is Deed.END


@pytest.mark.parametrize(
    ("header", "proven"),
    [
        (digest("PLAY"), True),
        (digest("PLAY", qop=True), True),
        (digest("PLAY").replace("username=", "Username = ").replace("Digest", "DIGEST"), True),
        (digest("DESCRIBE"), False),
        (digest("PLAY", nonce="n2"), False),
        (digest("PLAY", password="a wrong one, but long"), False),
        (digest("PLAY").replace('username="door"', 'username="anna"'), False),
        (digest("PLAY").replace('realm="door"', 'realm="else"'), False),
        ("Basic ZG9vcjpkb29y", False),
        ("Digest", False),
        ("", False),
        ('Digest response="é"', False),
    ],
)
def test_only_the_password_proves(header: str, proven: bool) -> None:
    assert is_proven(header, "PLAY", "n1", KNOWN) is proven


def test_a_watchword_shows_no_password() -> None:
    assert KNOWN.password not in repr(KNOWN)


def test_what_is_asked_for_at_the_wrong_time_is_refused() -> None:
    player = Player()
    assert status(player.ask("PLAY", session="s1")) == 455
    player.ask("SETUP", transport=TCP)
    assert status(player.ask("PLAY", session="another")) == 454
    player.ask("PLAY", session="s1;timeout=60")
    assert status(player.ask("SETUP", transport=TCP)) == 455


@pytest.mark.parametrize(
    ("transport", "code"),
    [
        ("RTP/AVP;unicast;client_port=5000-5001", 461),
        ("RTP/AVP;multicast", 461),
        ("", 461),
        ("RTP/AVP/TCP;unicast;interleaved=255-256", 461),
        ("RTP/AVP/TCP;unicast", 200),
        (f"RTP/AVP;unicast;client_port=5000-5001,{TCP}", 200),
    ],
)
def test_pictures_go_where_the_request_came_from_and_nowhere_else(transport: str, code: int) -> None:
    assert status(Player().ask("SETUP", transport=transport)) == code


def test_other_methods_and_descriptions_are_not_there() -> None:
    assert status(Player().ask("RECORD")) == 501
    assert status(Player().ask("DESCRIBE", accept="application/rtsl")) == 406
