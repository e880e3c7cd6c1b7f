"""Challenges of an INVITE of ours: who gets credentials, and who never does (RFC 3261 §22)."""

from __future__ import annotations

from firmware.sip.events import CallEnded
from firmware.sip.uri import Uri
from tests.sip.test_invite_outgoing import with_account
from tests.sip.wire import ANSWER, MAIN, invite

CHALLENGE = 'Digest realm="door.example", nonce="n1", qop="auth", algorithm=SHA-256'


def test_the_accounts_proxy_gets_its_credentials() -> None:
    wire = with_account()
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    first = wire.request()
    wire.reply(407, Proxy_Authenticate=CHALLENGE)
    second = wire.request("INVITE")
    assert 'username="door"' in (second.get("Proxy-Authorization") or "")
    assert second.cseq.number == first.cseq.number + 1
    assert second.call_id == first.call_id
    wire.reply(200, second, body=ANSWER)
    assert wire.request("ACK").get("Proxy-Authorization") == second.get("Proxy-Authorization")


def test_wrong_credentials_are_not_sent_twice() -> None:
    wire = with_account()
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    wire.reply(407, Proxy_Authenticate=CHALLENGE)
    wire.reply(407, wire.request("INVITE"), Proxy_Authenticate=CHALLENGE.replace("n1", "n2"))
    assert wire.take() == ["INVITE", "ACK", "INVITE", "ACK"]
    assert [end.status for end in wire.told(CallEnded)] == [407]


def test_a_stale_nonce_is_replaced() -> None:
    wire = with_account()
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    wire.reply(407, Proxy_Authenticate=CHALLENGE)
    wire.reply(407, wire.request("INVITE"), Proxy_Authenticate=CHALLENGE.replace("n1", "n2") + ", stale=true")
    assert 'nonce="n2"' in (wire.request("INVITE").get("Proxy-Authorization") or "")


def test_a_challenge_in_a_direct_call_is_never_answered() -> None:
    wire = with_account()
    wire.command(invite())
    wire.reply(401, WWW_Authenticate=CHALLENGE)
    assert wire.take() == ["INVITE", "ACK"]
    assert "door.example" in wire.told(CallEnded)[0].text


def test_a_challenge_for_another_realm_is_never_answered() -> None:
    wire = with_account()
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    wire.reply(401, WWW_Authenticate=CHALLENGE.replace("door.example", "thief.example"))
    assert wire.take() == ["INVITE", "ACK"]


def test_a_stranger_outside_the_accounts_servers_gets_no_digest() -> None:
    wire = with_account()
    wire.command(invite(Uri.parse("sip:bob@192.0.2.66"), account=MAIN))
    wire.reply(407, Proxy_Authenticate=CHALLENGE)
    assert wire.take() == ["INVITE", "ACK"]
