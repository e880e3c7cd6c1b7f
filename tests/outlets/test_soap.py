"""The SOAP service as a real client (zeep) sees it through the WSDL, and envelopes that no client would send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from zeep.exceptions import Fault
from zeep.transports import Transport

from firmware.config.schema import Lock
from firmware.door import events as door
from firmware.outlets.soap.envelope import DOOR, ENVELOPE, Call, SoapFault, answer, call_of, fault, value
from tests.app.house import House, settings
from tests.outlets.asking import LIMIT_S, OPENER, WATCHER, Served, served, web_settings


def client(port: int, token: str) -> Any:
    """A zeep client that has read the WSDL, and its session, which whoever made it closes."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    session.trust_env = False
    transport = Transport(session=session, timeout=LIMIT_S, operation_timeout=LIMIT_S)  # type: ignore[no-untyped-call]  # zeep has none
    return zeep.Client(f"http://127.0.0.1:{port}/soap?wsdl", transport=transport)  # type: ignore[no-untyped-call]  # zeep has none


def with_soap(tmp_path: Path, work: Callable[[Any, House], None], token: str = OPENER) -> None:
    """Run `work` beside the loop, where a client that blocks belongs."""

    def run(port: int, lived: House) -> None:
        made = client(port, token)
        try:
            work(made.service, lived)
        finally:
            made.transport.session.close()

    async def scenario() -> None:
        async with served(tmp_path, web=web_settings(tmp_path, soap=True)) as there:
            assert there.outlet.server is not None
            await asyncio.to_thread(run, there.outlet.server.port, there.house)

    asyncio.run(scenario())


def test_a_client_reads_the_description_and_the_status(tmp_path: Path) -> None:
    def work(service: Any, _lived: House) -> None:
        status = service.GetStatus()
        assert (status.station, status.state, status.party) == ("Portero", "idle", None)
        assert status.uptimeSeconds > 0
        assert [(lock.name, lock.open, lock.mode) for lock in status.lock] == [("gate", False, "normal")]
        assert status.ill == []

    with_soap(tmp_path, work, WATCHER)


def test_a_client_opens_and_reads_who_it_was(tmp_path: Path) -> None:
    def work(service: Any, lived: House) -> None:
        opened = service.OpenLock(lock="gate")
        assert (opened.lock, opened.seconds, opened.who) == ("gate", 0.1, "soap hass")
        assert [record.who for record in lived.of(door.Unlocked) if isinstance(record, door.Unlocked)] == ["soap hass"]
        log = service.ReadLog(limit=1)
        assert len(log.row) == 1
        assert log.next == log.row[0].number
        older = service.ReadLog(before=log.next)
        assert older.next is None
        assert {row.kind for row in [*log.row, *older.row]} >= {"Unlocked"}
        assert all(row.at.tzinfo is not None for row in older.row)

    with_soap(tmp_path, work)


def test_what_is_refused_is_a_fault(tmp_path: Path) -> None:
    def work(service: Any, _lived: House) -> None:
        for call, code, words in (
            (lambda: service.OpenLock(lock="cellar"), "env:Sender", "no lock named"),
            (lambda: service.Ring(button="bell"), "env:Sender", "no button named"),
            (service.HangUp, "env:Receiver", "there is no call"),
            (lambda: service.ReadLog(limit=0), "env:Sender", "limit is a number from 1"),
        ):
            with pytest.raises(Fault, match=words) as caught:
                call()
            assert caught.value.code == code

    with_soap(tmp_path, work)


def test_who_may_only_see_opens_nothing(tmp_path: Path) -> None:
    def work(service: Any, lived: House) -> None:
        with pytest.raises(Fault, match="grafana may not open"):
            service.OpenLock(lock="gate")
        assert lived.of(door.Unlocked) == []

    with_soap(tmp_path, work, WATCHER)


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/soap?wsdl", "", 200),
        ("GET", "/soap", "", 405),
        ("POST", "/soap", "", 401),
        ("POST", "/soap", OPENER, 400),
    ],
    ids=["description", "no description", "no token", "no envelope"],
)
def test_only_the_description_is_for_everybody(tmp_path: Path, method: str, path: str, token: str, status: int) -> None:
    async def scenario() -> None:
        async with served(tmp_path, web=web_settings(tmp_path, soap=True)) as there:
            assert (await there.client.ask(method, path, b"<a/>" if method == "POST" else None, token=token)).status == status
            hostile = await there.client.ask("GET", "/soap?wsdl", Host='a"/><evil x="')
            assert hostile.status == 400

    asyncio.run(scenario())


