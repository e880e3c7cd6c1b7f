"""The page: complete, self-contained, and never fooled by what peers write into their messages."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from firmware.demo.evidence import Evidence, Picture, Span
from firmware.demo.ladder import Note, draw_ladder, method_of
from firmware.demo.report import render_report
from firmware.demo.score import draw_score
from tests.demo.samples import evidence, failed, message

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def outline(of: Evidence) -> Outline:
    page = Outline()
    page.feed(render_report(of, (Note(1050.0, "speech both ways"),)))
    page.close()
    return page


@pytest.mark.parametrize("through", ["", "kamailio (5.6.3 <x86>)"])
def test_the_page_is_well_formed_and_needs_nothing_else(through: str) -> None:
    page = outline(evidence(through=through))
    assert (page.open, page.wrong) == ([], [])
    assert "script" not in [tag for tag, _ in page.tags]
    references = [value for tag, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert references
    assert all(reference is not None and reference.startswith("data:") for reference in references)
    assert not re.search(r"url\(|@import", render_report(evidence(), ()))


def test_what_a_peer_writes_stays_text() -> None:
    page = outline(evidence(through="<script>alert(1)</script>"))
    assert all(tag != "script" for tag, _ in page.tags)
    assert any("<b>Door</b>" in text for text in page.text), "a display name that looks like markup is shown as it is"


def test_a_good_run_says_so_and_shows_its_figures() -> None:
    text = " ".join(outline(evidence()).text)
    assert f"All {len(evidence().steps)} steps came, the door opened" in text
    for figure in ("3.0", "6.0", "40.0", "2.5", "97.0", "1 010.0"):
        assert figure in text
    assert "no report yet" in text, "a round trip that nobody measured is not zero"


def test_what_was_seen_stands_beside_each_other_with_its_count() -> None:
    page = outline(evidence())
    images = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert [image.partition(";")[0] for image in images] == ["data:image/jpeg", "data:image/png"]
    text = " ".join(page.text)
    assert "On the phone’s screen, 4.1 s after the press" in text
    assert "20 pictures of H.264 came to the phone in 40 packets, 19 of them decoded; none was lost." in text


def test_a_phone_without_a_decoder_says_why_it_shows_nothing() -> None:
    blind = replace(evidence(), picture=Picture(ring=b"\xff\xd8", packets=40, lost=2, pictures=20, no_frames="no <library>"))
    text = " ".join(outline(blind).text)
    assert "The phone shows nothing: no <library>" in text
    assert "20 pictures of H.264 came to the phone in 40 packets; 2 were lost." in text


def test_frames_beside_each_other_do_not_cover_each_other() -> None:
    root = ElementTree.fromstring(draw_score(evidence()))
    boxes = [(float(each.get("x", "")), float(each.get("width", ""))) for each in root if each.tag == "image"]
    assert len(boxes) > 2
    assert all(x + width < after for (x, width), (after, _) in pairwise(boxes))


def test_a_run_with_a_hole_names_it() -> None:
    page = outline(failed(evidence()))
    text = " ".join(page.text)
    assert "Something is missing" in text
    assert "step 'relay closed' is missing" in text
    assert ("td", {"class": "missing"}) in page.tags


def test_light_and_dark_are_both_cared_for() -> None:
    page = render_report(evidence(), ())
    assert "prefers-color-scheme: dark" in page
    assert "color-scheme: light dark" in page


def test_the_score_is_valid_svg_with_every_track_and_nothing_outside() -> None:
    root = ElementTree.fromstring(draw_score(evidence()))
    names = [element.text for element in root if element.get("class") == "track"]
    assert names == [
        "Signalling",
        "Resident sees",
        "Visitor speaks",
        "Resident hears",
        "Resident speaks",
        "Visitor hears",
        "Jitter buffer",
        "Lamp “ring”",
        "Relay",
    ]
    width, height = (float(value) for value in root.get("viewBox", "").split()[2:])
    for element in root:
        assert 0 <= float(element.get("x", element.get("x1", "0"))) <= width
        assert 0 <= float(element.get("y", element.get("y1", "0"))) <= height


def test_flags_of_steps_at_one_instant_do_not_cover_each_other() -> None:
    root = ElementTree.fromstring(draw_score(evidence()))
    flags = [element for element in root if element.get("class") == "flag"]
    boxes = [(float(each.get("x", "")), float(each.get("width", "")), each.get("y")) for each in flags]
    assert len(boxes) == 9
    for number, (x, width, y) in enumerate(boxes):
        assert all(
            y != other_y or x + width <= other_x or other_x + other_width <= x for other_x, other_width, other_y in boxes[number + 1 :]
        )


def test_a_run_that_ended_at_once_can_be_drawn() -> None:
    nothing = replace(
        evidence(), steps=(), messages=(), spans=(), voices=(), picture=Picture(), recordings={}, quality={}, problems=("nothing happened",)
    )
    ElementTree.fromstring(draw_score(nothing))
    assert "nothing happened" in render_report(nothing, ())


def test_a_bar_beyond_the_axis_is_cut_at_its_end() -> None:
    root = ElementTree.fromstring(draw_score(replace(evidence(), spans=(Span("Relay", "", 8000.0, 99_000.0),))))
    (bar,) = [element for element in root if (element.get("class") or "").startswith("bar relay")]
    assert float(bar.get("x", "")) + float(bar.get("width", "")) <= 1160


def test_the_ladder_shows_the_call_and_folds_the_rest() -> None:
    ladder = draw_ladder(evidence(through="a server"), (Note(1050.0, "speech"),))
    shown, folded = ladder.split('<details class="folded">')[0] + ladder.split("</details></details>")[-1], ladder
    assert "2 messages before and after the call: REGISTER" in folded
    assert ladder.count('<details class="row-box">') == len(evidence(through="a server").messages)
    assert shown.index("407 Proxy") < shown.index(">speech<") < shown.index(">BYE<")
    assert ladder.count('class="head ') == 3


def test_without_a_server_the_ladder_has_two_lifelines() -> None:
    assert draw_ladder(evidence(), ()).count('class="head ') == 2


def test_a_response_belongs_to_the_request_that_its_cseq_names() -> None:
    assert method_of(message(0, "door", "pbx", "SIP/2.0 200 OK", "4 BYE")) == "BYE"
    assert method_of(message(0, "door", "pbx", "REGISTER sip:x SIP/2.0", "4 REGISTER")) == "REGISTER"
    assert message(0, "door", "pbx", "SIP/2.0 486 Busy Here", "4 INVITE").label == "486 Busy Here"
