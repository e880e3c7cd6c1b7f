"""Every way in which a request asks to be answered by itself, RFC 5373 and what servers and phones write besides."""

from __future__ import annotations

import pytest

from firmware.errors import RemoteProtocolError
from firmware.sip.auto_answer import DELAY_S_MAX, AnswerMode, AutoAnswer, auto_answer_wish, mode_of_answer
from firmware.sip.events import Answer, IncomingCall
from firmware.sip.message import Request
from firmware.sip.uri import Uri
from tests.sip.wire import ANSWER, Wire, media

DOOR = Uri("sip", "door", host="example.com")


def invite(*headers: tuple[str, str]) -> Request:
    return Request("INVITE", DOOR, headers)


@pytest.mark.parametrize(
    ("header", "value", "delay_s"),
    [
        ("Call-Info", "<sip:pbx.example.com>;answer-after=0", 0),
        ("Call-Info", "<sip:192.0.2.1>; answer-after=5", 5),
        ("Call-Info", ";answer-after=0", 0),
        ("Call-Info", "answer-after=3", 3),
        ("Call-Info", "Answer-After=0", 0),
        ("Call-Info", "<http://example.com/alice.jpg>;purpose=icon, <sip:pbx>;answer-after=1", 1),
        ("Call-Info", 'sip:pbx;answer-after="2"', 2),
        ("Call-Info", "<sip:pbx>;answer-after=99999", DELAY_S_MAX),
        ("Alert-Info", "<http://www.notused.com>;info=alert-autoanswer", 0),
        ("Alert-Info", "<http://www.notused.com>;info=alert-autoanswer;delay=4", 4),
        ("Alert-Info", "info=alert-autoanswer", 0),
        ("Alert-Info", ";info=Alert-AutoAnswer", 0),
        ("Alert-Info", "alert-autoanswer", 0),
        ("Alert-Info", "<sip:pbx>;intercom=true", 0),
        ("Alert-Info", "intercom=true", 0),
        ("Alert-Info", "Auto Answer", 0),
        ("Alert-Info", '"Auto  answer"', 0),
        ("Alert-Info", "Ring Answer", 2),
        ("Alert-Info", '<http://x.example>;info="Ring Answer"', 2),
        ("Alert-Info", "<Ring Answer>", 2),
    ],
)
def test_every_known_form_is_understood(header: str, value: str, delay_s: int) -> None:
    assert auto_answer_wish(invite((header, value))) == AutoAnswer(delay_s, header)


def test_the_request_uri_may_ask() -> None:
    assert auto_answer_wish(Request("INVITE", Uri.parse("sip:door@example.com;intercom=true"))) == AutoAnswer(0, "Request-URI")
    assert auto_answer_wish(Request("INVITE", Uri.parse("sip:door@example.com;intercom=false"))) is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Call-Info", "<http://example.com/alice.jpg>;purpose=icon"),
        ("Call-Info", "<sip:pbx>;answer-after=soon"),
        ("Call-Info", "<sip:pbx>;answer-after"),
        ("Call-Info", "<sip:pbx;answer-after=0>"),
        ("Alert-Info", "<http://example.com/sounds/moo.wav>"),
        ("Alert-Info", "<urn:alert:service:normal>"),
        ("Alert-Info", "<http://x>;info=alert-group"),
        ("Alert-Info", "<http://x>;info=alert-autoanswer;delay=-1"),
        ("Alert-Info", "<http://x>;intercom=false"),
        ("Alert-Info", "Bellcore-dr3"),
        ("Alert-Info", '"; ;=,'),
        ("Subject", "Auto Answer"),
    ],
)
def test_other_values_ask_for_nothing(header: str, value: str) -> None:
    assert auto_answer_wish(invite((header, value))) is None


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ([("Answer-Mode", "Auto")], AutoAnswer(0, "Answer-Mode")),
        ([("Answer-Mode", "auto ; require")], AutoAnswer(0, "Answer-Mode", is_required=True)),
        ([("Priv-Answer-Mode", "Auto;require")], AutoAnswer(0, "Priv-Answer-Mode", is_required=True)),
        ([("Answer-Mode", "Manual"), ("Call-Info", "<sip:pbx>;answer-after=0")], None),
        ([("Answer-Mode", "Auto"), ("Priv-Answer-Mode", "Manual")], None),
        ([("Answer-Mode", "@"), ("Call-Info", "<sip:pbx>;answer-after=0")], AutoAnswer(0, "Call-Info")),
        ([], None),
    ],
)
def test_the_standard_header_decides_where_it_is_given(headers: list[tuple[str, str]], wish: AutoAnswer | None) -> None:
    assert auto_answer_wish(invite(*headers)) == wish


@pytest.mark.parametrize(("text", "value"), [("Auto", AnswerMode("Auto")), ("Manual;require", AnswerMode("Manual", is_required=True))])
def test_an_answer_mode_is_read_and_written(text: str, value: AnswerMode) -> None:
    assert AnswerMode.parse(text) == value
    assert str(value) == text


def test_what_is_no_answer_mode_is_refused() -> None:
    for text in ("", "Auto Manual", "Auto;=", ";require"):
        with pytest.raises(RemoteProtocolError):
            AnswerMode.parse(text)


@pytest.mark.parametrize(
    ("asked", "by_itself", "told"),
    [
        ((("Answer-Mode", "Auto"),), True, (("Answer-Mode", "Auto"),)),
        ((("Answer-Mode", "Auto"),), False, (("Answer-Mode", "Manual"),)),
        ((("Answer-Mode", "Manual;require"),), False, (("Answer-Mode", "Manual"),)),
        ((("Priv-Answer-Mode", "Auto"), ("Answer-Mode", "Auto")), True, (("Priv-Answer-Mode", "Auto"), ("Answer-Mode", "Auto"))),
        ((("Answer-Mode", "=!"),), True, ()),
        ((("Call-Info", "<sip:pbx>;answer-after=0"),), True, ()),
        ((), True, ()),
    ],
)
def test_who_asked_in_the_standards_way_is_told_how_it_was_answered(
    asked: tuple[tuple[str, str], ...], by_itself: bool, told: tuple[tuple[str, str], ...]
) -> None:
    assert mode_of_answer(invite(*asked), by_itself=by_itself) == told


@pytest.mark.parametrize(("by_itself", "mode"), [(True, "Auto"), (False, "Manual")])
def test_the_200_says_how_it_was_answered(by_itself: bool, mode: str) -> None:
    wire = Wire()
    wire.incoming("INVITE", body=ANSWER, headers="Answer-Mode: Auto\r\n")
    wire.command(Answer(call=wire.told(IncomingCall)[-1].call, media=media(), by_itself=by_itself))
    assert (wire.response().status, wire.response().get("Answer-Mode")) == (200, mode)
