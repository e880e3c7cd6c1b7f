"""sips (RFC 5630), names of transports in our own addresses, and the reason of a failed send, as people read it."""

from __future__ import annotations

import pytest

from firmware.ids import SystemIds
from firmware.sip.agent import Agent, AgentSettings
from firmware.sip.events import AccountName, Hop, Located, Register, RegistrationFailed, Send, SendFailed, Transport
from firmware.sip.headers import NameAddr
from firmware.sip.names import QueryId
from firmware.sip.settings import Account
from firmware.sip.uri import Uri
from firmware.sip.usage.addressing import first_hop, registered_uri
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.redirection import Targets
from tests.sip.wire import Wire

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
