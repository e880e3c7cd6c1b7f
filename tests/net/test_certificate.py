"""firmware/net/certificate.py: whom a certificate names (RFC 5922 §7)."""

from __future__ import annotations

import pytest

from firmware.net.certificate import NAMES_MAX, identities, identity_problem

Names = tuple[tuple[str, str], ...]


def certificate(*alternatives: tuple[str, str], common_name: str = "cn.example") -> dict[str, object]:
    """In the shape of `SSLObject.getpeercert`."""
    found: dict[str, object] = {"subject": ((("organizationName", "O"),), (("commonName", common_name),))}
    if alternatives:
        found["subjectAltName"] = alternatives
    return found


@pytest.mark.parametrize(
    ("alternatives", "named"),
    [
        ((("DNS", "PBX.example"),), {"pbx.example"}),
        ((("URI", "sip:pbx.example"),), {"pbx.example"}),
        ((("URI", "sip:a.example"), ("DNS", "b.example")), {"a.example", "b.example"}),
        # §7.1: a URI with a user part names a person, another scheme something else.
        ((("URI", "sip:anna@pbx.example"), ("URI", "https://pbx.example"), ("URI", "sips:pbx.example"), ("URI", "???")), set()),
        ((("IP Address", "192.0.2.1"), ("IP Address", "2001:DB8:0:0:0:0:0:1")), {"192.0.2.1", "2001:db8::1"}),
        ((("URI", "sip:[2001:DB8::1]"),), {"2001:db8::1"}),
        ((("email", "anna@pbx.example"),), set()),
        # The CN counts only in a certificate without subjectAltName.
        ((), {"cn.example"}),
    ],
)
def test_identities_are_those_of_the_alternatives(alternatives: Names, named: set[str]) -> None:
    assert identities(certificate(*alternatives)) == named


@pytest.mark.parametrize(
    ("alternatives", "domain"),
    [
        ((("DNS", "pbx.example"),), "pbx.example"),
        ((("DNS", "pbx.example"),), "PBX.Example."),
        ((("URI", "sip:pbx.example"),), "pbx.example"),
        ((("IP Address", "192.0.2.1"),), "192.0.2.1"),
        ((("IP Address", "2001:DB8:0:0:0:0:0:1"),), "2001:db8::1"),
        ((), "cn.example"),
    ],
)
def test_a_certificate_proves_the_domain_that_it_names(alternatives: Names, domain: str) -> None:
    assert identity_problem(certificate(*alternatives), domain) == ""


@pytest.mark.parametrize(
    ("alternatives", "domain", "words"),
    [
        ((("DNS", "other.example"),), "pbx.example", "is for other.example, not for pbx.example"),
        # §7.1: no fallback to the CN where there is a subjectAltName.
        ((("DNS", "other.example"),), "cn.example", "not for cn.example"),
        # §7.2: "implementations MUST NOT match any form of wildcard", nor suffixes.
        ((("DNS", "*.example"),), "pbx.example", "a wildcard does not count"),
        ((("DNS", "pbx.example"),), "a.pbx.example", "not for a.pbx.example"),
        ((("DNS", "a.pbx.example"),), "pbx.example", "not for pbx.example"),
        ((("email", "anna@pbx.example"),), "pbx.example", "names nobody"),
        ((("DNS", "192.0.2.1"),), "192.0.2.2", "not for 192.0.2.2"),
    ],
)
def test_a_certificate_of_somebody_else_is_said_to_be_that(alternatives: Names, domain: str, words: str) -> None:
    assert words in identity_problem(certificate(*alternatives), domain)


def test_a_long_list_of_names_is_neither_read_nor_shown_whole() -> None:
    many = certificate(*[("DNS", f"{number:03}.example") for number in range(NAMES_MAX + 1)])
    assert len(identities(many)) == NAMES_MAX
    assert "and 59 more, not for pbx.example" in identity_problem(many, "pbx.example")


@pytest.mark.parametrize("broken", [{}, {"subjectAltName": "text"}, {"subjectAltName": (("DNS",), 5)}, {"subject": (None, 7)}])
def test_an_odd_certificate_names_nobody(broken: dict[str, object]) -> None:
    assert identities(broken) == frozenset()
