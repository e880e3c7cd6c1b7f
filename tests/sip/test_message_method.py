"""MESSAGE both ways: RFC 3428."""

from __future__ import annotations

import pytest

from firmware.errors import LocalProtocolError
from firmware.sip.agent import AgentSettings
from firmware.sip.auth import Credentials
from firmware.sip.events import Hop, Register, Transport
from firmware.sip.gate import Gate, Proof
from firmware.sip.notices import MessageReceived, PeerComposing, RequestAnswered, SendMessage
from firmware.sip.uri import Uri
from tests.sip.wire import BOB, MAIN, OURS, PEER, Wire, account

TCP = Hop(transport=Transport.TCP, host=PEER, port=5060, local_host=OURS, local_port=5060)


def writing(*patterns: str) -> Wire:
    return Wire(AgentSettings(gate=Gate(writers=patterns)))


def test_a_message_goes_out_without_a_contact_and_its_answer_is_told() -> None:
    wire = Wire()
    wire.command(SendMessage(key="m1", target=BOB, body=b"Somebody is at the door"))
    sent = wire.request("MESSAGE")
    assert sent.body == b"Somebody is at the door"
    assert sent.content_type == "text/plain"
    assert sent.get("Contact") is None  # §4: it begins no dialog
    wire.reply(202, sent)
    assert wire.told(RequestAnswered) == [RequestAnswered(key="m1", method="MESSAGE", status=202, text="Accepted")]


def test_a_message_that_nobody_answers_is_told_as_408() -> None:
    wire = Wire()
    wire.command(SendMessage(key="m1", target=BOB, body=b"hello"))
    wire.advance(33)
    assert [event.status for event in wire.told(RequestAnswered)] == [408]


def test_a_long_message_goes_over_tcp() -> None:
    wire = Wire()
    wire.tcp = (TCP,)
    wire.command(SendMessage(key="m1", target=BOB, body=b"x" * 1300))
    assert wire.hops[-1].transport is Transport.TCP


def test_a_message_of_unreasonable_length_is_not_begun() -> None:
    wire = Wire()
    with pytest.raises(LocalProtocolError, match="16384"):
        wire.command(SendMessage(key="m1", target=BOB, body=b"x" * 20_000))


def test_a_message_of_an_account_is_sent_by_its_server_and_proves_its_password() -> None:
    wire = Wire(AgentSettings(accounts=(account(realm="door.example"),)))
    wire.command(SendMessage(key="m1", target=Uri.parse("sip:anna@door.example"), body=b"hello", account=MAIN))
    wire.reply(407, Proxy_Authenticate='Digest realm="door.example", nonce="n1", qop="auth", algorithm=SHA-256')
    assert wire.request("MESSAGE").get("Proxy-Authorization")
    assert wire.hops[-1].host == PEER


@pytest.mark.parametrize(("patterns", "status"), [((), 403), (("bob@*",), 200), (("*@192.0.2.9",), 200), (("eve@*", "bob@other"), 403)])
def test_only_those_whom_the_settings_name_may_write(patterns: tuple[str, ...], status: int) -> None:
    wire = writing(*patterns)
    wire.incoming("MESSAGE", body=b"open please", headers="Content-Type: text/plain\r\n")
    assert wire.response().status == status
    assert wire.response().to.tag
    assert [event.body for event in wire.told(MessageReceived)] == ([b"open please"] if status == 200 else [])


def test_what_comes_over_an_accounts_own_server_is_taken() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.incoming("MESSAGE", body=b"hello", headers="Content-Type: text/plain\r\n")
    (event,) = wire.told(MessageReceived)
    assert (event.account, event.is_authenticated) == (MAIN, False)


COMPOSING = "Content-Type: application/im-iscomposing+xml\r\n"


@pytest.mark.parametrize(("state", "is_active"), [("active", True), ("idle", False), ("dreaming", False)])
def test_who_is_typing_is_told(state: str, *, is_active: bool) -> None:
    wire = writing("*@*")
    document = f'<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>{state}</state><refresh>60</refresh></isComposing>'
    wire.incoming("MESSAGE", body=document.encode(), headers=COMPOSING)
    assert wire.take() == ["200 MESSAGE"]
    (event,) = wire.told(PeerComposing)
    assert (event.is_active, event.refresh_s, str(event.sender.uri)) == (is_active, 60, f"sip:bob@{PEER}")
    assert not wire.told(MessageReceived)


@pytest.mark.parametrize("body", [b"<isComposing/>", b"no document", b'<!DOCTYPE x [<!ENTITY a "b">]><isComposing/>'])
def test_a_broken_word_on_typing_is_refused_and_told_to_nobody(body: bytes) -> None:
    wire = writing("*@*")
    wire.incoming("MESSAGE", body=body, headers=COMPOSING)
    assert wire.response().status == 400
    assert wire.events == []


def test_a_body_that_nobody_here_reads_is_refused_with_what_is_read() -> None:
    wire = writing("*@*")
    wire.incoming("MESSAGE", body=b"<html/>", headers="Content-Type: text/html\r\n")
    assert wire.response().status == 415
    assert "text/plain" in (wire.response().get("Accept") or "")


def test_a_message_may_have_to_prove_a_password() -> None:
    wire = Wire(AgentSettings(gate=Gate(proof=Proof.ALWAYS, callers=(Credentials("anna", "secret"),))))
    wire.incoming("MESSAGE", body=b"open please", headers="Content-Type: text/plain\r\n")
    assert wire.take() == ["401 MESSAGE"]
    assert not wire.told(MessageReceived)
