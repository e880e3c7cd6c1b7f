"""Documents: read into dialogs, or refused with line and element."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware.outlets.voicexml.dialogs import (
    Block,
    Choices,
    Field,
    Goto,
    If,
    ObjectItem,
    Pause,
    PlayFile,
    RecordItem,
    Say,
    SayValue,
    Submit,
    Throw,
    TransferItem,
    Unsupported,
    UnsupportedItem,
)
from firmware.outlets.voicexml.document import DIALOGS_MAX, ITEMS_MAX, PROPERTIES_MAX, RECORD_S_MAX, read
from firmware.outlets.voicexml.expression import Literal, Variable
from firmware.outlets.voicexml.faults import DocumentError
from tests.outlets.voicexml.documents import document, vxml

DATA = Path(__file__).resolve().parents[2] / "data" / "voicexml"


@pytest.mark.parametrize("path", sorted(DATA.glob("*.vxml")), ids=lambda path: path.name)
def test_the_examples_use_nothing_that_is_not_there(path: Path) -> None:
    found = read(path.read_bytes())
    assert "Unsupported" not in repr(found)
    assert found.dialogs[0].items


def test_a_menu_is_one_item_with_its_choices() -> None:
    (menu,) = document(
        '<menu id="m" dtmf="true"><prompt>Which?</prompt><choice next="#a">a</choice><choice event="help"/>'
        "<choice dtmf='* 7' expr='b'/></menu>"
    ).dialogs
    (item,) = menu.items
    assert isinstance(item, Choices)
    assert [type(does) for _, does in item.choices] == [Goto, Throw, Goto]
    assert item.prompts[0].speech == (Say("Which?"),)


def test_prompts_keep_the_order_of_words_values_sounds_and_pauses() -> None:
    (form,) = document(
        "<form><block>You typed <emphasis>just <value expr='x'/></emphasis>.<break time='300ms'/>"
        "<audio src='a.wav'>or <sub alias='words'>w</sub></audio><metadata>not said</metadata></block></form>"
    ).dialogs
    (block,) = form.items
    assert isinstance(block, Block)
    (prompt,) = block.content
    assert getattr(prompt, "speech", None) == (
        Say("You typed"), Say("just"), SayValue(Variable("x")), Say("."), Pause(0.3), PlayFile(Literal("a.wav"), (Say("or"), Say("words"))),
    )  # fmt: skip


def test_the_items_of_a_form_in_their_order() -> None:
    (form,) = document(
        """<form><field name="f" type="boolean"/><record name="r" maxtime="1h"/><transfer name="t" dest="portero:panel" type="bridge"/>
        <object name="o" classid="portero:open"><param name="lock" value="gate"/><param name="code" expr="f"/></object>
        <block cond="f">x</block></form>""".replace("1h", "600s")
    ).dialogs
    assert [type(item) for item in form.items] == [Field, RecordItem, TransferItem, ObjectItem, Block]
    record, transfer, object_ = form.items[1:4]
    assert isinstance(record, RecordItem)
    assert (record.seconds_max, record.beep, record.ends_by_key) == (RECORD_S_MAX, False, True)
    assert isinstance(transfer, TransferItem)
    assert transfer.is_bridge
    assert isinstance(object_, ObjectItem)
    assert object_.params == (("lock", Literal("gate")), ("code", Variable("f")))


def test_branches_and_submissions() -> None:
    (form,) = document(
        "<form><block><if cond='a'>1<elseif cond='b'/>2<else/>3</if><submit next='x' method='post' namelist='a b'/></block></form>"
    ).dialogs
    (block,) = form.items
    assert isinstance(block, Block)
    branch, submit = block.content
    assert isinstance(branch, If)
    assert [cond for cond, _ in branch.branches] == [Variable("a"), Variable("b"), None]
    assert submit == Submit(line=2, target=Literal("x"), names=("a", "b"), method="post")


def test_properties_hold_for_what_is_inside() -> None:
    (form,) = document(
        "<property name='Timeout' value='3s'/><form><property name='termchar' value='*'/>"
        "<field name='f' type='digits'><property name='timeout' value='9s'/></field></form>"
    ).dialogs
    assert (form.properties, form.items[0].properties) == ({"timeout": "3s", "termchar": "*"}, {"timeout": "9s", "termchar": "*"})


@pytest.mark.parametrize(
    ("content", "element"),
    [
        ("<form><subdialog name='s' src='#x'><param name='a' value='b'/></subdialog></form>", "subdialog"),
        ("<form><initial name='i'/></form>", "initial"),
        ("<form><field name='f' type='currency'/></form>", "builtin"),
        ("<form><field name='f'><grammar src='flats.grxml'/></field></form>", "grammar"),
        ("<form><field name='f' type='digits'><link next='#x'/></field></form>", "link"),
    ],
)
def test_form_items_that_are_not_there_throw_when_they_are_visited(content: str, element: str) -> None:
    (item,) = document(content).dialogs[0].items
    assert isinstance(item, UnsupportedItem)
    assert (item.element, item.line) == (element, 2)


def test_other_elements_that_are_not_there_stay_where_they_stand() -> None:
    found = document("<link next='#a'/><form><script>x</script><block><foreach/><prompt><enumerate/></prompt></block></form>")
    assert [each.name for each in (*found.unsupported, *found.dialogs[0].unsupported)] == ["link", "script"]
    (block,) = found.dialogs[0].items
    assert isinstance(block, Block)
    assert block.content[0] == Unsupported(line=2, name="foreach")
    assert getattr(block.content[1], "speech", None) == (Unsupported(line=2, name="enumerate"),)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "not XML"),
        (b"<html/>", "'vxml' is meant"),
        (b"<!DOCTYPE vxml><vxml version='2.1'/>", "document type declaration"),
        (b"<vxml version='3.0'/>", "line 1, <vxml>: version"),
        (b"<vxml version='2.1'/>", "there are 0 dialogs"),
        (b"<vxml version='2.1' application='root.vxml'><form/></vxml>", "root document"),
        (vxml("<form/>" * (DIALOGS_MAX + 1)), f"there are {DIALOGS_MAX + 1} dialogs"),
        (vxml("<form id='a'/><menu id='a'><choice dtmf='1' next='#a'/></menu>"), "two of the name 'a'"),
        (vxml("<form>" + "<block/>" * (ITEMS_MAX + 1) + "</form>"), f"{ITEMS_MAX + 1} form items"),
        (vxml("<form>" + "".join(f"<property name='p{n}' value='1'/>" for n in range(PROPERTIES_MAX + 1)) + "</form>"), "properties"),
        (vxml("<form><field name='a' type='digits'/><block name='a'/></form>"), "two of the name 'a'"),
        (vxml("<form>words</form>"), "text and prompts stand in a block"),
        (vxml("<form><field name='a b'/></form>"), "line 2, <field>: 'a b' is no name"),
        (vxml("<form><field name='a$'/></form>"), "is no name"),
        (vxml("<form><filled namelist='b'/></form>"), "there is no item 'b'"),
        (vxml("<form><filled mode='some'/></form>"), "neither all nor any"),
        (vxml("<form><block cond='a = 1'/></form>"), "line 2, <block>: cond=\"a = 1\": not understood at '= 1'"),
        (vxml("<form><block><if>x</if></block></form>"), "<if>: cond is missing"),
        (vxml("<form><block><if cond='1'><else/><elseif cond='2'/></if></block></form>"), "nothing may follow <else>"),
        (vxml("<form><block><goto/></block></form>"), "exactly one of next and expr"),
        (vxml("<form><block><goto next='#a' nextitem='b'/></block></form>"), "exactly one of next, expr, nextitem and expritem"),
        (vxml("<form><block><submit next='a' method='put'/></block></form>"), "neither get nor post"),
        (vxml("<form><block><submit next='a' enctype='multipart/form-data'/></block></form>"), "urlencoded"),
        (vxml("<form><block><var/></block></form>"), "<var>: name is missing"),
        (vxml("<form><block><value/></block></form>"), "<value>: expr is missing"),
        (vxml("<form><block><break time='soon'/></block></form>"), 'time="soon" is no time'),
        (vxml("<form><block><break strength='huge'/></block></form>"), 'strength="huge"'),
        (vxml("<form><block><prompt count='0'>a</prompt></block></form>"), "no number from 1 to"),
        (vxml("<form><block><prompt bargein='maybe'>a</prompt></block></form>"), "neither true nor false"),
        (vxml("<form><block><prompt><prompt/></prompt></block></form>"), "this cannot stand in <prompt>"),
        (vxml("<form><transfer dest='a' type='consultation'/></form>"), "neither blind nor bridge"),
        (vxml("<menu><choice next='#a'>a</choice></menu>"), "0 choices with keys (1 without)"),
        (vxml("<menu><choice dtmf='x' next='#a'/></menu>"), "'x' are no keys"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(body: bytes, wrong: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(wrong)):
        read(body)