def test_without_the_key_there_is_no_service(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as there:
            assert (await there.client.ask("GET", "/soap?wsdl")).status != 200

    asyncio.run(scenario())


def test_a_lock_that_stays_shut_is_a_refusal_everywhere(tmp_path: Path) -> None:
    def work(service: Any, _lived: House) -> None:
        with pytest.raises(Fault, match="the lock gate stays shut: locked") as caught:
            service.OpenLock(lock="gate")
        assert caught.value.code == "env:Receiver"

    async def scenario(there: Served) -> None:
        assert (await there.client.ask("POST", "/api/v1/locks/gate/lock", token=OPENER)).status == 200
        reply = await there.client.ask("POST", "/api/v1/locks/gate/open", token=OPENER)
        assert (reply.status, reply.json["code"]) == (409, "not_now")
        assert there.outlet.server is not None
        made = await asyncio.to_thread(client, there.outlet.server.port, OPENER)
        await asyncio.to_thread(work, made.service, there.house)
        made.transport.session.close()

    async def run() -> None:
        wanted = settings(tmp_path)._replace(lock=(Lock(name="gate", gpio=5),))
        async with served(tmp_path, wanted, web_settings(tmp_path, soap=True)) as there:
            await scenario(there)

    asyncio.run(run())


# --- Envelopes ---------------------------------------------------------------------------------------------------------------

BEGIN, END = f'<e:Envelope xmlns:e="{ENVELOPE}" xmlns:d="{DOOR}">', "</e:Envelope>"


def test_an_envelope_is_read() -> None:
    body = f"{BEGIN}<e:Header><x xmlns='urn:x'/></e:Header><e:Body><d:OpenLock><d:lock> gate </d:lock></d:OpenLock></e:Body>{END}"
    assert call_of(body.encode()) == Call("OpenLock", {"lock": "gate"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "Sender"),
        ("<a/>", "Sender"),
        ("not XML", "Sender"),
        (f"{BEGIN}{END}", "Sender"),
        (f"{BEGIN}<e:Body/>{END}", "Sender"),
        (f"{BEGIN}<e:Body><d:A/><d:B/></e:Body>{END}", "Sender"),
        (f"{BEGIN}<e:Body><OpenLock/></e:Body>{END}", "Sender"),
        ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>', "VersionMismatch"),
        (f'{BEGIN}<e:Header><d:x e:mustUnderstand="true"/></e:Header><e:Body><d:HangUp/></e:Body>{END}', "MustUnderstand"),
        (f'<!DOCTYPE a [<!ENTITY x "y">]>{BEGIN}<e:Body><d:OpenLock><d:lock>&x;</d:lock></d:OpenLock></e:Body>{END}', "Sender"),
        (f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>{BEGIN}<e:Body><d:A>&x;</d:A></e:Body>{END}', "Sender"),
        (BEGIN + "<a>" * 40 + "</a>" * 40 + END, "Sender"),
    ],
)
def test_what_is_no_call_is_a_fault(body: str, code: str) -> None:
    with pytest.raises(SoapFault) as caught:
        call_of(body.encode())
    assert caught.value.code == code


def test_answers_and_faults_are_envelopes_and_carry_what_they_are_given() -> None:
    text = answer("OpenLock", value("lock", "<gate> & co"), value("open", content=True), value("next", None)).decode()
    assert "<d:OpenLockResponse>" in text
    assert "<d:lock>&lt;gate&gt; &amp; co</d:lock>" in text
    assert "<d:open>true</d:open>" in text
    text = fault(SoapFault("Sender", "no <lock>")).decode()
    assert "<Value>env:Sender</Value>" in text
    assert 'xml:lang="en">no &lt;lock&gt;</Text>' in text


def test_the_description_says_where_it_was_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, web=web_settings(tmp_path, soap=True, tls=True)) as there:
            wsdl = (await there.client.ask("GET", "/soap?wsdl", Host="portero.local:8443")).text
            assert 'location="https://portero.local:8443/soap"' in wsdl

    asyncio.run(scenario())
