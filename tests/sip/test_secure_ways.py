"""sips (RFC 5630), names of transports in our own addresses, and the reason of a failed send, as people read it."""

from __future__ import annotations

import pytest

from firmware.ids import SystemIds
from firmware.sip.agent import Agent, AgentSettings
from firmware.sip.events import (
    AccountName,
    Hold,
    Hop,
    IncomingCall,
    Located,
    QueryOptions,
    Refer,
    Register,
    RegistrationFailed,
    Ring,
    Send,
    SendFailed,
    Transport,
)
from firmware.sip.headers import NameAddr
from firmware.sip.names import QueryId
from firmware.sip.notices import Subscribe
from firmware.sip.settings import Account
from firmware.sip.uri import Uri
from firmware.sip.usage.addressing import contact_uri, first_hop, registered_uri
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.redirection import Targets
from tests.sip.wire import ANSWER, BOB, CALL, OURS, PEER, Wire, invite

HOP = Hop(Transport.TLS, "192.0.2.1", 5061, "192.0.2.9", 5061, domain="pbx.example")
PBX = AccountName("pbx")


def account(aor: str = "sip:door@pbx.example", proxy: str | None = None) -> Account:
    uri = Uri.parse(aor)
    return Account(name=PBX, aor=uri, registrar=uri._replace(user=None), outbound_proxy=None if proxy is None else Uri.parse(proxy))


@pytest.mark.parametrize(
    ("aor", "transport", "contact"),
    [
        ("sip:door@pbx.example", Transport.UDP, "sip:door@192.0.2.9:5061"),
        ("sip:door@pbx.example", Transport.TLS, "sip:door@192.0.2.9:5061;transport=tls"),
        ("sip:door@pbx.example", Transport.WS, "sip:door@192.0.2.9:5061;transport=ws"),
        # RFC 7118 §5.2.1: there is one name for both.
        ("sip:door@pbx.example", Transport.WSS, "sip:door@192.0.2.9:5061;transport=ws"),
        ("sip:door@pbx.example", Transport.SCTP, "sip:door@192.0.2.9:5061;transport=sctp"),
        # RFC 5630 §5.1.1.1: the Contact of a sips address is sips; §3.1.3: without transport=tls.
        ("sips:door@pbx.example", Transport.TLS, "sips:door@192.0.2.9:5061"),
        ("sips:door@pbx.example", Transport.WSS, "sips:door@192.0.2.9:5061;transport=ws"),
    ],
)
def test_the_contact_tells_how_we_are_reached(aor: str, transport: Transport, contact: str) -> None:
    agent = Agent(AgentSettings(accounts=(account(aor),)), SystemIds(), 0.0)
    endpoint: Endpoint = agent._endpoint
    assert str(registered_uri(endpoint, HOP._replace(transport=transport), endpoint.accounts[PBX])) == contact


@pytest.mark.parametrize(
    ("proves_itself", "transport", "asks"),
    [(True, Transport.TLS, True), (False, Transport.TLS, False), (True, Transport.TCP, False), (True, Transport.UDP, False)],
)
def test_who_shows_a_certificate_offers_its_own_connection_for_reuse(*, proves_itself: bool, transport: Transport, asks: bool) -> None:
    # RFC 5923 §8.1: only a side that the other can authenticate may offer its connection for reuse.
    wire = Wire(AgentSettings(accounts=(account(),), proves_itself=proves_itself))
    wire.names["pbx.example"] = (HOP._replace(transport=transport),)
    wire.command(Register(account=PBX))
    assert (wire.request("REGISTER").via.param("alias") is not None) is asks


@pytest.mark.parametrize(
    ("target", "way"),
    [
        ("sip:anna@pbx.example", "sip:proxy.example"),
        # RFC 3261 §26.2.2: a sips target is secure on every hop.
        ("sips:anna@pbx.example", "sips:proxy.example"),
    ],
)
def test_a_secure_target_is_not_called_over_an_insecure_way(target: str, way: str) -> None:
    knowledge = AccountKnowledge(account(proxy="sip:proxy.example"))
    assert str(first_hop(Uri.parse(target), knowledge)) == way
    assert str(first_hop(Uri.parse(target), None)) == target


