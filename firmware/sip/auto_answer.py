"""Whether a request asks to be answered by itself, in every way that servers and phones ask it.

Only RFC 5373 is a standard; the others grew with PBXs. This module says what was asked and where. Whether to obey is the caller's
decision: who may open our microphone stands in the configuration, never in the request.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.grammar import Parameters
from firmware.sip.header_lines import Headers
from firmware.sip.header_values import readable
from firmware.sip.message import Request

OPTION_TAG = "answermode"
HEADERS = ("Priv-Answer-Mode", "Answer-Mode")  # RFC 5373 §3, in the order in which they count
DELAY_S_MAX = 180  # beyond the longest ring time of any peer (120 s) the caller has hung up
RING_ANSWER_DELAY_S = 2  # `Ring Answer` is a class of ring tones that answers after two seconds of ringing

_DELAYS_BY_WORDS = {"auto answer": 0, "alert-autoanswer": 0, "ring answer": RING_ANSWER_DELAY_S}


@kind
class AnswerMode(NamedTuple):
    """Answer-Mode or Priv-Answer-Mode (RFC 5373 §3): `mode` is Auto, Manual or an extension; `is_required`: reject rather than differ."""

    mode: str
    is_required: bool = False

    @classmethod
    def parse(cls, text: str) -> AnswerMode:
        """Read the value. Raises RemoteProtocolError."""
        mode, semicolon, params = text.partition(";")
        mode = mode.strip(grammar.WHITESPACE)
        if not grammar.is_token(mode):
            raise RemoteProtocolError(f"not an answer mode: {text[:80]!r}")
        return cls(mode.capitalize(), grammar.find(grammar.parameters(semicolon + params), "require") is not None)

    def __str__(self) -> str:
        assert grammar.is_token(self.mode), self
        return self.mode + (";require" if self.is_required else "")


@kind
class AutoAnswer(NamedTuple):
    """The wish: after how many seconds, and `header`, where it stands (`Request-URI` when it is a parameter there).

    `is_required`: who will not obey rejects the call with 403 (RFC 5373 §4). Priv-Answer-Mode goes for no more than Answer-Mode here: no
    caller is trusted so far that his wish counts against the settings (§3).
    """

    delay_s: int
    header: str
    is_required: bool = False


def auto_answer_wish(request: Request) -> AutoAnswer | None:
    """What the request asks for, None when a person is to answer.

    The standard's headers decide when they are there, `Manual` included; of the others the first that asks wins, in this order: Call-Info
    `answer-after=N`; Alert-Info `info=alert-autoanswer` with `delay=N`, `intercom=true`, `Auto Answer`, `Ring Answer`; Request-URI
    `intercom=true`. Both infos are read with and without a URI in front. A delay that is no number is no wish.
    """
    for header in HEADERS:
        for mode in readable(request, header, AnswerMode.parse):
            return AutoAnswer(0, header, mode.is_required) if mode.mode == "Auto" else None
    for header in ("Call-Info", "Alert-Info"):
        for text in request.get_all(header)[: grammar.LIST_ITEMS_MAX]:
            delay_s = _delay_in(text)
            if delay_s is not None:
                return AutoAnswer(delay_s, header)
    intercom = (request.uri.param("intercom") or "").lower()
    return AutoAnswer(0, "Request-URI") if intercom == "true" else None


def mode_of_answer(request: Request, *, by_itself: bool) -> Headers:
    """What our 2xx says to whoever asked: in a response the header tells how the request was handled (RFC 5373 §3)."""
    mode = AnswerMode("Auto" if by_itself else "Manual")
    return tuple([(header, str(mode)) for header in HEADERS if readable(request, header, AnswerMode.parse)])


def _delay_in(text: str) -> int | None:
    """The delay that one info value asks for, None when it asks for nothing."""
    words = " ".join(text.strip('"<> \t').lower().split())
    if words in _DELAYS_BY_WORDS:
        return _DELAYS_BY_WORDS[words]
    params = _info_params(text)
    answer_after = grammar.find(params, "answer-after")
    if answer_after is not None:
        return _delay_s(answer_after)
    info = (grammar.find(params, "info") or "").lower()
    intercom = (grammar.find(params, "intercom") or "").lower()
    if info in _DELAYS_BY_WORDS or intercom == "true":
        delay = grammar.find(params, "delay")
        return _DELAYS_BY_WORDS.get(info, 0) if delay is None else _delay_s(delay)
    return None


def _info_params(text: str) -> Parameters:
    """The parameters of an info value, also without a URI or a semicolon in front of the first; broken ones are passed over."""
    _, bracket, behind = text.rpartition(">")
    found: list[tuple[str, str | None]] = []
    for part in (behind if bracket else text).split(";")[: grammar.PARAMETERS_MAX]:
        try:
            found += grammar.parameters(f";{part.strip(grammar.WHITESPACE)}")
        except RemoteProtocolError:
            continue
    return tuple(found)


def _delay_s(text: str) -> int | None:
    if not text or text.strip(grammar.DIGITS) or len(text) > 9:
        return None
    return min(int(text), DELAY_S_MAX)
