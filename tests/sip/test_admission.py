"""Who may reach us: scanners, strangers, proofs (RFC 3261 §8.2.2.1, §22.1, RFC 7616 §3.4.5)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.auth import Challenge, Credentials, answer
from firmware.sip.events import IncomingCall, Register
from firmware.sip.gate import Gate, Proof, Unwanted
from firmware.sip.message import Response
from firmware.sip.notices import Subscribe
from firmware.sip.uri import Uri
from firmware.sip.usage import admission
from tests.sip.wire import ANSWER, MAIN, OURS, Wire, account, invite

BOB = Credentials("bob", "correct horse")
PROVING = Gate(proof=Proof.ALWAYS, callers=(BOB, Credentials("anna", "battery")))


def door(gate: Gate, users: frozenset[str] | None = None) -> Wire:
    return Wire(AgentSettings(gate=gate, users=users))


def proof(
    challenged: Response, credentials: Credentials = BOB, *, algorithm: str = "SHA-256", count: int = 1, method: str = "INVITE"
) -> str:
    """An Authorization line that answers the challenge of that algorithm."""
    challenges = [Challenge.parse(text) for text in challenged.get_all("WWW-Authenticate")]
    chosen = next(each for each in challenges if each.algorithm == algorithm)
    return f"Authorization: {answer(chosen, credentials, method, f'sip:door@{OURS}', cnonce='c', nonce_count=count)}\r\n"


def challenged(gate: Gate = PROVING) -> tuple[Wire, Response]:
    wire = door(gate)
    wire.incoming("INVITE", body=ANSWER)
    asked = wire.response()
    assert asked.status == 401
    assert asked.to.tag
    assert not wire.told(IncomingCall)
    wire.take()
    return wire, asked


@pytest.mark.parametrize("agent", ["friendly-scanner", "SIPVicious 0.3", "Friendly-Scanner/1.0"])
@pytest.mark.parametrize(("unwanted", "statuses"), [(Unwanted.DROP, []), (Unwanted.NOT_FOUND, ["404"]), (Unwanted.DECLINE, ["603"])])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_a_scanner_gets_what_the_settings_say_and_rings_nowhere(method: str, agent: str, unwanted: Unwanted, statuses: list[str]) -> None:
    wire = door(Gate(unwanted=unwanted))
    wire.incoming(method, headers=f"User-Agent: {agent}\r\n")
    assert wire.take() == [f"{status} {method}" for status in statuses]
    assert wire.events == []
    assert wire.agent.is_idle  # no transaction, no timer: a flood of them costs nothing that lasts


@pytest.mark.parametrize(
    ("unwanted", "statuses"), [(Unwanted.DROP, []), (Unwanted.NOT_FOUND, ["404 INVITE"]), (Unwanted.DECLINE, ["603 INVITE"])]
)
def test_a_call_for_an_unknown_user_gets_the_same(unwanted: Unwanted, statuses: list[str]) -> None:
    wire = door(Gate(unwanted=unwanted), users=frozenset({"door"}))
    wire.incoming("INVITE", uri=f"sip:1000@{OURS}", body=ANSWER)
    assert wire.take() == statuses
    wire.incoming("INVITE", uri=f"sip:door@{OURS}", body=ANSWER)
    assert len(wire.told(IncomingCall)) == 1


def test_options_asks_for_nobody_and_is_answered() -> None:
    wire = door(Gate(unwanted=Unwanted.DROP), users=frozenset({"door"}))
    wire.incoming("OPTIONS", uri=f"sip:{OURS}")
    assert wire.response().status == 200


def test_nothing_is_taken_from_where_no_server_is() -> None:
    gate = Gate(only_servers=True, unwanted=Unwanted.DROP)
    wire = Wire(AgentSettings(accounts=(account(),), gate=gate))
    wire.incoming("INVITE", body=ANSWER)
    assert wire.take() == []
    wire.command(Register(account=MAIN))
    wire.take()
    wire.incoming("INVITE", body=ANSWER)
    assert len(wire.told(IncomingCall)) == 1


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_a_caller_who_proves_a_password_gets_through_as_such(algorithm: str) -> None:
    wire, asked = challenged()
    wire.incoming("INVITE", body=ANSWER, cseq=2, headers=proof(asked, algorithm=algorithm))
    (call,) = wire.told(IncomingCall)
    assert call.is_authenticated


def test_the_strongest_algorithm_stands_first_and_md5_can_be_refused() -> None:
    _, asked = challenged()
    assert [Challenge.parse(text).algorithm for text in asked.get_all("WWW-Authenticate")] == ["SHA-256", "MD5"]
    wire, asked = challenged(PROVING._replace(allow_md5=False))
    assert [Challenge.parse(text).algorithm for text in asked.get_all("WWW-Authenticate")] == ["SHA-256"]
    weak = proof(asked).replace("algorithm=SHA-256", "algorithm=MD5")
    wire.incoming("INVITE", body=ANSWER, cseq=2, headers=weak)
    assert wire.response().status == 401


@pytest.mark.parametrize("credentials", [Credentials("bob", "wrong"), Credentials("eve", "correct horse"), Credentials("anna", "battery")])
def test_a_wrong_password_an_unknown_user_and_a_borrowed_name_are_challenged_again(credentials: Credentials) -> None:
    wire, asked = challenged()
    wire.incoming("INVITE", body=ANSWER, cseq=2, headers=proof(asked, credentials))
    assert wire.response().status == 401
    assert not wire.told(IncomingCall)


def test_an_overheard_proof_is_worth_nothing() -> None:
    wire, asked = challenged()
    heard = proof(asked, method="MESSAGE")
    wire.incoming("MESSAGE", cseq=2, headers=heard)
    assert wire.response().status == 200
    wire.incoming("MESSAGE", cseq=3, headers=heard)
    replayed = wire.response()
    assert replayed.status == 401
    assert Challenge.parse(replayed.get_all("WWW-Authenticate")[0]).stale
    wire.incoming("MESSAGE", cseq=4, headers=proof(asked, method="MESSAGE", count=2))
    assert wire.response().status == 200  # the next count of the same nonce is no replay


def test_an_old_nonce_is_called_stale() -> None:
    wire, asked = challenged()
    wire.advance(301)
    wire.incoming("INVITE", body=ANSWER, cseq=2, headers=proof(asked))
    assert Challenge.parse(wire.response().get_all("WWW-Authenticate")[0]).stale
    assert not wire.told(IncomingCall)


@pytest.mark.parametrize(
    "headers", ["Authorization: Basic Ym9i\r\n", "Authorization: Digest nonsense\r\n", 'Authorization: Digest username="\r\n']
)
def test_nonsense_proves_nothing(headers: str) -> None:
    wire, _ = challenged()
    wire.incoming("INVITE", body=ANSWER, cseq=2, headers=headers)
    assert wire.response().status in (400, 401)
    assert not wire.told(IncomingCall)


def test_calls_over_an_accounts_server_need_no_proof_where_only_direct_ones_do() -> None:
    wire = Wire(AgentSettings(accounts=(account(),), gate=PROVING._replace(proof=Proof.DIRECT)))
    wire.incoming("INVITE", body=ANSWER)
    assert wire.response().status == 401
    wire.command(Register(account=MAIN))
    wire.incoming("INVITE", body=ANSWER, cseq=2)
    (call,) = wire.told(IncomingCall)
    assert not call.is_authenticated


def test_the_memory_for_nonces_is_bounded_and_forgets_without_letting_replays_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "NONCES_MAX", 2)
    wire, asked = challenged()
    first = proof(asked, method="MESSAGE")
    for cseq, text in enumerate([first], start=2):
        wire.incoming("MESSAGE", cseq=cseq, headers=text)
    for cseq in (10, 12, 14):
        wire.incoming("MESSAGE", cseq=cseq)
        wire.incoming("MESSAGE", cseq=cseq + 1, headers=proof(wire.response(), method="MESSAGE"))
        assert wire.response().status == 200
    wire.incoming("MESSAGE", cseq=20, headers=first)
    assert wire.response().status == 401


# --- silence to strangers

DEAF = Gate(only_servers=True, unwanted=Unwanted.DROP)
LOST = (
    f"{{}} sip:door@{OURS} {{}}\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKlost;rport\r\nMax-Forwards: 70\r\n"
    f"From: <sip:bob@192.0.2.9>;tag=b\r\nTo: <sip:door@{OURS}>{{}}\r\nCall-ID: lost\r\nCSeq: 1 {{}}\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("method", "version", "tag", "honest"),
    [
        ("OPTIONS", "SIP/2.0", ";tag=x", 481),
        ("BYE", "SIP/2.0", ";tag=x", 481),
        ("NOTIFY", "SIP/2.0", ";tag=x", 481),
        ("CANCEL", "SIP/2.0", "", 481),
        ("OPTIONS", "SIP/3.0", "", 505),
    ],
)
def test_where_nothing_is_to_be_found_not_even_a_mistake_is_answered(method: str, version: str, tag: str, honest: int) -> None:
    """A scanner that invents a dialog, or breaks the grammar, learns no more than one that asks plainly."""
    lost = LOST.format(method, version, tag, method)
    wire = door(DEAF)
    wire.receive(lost)
    assert wire.raw == []
    assert wire.agent.is_idle
    wire = door(Gate(only_servers=True))
    wire.receive(lost)
    assert wire.response().status == honest


def test_what_belongs_to_a_call_of_ours_is_heard_from_anywhere() -> None:
    wire = door(DEAF)
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    ack = wire.request("ACK")
    wire.take()
    bye = wire.within("BYE", ack, cseq=1, we_called=True)
    wire.receive(bye)  # its answer was lost, and with it the dialog is gone
    assert wire.take() == ["200 BYE", "200 BYE"]


def test_a_notifier_whom_we_asked_is_heard_before_its_answer() -> None:
    wire = door(DEAF)
    wire.command(Subscribe(key="s", target=Uri.parse("sip:bob@192.0.2.9"), package="presence", accept=(), expires_s=600))
    first = wire.request("SUBSCRIBE")
    wire.take()
    asked = LOST.format("NOTIFY", "SIP/2.0", f";tag={first.from_.tag}", "NOTIFY").replace("Call-ID: lost", f"Call-ID: {first.call_id}")
    wire.receive(asked.replace("CSeq", "Contact: <sip:bob@192.0.2.9>\r\nEvent: presence\r\nSubscription-State: active\r\nCSeq"))
    assert wire.take() == ["200 NOTIFY"]
