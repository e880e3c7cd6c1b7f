"""PUBLISH: RFC 3903, and once for a quality report: RFC 6035."""

from __future__ import annotations

import pytest

from firmware.errors import LocalProtocolError
from firmware.sip.agent import AgentSettings
from firmware.sip.notices import Publish, RequestAnswered, Unpublish
from tests.sip.wire import BOB, Wire

COMMAND = Publish(key="p", target=BOB, package="presence", content_type="application/pidf+xml", body=b"<one/>", expires_s=600)


def publishing(command: Publish = COMMAND) -> Wire:
    wire = Wire(AgentSettings())
    wire.command(command)
    return wire


def published() -> Wire:
    wire = publishing()
    wire.reply(200, wire.request("PUBLISH"), SIP_ETag="e1", Expires="600")
    wire.take()
    return wire


def test_the_first_publish_has_body_and_time_and_no_tag() -> None:
    sent = publishing().request("PUBLISH")
    assert (sent.body, sent.get("Event"), sent.expires, sent.get("SIP-If-Match")) == (b"<one/>", "presence", 600, None)
    assert sent.content_type == "application/pidf+xml"


def test_a_refresh_bears_the_tag_and_no_body_and_learns_the_next_tag() -> None:
    wire = published()
    wire.advance(451)
    refresh = wire.request("PUBLISH")
    assert (refresh.body, refresh.get("SIP-If-Match"), refresh.get("Content-Type")) == (b"", "e1", None)
    wire.reply(200, refresh, SIP_ETag="e2", Expires="600")
    wire.take()
    wire.advance(451)
    assert wire.request("PUBLISH").get("SIP-If-Match") == "e2"


def test_new_state_replaces_the_old() -> None:
    wire = published()
    wire.command(COMMAND._replace(body=b"<two/>"))
    sent = wire.request("PUBLISH")
    assert (sent.body, sent.get("SIP-If-Match")) == (b"<two/>", "e1")


def test_state_that_changes_while_a_publish_runs_goes_out_after_it() -> None:
    wire = publishing()
    wire.command(COMMAND._replace(body=b"<two/>"))
    wire.command(COMMAND._replace(body=b"<three/>"))
    assert wire.take() == ["PUBLISH"]
    wire.command(COMMAND._replace(body=b"<four/>"))
    assert wire.take() == []


def test_the_newest_state_follows() -> None:
    wire = publishing()
    first = wire.request("PUBLISH")
    wire.command(COMMAND._replace(body=b"<two/>"))
    wire.reply(200, first, SIP_ETag="e1")
    sent = wire.request("PUBLISH")
    assert (sent.body, sent.get("SIP-If-Match")) == (b"<two/>", "e1")


def test_a_server_that_forgot_it_is_told_anew_with_the_body() -> None:
    wire = published()
    wire.advance(451)
    wire.reply(412, wire.request("PUBLISH"))
    sent = wire.request("PUBLISH")
    assert (sent.body, sent.get("SIP-If-Match")) == (b"<one/>", None)


def test_too_brief_is_asked_for_again() -> None:
    wire = publishing()
    wire.reply(423, wire.request("PUBLISH"), Min_Expires="3600")
    assert wire.request("PUBLISH").expires == 3600


def test_each_answer_is_told() -> None:
    wire = published()
    assert wire.told(RequestAnswered) == [RequestAnswered(key="p", method="PUBLISH", status=200, text="OK")]


def test_a_refusal_is_told_and_not_repeated() -> None:
    wire = publishing()
    wire.reply(403, wire.request("PUBLISH"))
    assert [event.status for event in wire.told(RequestAnswered)] == [403]
    wire.take()
    wire.settle()
    assert wire.take() == []


def test_a_dead_server_is_asked_again_after_a_minute() -> None:
    wire = publishing()
    wire.fail()
    wire.take()
    wire.advance(60.1)
    assert wire.take() == ["PUBLISH"]


def test_unpublishing_removes_it() -> None:
    wire = published()
    wire.command(Unpublish(key="p"))
    sent = wire.request("PUBLISH")
    assert (sent.expires, sent.get("SIP-If-Match"), sent.body) == (0, "e1", b"")
    wire.reply(200, sent)
    wire.settle()
    assert wire.agent.is_idle


def test_a_report_is_told_once_and_kept_nowhere() -> None:
    report = COMMAND._replace(package="vq-rtcpxr", content_type="application/vq-rtcpxr", expires_s=None)
    wire = publishing(report)
    sent = wire.request("PUBLISH")
    assert sent.expires is None
    wire.reply(200, sent, SIP_ETag="e1")
    wire.take()
    wire.settle()
    assert wire.take() == []


def test_nonsense_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        publishing(COMMAND._replace(body=b""))
    with pytest.raises(LocalProtocolError, match="no publication"):
        Wire().command(Unpublish(key="p"))
