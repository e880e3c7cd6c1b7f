"""Which keys a field takes, and when they are complete."""

from __future__ import annotations

import re

import pytest

from firmware.outlets.voicexml import grammar
from firmware.outlets.voicexml.faults import DocumentError
from firmware.outlets.voicexml.grammar import KEYS_MAX, RULES_DEEP_MAX, Heard, Part, heard
from firmware.sip.body.xml_document import decode_mixed

NO, MORE = Heard(complete=False, open=False), Heard(complete=False, open=True)
FLATS = """
<grammar mode="dtmf" version="1.0" root="flat" xmlns="http://www.w3.org/2001/06/grammar">
  <rule id="flat" scope="public">
    <one-of>
      <item>1 <ruleref uri="#digit"/></item>
      <item>2 <tag>out = "ground floor";</tag></item>
      <item>"*" 9 <tag>help</tag></item>
      <item>3 <item repeat="0-1">#</item></item>
    </one-of>
  </rule>
  <rule id="digit"><one-of><item>4</item><item>5</item></one-of></rule>
</grammar>"""


def read(text: str) -> Part:
    found = grammar.read(decode_mixed(text.encode(), "grammar"))
    assert found is not None
    return found


def of_rule(content: str) -> str:
    return f'<grammar mode="dtmf"><rule id="a">{content}</rule></grammar>'


def built(text: str) -> Part:
    found = grammar.builtin(text, line=3, element="field")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        ("", MORE),
        ("1", MORE),
        ("14", Heard(complete=True, open=False, value="14")),
        ("16", NO),
        ("2", Heard(complete=True, open=False, value="ground floor")),
        ("*", MORE),
        ("*9", Heard(complete=True, open=False, value="help")),
        ("3", Heard(complete=True, open=True, value="3")),
        ("3#", Heard(complete=True, open=False, value="3#")),
        ("7", NO),
        ("145", NO),
    ],
)
def test_the_rules_of_a_grammar(keys: str, result: Heard) -> None:
    assert heard(read(FLATS), keys) == result


@pytest.mark.parametrize(
    ("repeat", "fits", "not_yet", "never"),
    [("3", ["111"], ["", "11"], ["1111"]), ("2-", ["11", "11111"], ["1"], []), ("0-2", ["", "1", "11"], [], ["111"])],
)
def test_repeats(repeat: str, fits: list[str], not_yet: list[str], never: list[str]) -> None:
    found = read(of_rule(f'<item repeat="{repeat}">1</item>'))
    assert all(heard(found, keys).complete for keys in fits)
    assert all(heard(found, keys) == MORE for keys in not_yet)
    assert all(heard(found, keys) == NO for keys in never)


def test_the_first_that_fits_is_meant() -> None:
    found = read(of_rule("<one-of><item>1<tag>one</tag></item><item>1<tag>other</tag></item></one-of>"))
    assert heard(found, "1").value == "one"


def test_spoken_grammars_are_nobodys() -> None:
    assert grammar.read(decode_mixed(b'<grammar><rule id="a">yes</rule></grammar>', "grammar")) is None


@pytest.mark.parametrize(
    ("text", "complete", "open_"),
    [
        ("digits", ["1", "123"], [""]),
        ("digits?length=4", ["7305"], ["730"]),
        ("builtin:dtmf/digits?minlength=2;maxlength=3", ["12", "123"], ["1"]),
        ("digits?maxlength=2", ["1", "12"], [""]),
        ("boolean", ["1", "2"], [""]),
        ("builtin:dtmf/boolean?y=7;n=9", ["7", "9"], [""]),
    ],
)
def test_built_in_grammars(text: str, complete: list[str], open_: list[str]) -> None:
    assert all(heard(built(text), keys).complete for keys in complete)
    assert all(heard(built(text), keys) == MORE for keys in open_)


def test_boolean_means_true_and_false() -> None:
    assert [heard(built("boolean"), key).value for key in "12"] == [True, False]
    assert heard(built("boolean"), "3") == NO


def test_a_type_that_is_not_there_is_none() -> None:
    assert grammar.builtin("currency", line=1, element="field") is None


@pytest.mark.parametrize(
    "text", ["digits?length=0", "digits?length=99", "digits?length=x", "digits?minlength=4;maxlength=2", "boolean?y=1;n=1", "digits?size=3"]
)
def test_parameters_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="line 3, <field>"):
        grammar.builtin(text, line=3, element="field")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('<grammar mode="dtmf"/>', "there is no rule ''"),
        ('<grammar mode="dtmf" root="b"><rule id="a">1</rule></grammar>', "there is no rule 'b'"),
        (of_rule("one"), "'one' are no keys"),
        (of_rule('<ruleref uri="#b"/>'), "there is no rule 'b'"),
        (of_rule('<ruleref uri="#a"/>'), "uses itself"),
        (of_rule('<ruleref uri="http://x/#a"/>'), "only rules of the same grammar"),
        (of_rule("<one-of/>"), "there is no item"),
        (of_rule("<prompt/>"), "no part of a DTMF grammar"),
        (of_rule('<item repeat="4-2">1</item>'), "no count"),
        (of_rule('<item repeat="99">1</item>'), "no count"),
        (of_rule('<item repeat="32"><item repeat="32"><item repeat="32">1</item></item></item>'), "too large"),
    ],
)
def test_what_is_no_grammar_says_where(text: str, wrong: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(wrong)) as caught:
        read(text)
    assert caught.value.line == 1


def test_rules_that_double_each_other_are_too_large_before_they_cost_anything() -> None:
    rules = "".join(f'<rule id="r{n}"><ruleref uri="#r{n + 1}"/><ruleref uri="#r{n + 1}"/></rule>' for n in range(14))
    with pytest.raises(DocumentError, match="more than 4096 parts"):
        read(f'<grammar mode="dtmf">{rules}<rule id="r14">1 2</rule></grammar>')


def test_rules_inside_rules_are_bounded() -> None:
    rules = "".join(f'<rule id="r{n}"><ruleref uri="#r{n + 1}"/></rule>' for n in range(RULES_DEEP_MAX))
    with pytest.raises(DocumentError, match="deep"):
        read(f'<grammar mode="dtmf">{rules}<rule id="r{RULES_DEEP_MAX}">1</rule></grammar>')


def test_an_ambiguous_grammar_is_looked_at_once_a_place() -> None:
    inner = "1"
    for _ in range(5):
        inner = f'<item repeat="0-5">{inner}</item>'
    assert heard(read(of_rule(inner)), "1" * KEYS_MAX).complete
