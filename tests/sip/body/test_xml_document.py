"""XML read and written safely: no declaration, no entity, no depth, no size that hurts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body.xml_document import ATTRIBUTES_MAX, BYTES_MAX, DEPTH_MAX, ELEMENTS_MAX, Element, decode, encode

texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"), max_size=10).map(str.strip)
names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
attributes = st.dictionaries(names, texts, max_size=3).map(lambda pairs: tuple(pairs.items()))
leaves = st.tuples(st.sampled_from(["urn:a", "urn:b"]), names, attributes, texts).map(lambda parts: Element(*parts))
elements = st.recursive(
    leaves,
    lambda inner: st.tuples(names, attributes, st.lists(inner, min_size=1, max_size=3)).map(
        lambda parts: Element("urn:a", parts[0], parts[1], "", tuple(parts[2]))
    ),
    max_leaves=6,
)


def test_elements_attributes_and_texts_are_read() -> None:
    body = (
        b'<?xml version="1.0"?>\r\n<a xmlns="urn:a" x=" 1 " b:y="2" xmlns:b="urn:b"> one <b:c/><![CDATA[<two>]]> &amp; <c>3</c><c/></a>\r\n'
    )
    root = decode(body, "a")
    assert (root.namespace, root.attributes) == ("urn:a", (("x", " 1 "), ("urn:b y", "2")))
    assert (root.attribute("x"), root.attribute("y")) == ("1", None)
    assert root.text.split() == ["one", "<two>", "&"]
    assert [(child.namespace, child.text) for child in root.all("c")] == [("urn:b", ""), ("urn:a", "3"), ("urn:a", "")]
    assert (root.child_text("c"), root.child("d"), root.child_text("d")) == ("", None, None)


def test_a_byte_order_mark_and_line_ends_in_front_are_passed_over() -> None:
    assert decode(b"\xef\xbb\xbf<a/>", "a") == decode(b"\r\n<a/>", "a") == Element("", "a")


def test_a_document_is_written_in_one_form() -> None:
    root = Element("urn:a", "a", (("x", '<"&\n'),), "", (Element("urn:b", "b", (), "1 > 0"), Element("urn:a", "c", (("urn:b y", ""),))))
    assert encode(root, (("p", "urn:b"),)).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<a xmlns="urn:a" xmlns:p="urn:b" x="&lt;&quot;&amp;&#10;">\n'
        "  <p:b>1 &gt; 0</p:b>\n"
        '  <c p:y=""/>\n'
        "</a>\n"
    )


@given(elements)
def test_what_is_written_is_read(root: Element) -> None:
    assert _stripped(decode(encode(root._replace(namespace="urn:a"), (("b", "urn:b"),)), root.name)) == root._replace(namespace="urn:a")


@given(st.text(max_size=20))
def test_any_text_can_be_carried(text: str) -> None:
    root = decode(encode(Element("", "a", (("x", text),), text)), "a")
    assert root.text == root.attributes[0][1]
    assert len(root.text) == len(text)


def _stripped(element: Element) -> Element:
    return element._replace(text=element.text.strip(), children=tuple([_stripped(child) for child in element.children]))


def test_characters_that_xml_cannot_carry_are_replaced() -> None:
    assert decode(encode(Element("", "a", (), "\0\x1b\ud800\uffff|\r\t\n|")), "a").text == "\ufffd\ufffd\ufffd\ufffd|\r\t\n|"


def test_text_that_is_no_utf_8_is_taken_for_latin_1() -> None:
    assert decode(b'<?xml version="1.0" encoding="ISO-8859-1"?><a>T\xfcr</a>', "a").text == "T\u00fcr"
    assert decode('<?xml version="1.0" encoding="utf-7"?><a>T\u00fcr</a>'.encode(), "a").text == "T\u00fcr"


LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY l0 "ha">'
    + b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><a>&l9;</a>"
)


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a/>',
        b'<!DOCTYPE a PUBLIC "-//X//Y" "http://example.com/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://example.com/p">%p;]><a/>',
        b"<!DOCTYPE a><a/>",
        b"<a>&x;</a>",
        b"<a>&#0;</a>",
        b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1),
        b"<a>" + b"<b/>" * ELEMENTS_MAX + b"</a>",
        b"<a " + b" ".join(b"x%d='1'" % n for n in range(ATTRIBUTES_MAX + 1)) + b"/>",
        b"<a>" + b" " * BYTES_MAX + b"</a>",
        b"",
        b"a",
        b"<a>",
        b"<a/><a/>",
        b"<a></b>",
        b"<a x='1' x='2'/>",
        b"<p:a/>",
        b"<b/>",
        "<a/>".encode("utf-16"),
        b"<a>\0</a>",
    ],
)  # fmt: skip
def test_what_is_dangerous_or_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(body, "a")


def test_the_limits_themselves_are_allowed() -> None:
    assert decode(b"<a>" * DEPTH_MAX + b"</a>" * DEPTH_MAX, "a").name == "a"
    assert len(decode(b"<a>" + b"<b/>" * (ELEMENTS_MAX - 1) + b"</a>", "a").children) == ELEMENTS_MAX - 1
    assert len(decode(b"<a " + b" ".join(b"x%d='1'" % n for n in range(ATTRIBUTES_MAX)) + b"/>", "a").attributes) == ATTRIBUTES_MAX