SECURE = Hop(Transport.TLS, PEER, 5061, OURS, 5061, domain=PEER)
BOB_SECURE = Uri.parse(f"sips:bob@{PEER}")
HERE = f"<sips:door@{OURS}:5061>"


def secure() -> Wire:
    wire = Wire()
    wire.names[PEER] = (SECURE,)
    return wire


def test_who_calls_a_secure_address_is_at_a_secure_address() -> None:
    """RFC 3261 §8.1.1.8: "If the Request-URI … contains a SIPS URI, the Contact header field MUST contain a SIPS URI as well"."""
    wire = secure()
    wire.command(invite(BOB_SECURE))
    assert wire.request().get("Contact") == HERE
    wire.reply(200, body=ANSWER, Contact=f"<{BOB_SECURE}>")
    wire.command(Hold(call=CALL))
    assert wire.request("INVITE").get("Contact") == HERE  # §12.2.1.1: "that URI MUST be a SIPS URI"


@pytest.mark.parametrize(
    "command",
    [
        Refer(key="r", target=BOB_SECURE, refer_to=BOB),
        Subscribe(key="s", package="presence", target=BOB_SECURE),
        QueryOptions(key="o", target=BOB_SECURE),
    ],
)
def test_who_asks_a_secure_address_anything_else_is_at_one_too(command: Refer | Subscribe | QueryOptions) -> None:
    wire = secure()
    wire.command(command)
    assert wire.request().get("Contact") == HERE


def test_who_is_called_at_a_secure_address_answers_from_one() -> None:
    """§12.1.1: "the URI provided in the Contact header field MUST be a SIPS URI"."""
    wire = secure()
    text = (
        f"INVITE sips:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/TLS {PEER};branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:bob@{PEER}>;tag=bob\r\nTo: <sips:door@{OURS}>\r\nCall-ID: in-1\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <{BOB_SECURE}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
    )
    wire.receive(text.encode() + ANSWER, SECURE)
    wire.command(Ring(call=wire.told(IncomingCall)[0].call))
    assert wire.response().get("Contact") == HERE


def test_a_secure_request_over_an_open_way_is_not_made_to_look_secure() -> None:
    wire = Wire()
    wire.incoming("INVITE", body=ANSWER, uri=f"sips:door@{OURS}")
    wire.command(Ring(call=wire.told(IncomingCall)[0].call))
    assert wire.response().get("Contact") == f"<sip:door@{OURS}:5060>"


@pytest.mark.parametrize(
    ("gruu", "expected"),
    [(None, "sips:door@192.0.2.9:5061"), ("sip:door@pbx.example;gr=x", "sips:door@pbx.example;gr=x")],
)
def test_an_account_is_at_a_secure_address_for_a_secure_call_alone(gruu: str | None, expected: str) -> None:
    agent = Agent(AgentSettings(accounts=(account(),)), SystemIds(), 0.0)
    endpoint: Endpoint = agent._endpoint
    knowledge = endpoint.accounts[PBX]
    knowledge.learn_hosts((HOP,))
    knowledge.gruu = None if gruu is None else Uri.parse(gruu)
    assert str(contact_uri(endpoint, HOP, knowledge, is_secure=True)) == expected
    assert contact_uri(endpoint, HOP, knowledge).scheme == "sip"


def test_a_redirection_does_not_downgrade() -> None:
    targets = Targets(Uri.parse("sips:anna@pbx.example"), 3, 5)
    targets.next()
    targets.redirect([NameAddr("", Uri.parse("sip:anna@192.0.2.5")), NameAddr("", Uri.parse("sips:anna@192.0.2.6"))])
    assert [str(targets.next()), targets.next()] == ["sips:anna@192.0.2.6", None]


def test_the_reason_of_a_failed_send_is_told() -> None:
    agent = Agent(AgentSettings(accounts=(account(),)), SystemIds(), 0.0)
    agent.command(Register(account=PBX), 0.0)
    agent.take_effects()
    agent.receive(Located(query=QueryId(1), hops=(HOP,)), 0.0)
    assert [type(effect) for effect in agent.take_effects()] == [Send]
    agent.receive(SendFailed(hop=HOP, reason="TLS: its certificate has expired"), 0.1)
    told = [effect for effect in agent.take_effects() if isinstance(effect, RegistrationFailed)]
    assert [failed.detail for failed in told] == ["192.0.2.1 cannot be reached: TLS: its certificate has expired"]
