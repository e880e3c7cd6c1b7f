"""The form interpretation algorithm as transcripts: what a caller does, and what he hears or causes (VoiceXML 2.0 §2.1.6, Appendix C)."""

from __future__ import annotations

import pytest

from firmware.outlets.voicexml.faults import TRANSFERRED
from firmware.outlets.voicexml.form import AHEAD_MAX, INTERDIGIT_S, STEPS_MAX, TIMEOUT_S, Interpreter
from firmware.outlets.voicexml.signals import (
    Ask,
    ClearTimer,
    Connect,
    Done,
    End,
    EndRecord,
    Failed,
    Fetch,
    Fetched,
    HungUp,
    Hush,
    KeyHeard,
    Note,
    Record,
    SetTimer,
    Speak,
    Spoken,
    TimeUp,
    Words,
)
from tests.outlets.voicexml.documents import URL, Run, vxml

MENU = """<menu id="top"><prompt>Drinks press 1, food press 2.</prompt>
<choice dtmf="1" next="#drinks"/><choice dtmf="2" next="#food"/></menu>
<form id="drinks"><block>Tea.<exit/></block></form><form id="food"><block>Bread.</block></form>"""
PIN = """<form id="pin"><field name="pin" type="digits?length=4"><prompt>Your PIN.</prompt></field>
<block>It is <value expr="pin"/>.</block></form>"""
NOTED = '<log>noted <value expr="_event"/></log>'


def notes(run: Run) -> list[str]:
    return [each.text for each in run.news if isinstance(each, Note)]


# --- menus and fields ----------------------------------------------------------------------------------------------------------


def test_a_key_chooses_and_what_follows_is_heard_before_the_end() -> None:
    run = Run(MENU)
    assert run.said == "Drinks press 1, food press 2."
    run.press("2")
    assert run.news[:2] == (ClearTimer(), Hush())
    assert run.said == "Bread."
    assert run.hears_out() == (End(),)
    assert run.interpreter.is_over
    assert run.tell(KeyHeard("1")) == run.tell(HungUp()) == ()


def test_silence_and_unknown_keys_say_it_again() -> None:
    run = Run(MENU)
    run.waits()
    assert run.said == "Drinks press 1, food press 2."
    run.press("7")
    assert run.said == "Drinks press 1, food press 2."


def test_a_field_is_complete_with_its_last_key_and_the_form_goes_on() -> None:
    run = Run(PIN)
    assert run.press("730")[-1] == SetTimer(INTERDIGIT_S)
    run.press("5")
    assert run.said == "It is 7305."


def test_an_input_that_may_go_on_waits_for_the_next_key_or_the_end_key() -> None:
    content = '<form><field name="n" type="digits?minlength=2;maxlength=4"/><block>Got <value expr="n"/>.</block></form>'
    run = Run(content)
    assert run.news == (SetTimer(TIMEOUT_S),)
    assert run.press("12") == (SetTimer(INTERDIGIT_S),)
    run.tell(TimeUp())
    assert run.said == "Got 12."
    run = Run(content)
    run.press("123#")
    assert run.said == "Got 123."


def test_too_few_keys_are_no_match() -> None:
    content = '<form><field name="n" type="digits?length=4"><nomatch>Four keys, please.</nomatch></field></form>'
    run = Run(content)
    run.press("12#")
    assert run.said == "Four keys, please."
    run = Run(content)
    run.press("12")
    run.tell(TimeUp())
    assert run.said == "Four keys, please."


def test_the_end_key_is_a_key_like_others_where_the_grammar_has_it() -> None:
    run = Run('<menu><choice dtmf="#" next="#a"/><choice dtmf="1#" next="#a"/></menu><form id="a"><block>Yes.</block></form>')
    run.press("#")
    assert run.said == "Yes."


def test_times_of_properties_and_prompts_count() -> None:
    run = Run(
        "<property name='timeout' value='9s'/><property name='interdigittimeout' value='700ms'/>"
        "<property name='termchar' value='*'/><form><field name='n' type='digits'><prompt count='2' timeout='2s'>Please.</prompt></field>"
        "<block>Got <value expr='n'/>.</block></form>"
    )
    assert run.news == (SetTimer(9.0),)
    run.waits()
    assert run.hears_out() == (SetTimer(2.0),)
    assert run.press("5") == (SetTimer(0.7),)
    run.press("*")
    assert run.said == "Got 5."


def test_a_property_that_is_no_time_counts_as_not_given() -> None:
    assert Run("<property name='timeout' value='soon'/><form><field name='n' type='digits'/></form>").news == (SetTimer(TIMEOUT_S),)


def test_what_may_not_be_interrupted_is_heard_to_its_end() -> None:
    run = Run(PIN.replace("<prompt>", "<prompt bargein='false'>"))
    assert run.press("7305") == ()
    run.hears_out()
    run.press("7305")
    assert run.said == "It is 7305."


def test_keys_ahead_of_the_question_answer_it_unheard() -> None:
    run = Run("<form><object name='o' classid='x'/><block><goto next='#pin'/></block></form>" + PIN)
    assert run.press("7305" + "9" * AHEAD_MAX) == ()
    run.tell(Done("y"))
    assert run.said == "It is 7305."


def test_keys_may_come_before_the_first_document_is_there() -> None:
    interpreter = Interpreter({})
    assert interpreter.receive(KeyHeard("2")) == ()
    effects = interpreter.start(URL, vxml(MENU))
    assert [each.utterances for each in effects if isinstance(each, Speak)] == [(Words("Bread.", "en"),)]


def test_keys_ahead_that_nothing_knows_are_forgotten_with_the_rest() -> None:
    run = Run("<form><object name='o' classid='x'/><block><goto next='#top'/></block></form>" + MENU)
    run.press("712")
    run.tell(Done("y"))
    assert run.said == "Drinks press 1, food press 2."


def test_options_mean_their_values() -> None:
    run = Run(
        "<form><field name='f'><option dtmf='1' value='gate'>the gate</option><option dtmf='2'>the  garage</option></field>"
        "<block><value expr='f'/> <value expr=\"f$.utterance + f$.inputmode\"/></block></form>"
    )
    run.press("2")
    assert run.said == "the garage 2dtmf"


def test_a_boolean_that_is_false_is_filled_all_the_same() -> None:
    run = Run("<form><field name='b' type='boolean'/><block>It is <value expr='b'/>.</block></form>")
    run.press("2")
    assert run.said == "It is false."


# --- select ----------------------------------------------------------------------------------------------------------------------


def test_the_first_item_without_a_value_whose_condition_holds_is_visited() -> None:
    run = Run(
        "<form><var name='v' expr=\"'x'\"/><field name='a' expr='1'/><block cond=\"v == 'y'\">no</block>"
        "<block cond=\"v == 'x'\">yes <assign name='v' expr=\"'y'\"/></block><block>last</block></form>"
    )
    assert run.said == "yes no last", "the second opened the first again"


def test_a_goto_leads_to_an_item_of_the_form_whatever_it_holds() -> None:
    run = Run(
        "<form><block><goto nextitem='b'/></block><block>not this</block>"
        "<field name='b' expr='1' type='digits'><prompt>Again.</prompt></field></form>"
    )
    assert run.said == "Again."


def test_a_goto_to_nothing_is_an_event() -> None:
    assert notes(Run("<form><block><goto nextitem='b'/></block></form>")) == ["error.semantic: there is no item b"]
    assert notes(Run("<form><block><goto next='#b'/></block></form>")) == ["error.badfetch: there is no dialog 'b'"]


def test_clearing_asks_again_with_the_first_prompt() -> None:
    run = Run(
        "<form><field name='a' type='digits?length=1'><prompt>First.</prompt><prompt count='2'>Second.</prompt>"
        "<filled><if cond='a == 1'><clear namelist='a'/></if></filled></field><block>Done.</block></form>"
    )
    run.waits()
    assert run.said == "Second."
    run.press("1")
    assert run.said == "First."
    run.press("2")
    assert run.said == "Done."


def test_filled_of_a_form_waits_for_all_or_any_of_its_items() -> None:
    content = (
        "<form><field name='a' type='digits?length=1'/><field name='b' type='digits?length=1'/><filled mode='MODE'>Filled.</filled></form>"
    )
    every, some = Run(content.replace("MODE", "all")), Run(content.replace("MODE", "any"))
    every.press("1")
    assert every.said == ""
    every.press("2")
    assert every.said == "Filled."
    some.press("1")
    assert some.said == "Filled."


# --- events ----------------------------------------------------------------------------------------------------------------------


def test_the_catch_with_the_highest_count_that_is_reached_takes_the_event() -> None:
    run = Run(
        "<form><noinput count='2'>Outside.</noinput><field name='f' type='digits'><prompt>Number.</prompt><noinput>One.</noinput>"
        "<noinput count='3'>Three.<exit/></noinput></field></form>"
    )
    said = [run.waits() and run.said for _ in range(3)]
    assert said == ["One.", "Outside.", "Three."], "§5.2.4; and without <reprompt> the prompt is not said again"


def test_reprompt_says_the_prompt_again() -> None:
    run = Run("<form><field name='f' type='digits'><prompt>Number.</prompt><noinput>Hello?<reprompt/></noinput></field></form>")
    run.waits()
    assert run.said == "Hello? Number."


@pytest.mark.parametrize(
    ("names", "is_taken"),
    [("error", True), ("error.unsupported", True), ("error.unsupported.foreach", True), ("", True), ("help error.unsupported.", True),
     ("error.uns", False), ("noinput", False)],
)  # fmt: skip
def test_names_of_events_match_at_their_dots(names: str, is_taken: bool) -> None:
    run = Run(f"<form><catch event='{names}'>Caught.</catch><block><foreach/></block></form>")
    assert (run.said == "Caught.") is is_taken
    assert notes(run)[0] == "error.unsupported.foreach: line 2: <foreach> is not known here"


def test_a_condition_decides_about_a_catch_as_well() -> None:
    run = Run("<form><catch cond='false'>No.</catch><catch event='my.own'>Yes: <value expr='_message'/>.</catch>"
              "<block><throw event='my.own' message='news'/></block></form>")  # fmt: skip
    assert run.said == "Yes: news."


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("<form><block><value expr='x'/></block></form>", "error.semantic: the variable x was not declared"),
        ("<form><block><assign name='x' expr='1'/></block></form>", "error.semantic: the variable x was not declared"),
        ("<form><block><goto expr='undefined'/></block></form>", "error.semantic: a value is undefined where a text is needed"),
        ("<form><field name='f'/></form>", "error.unsupported.grammar: line 2: the field takes no keys"),
        ("<form><initial/></form>", "error.unsupported.initial: line 2: <initial> is not known here"),
        ("<link next='#a'/><form><block/></form>", "error.unsupported.link: line 2: <link> is not known here"),
        ("<form><script/><block/></form>", "error.unsupported.script: line 2: <script> is not known here"),
        ("<form><block><prompt><enumerate/></prompt></block></form>", "error.unsupported.enumerate: line 2: <enumerate> is not known here"),
        (
            "<form><block><audio src='file:///etc/portero/door.wav'/></block></form>",
            "error.badfetch: 'file:///etc/portero/door.wav': the document of a server reads no file",
        ),
        (
            "<form><block><goto next='FILE:menu.vxml'/></block></form>",
            "error.badfetch: 'FILE:menu.vxml': the document of a server reads no file",
        ),
        ("<form><block><audio src='http://[x'/></block></form>", "error.badfetch: 'http://[x' is no address: Invalid IPv6 URL"),
    ],
)
def test_an_error_that_nobody_catches_is_told_and_ends_the_menu(content: str, note: str) -> None:
    run = Run(content)
    assert (notes(run), run.news[-1]) == ([note], End())


def test_a_document_that_is_none_ends_before_it_begins() -> None:
    run = Run("<form><field/>")
    assert notes(run)[0].startswith(f"error.badfetch: {URL}: not XML")
    assert run.news[-1] == End()


def test_help_and_cancel_of_choices() -> None:
    run = Run(
        "<menu><prompt>Menu.</prompt><choice dtmf='0' event='help'/><choice dtmf='9' event='cancel'/><choice dtmf='8' event='exit'/></menu>"
    )
    run.press("0")
    assert run.said == "Menu."
    assert run.press("9")[-1] == SetTimer(TIMEOUT_S)
    assert run.press("8")[-1] == End()


# --- the platform ------------------------------------------------------------------------------------------------------------------


def test_an_object_is_asked_when_everything_was_heard_and_its_answer_fills_it() -> None:
    run = Run(
        "<form><block>Wait.</block><object name='o' classid='portero:open'><param name='lock' value='gate'/>"
        "<param name='code' expr='1 + 1'/></object><filled><value expr='o'/>, <value expr='o.reason'/></filled></form>"
    )
    assert run.hears_out() == (Ask("portero:open", {"lock": "gate", "code": 2}),)
    run.tell(Done("refused", (("reason", "wrong"),)))
    assert run.said == "refused, wrong"


def test_a_record_ends_by_a_key_once() -> None:
    run = Run(
        "<form><record name='r' beep='true' maxtime='9s'><prompt>Speak.</prompt></record><block><value expr='r$.duration'/></block></form>"
    )
    assert run.hears_out() == (Record("r", 9.0, beep=True),)
    assert run.press("1") == (EndRecord(),)
    assert run.press("2") == ()
    run.tell(Done("recording:r", (("duration", 2500),)))
    assert run.said == "2500"


def test_a_record_that_no_key_ends_keeps_them_for_later() -> None:
    run = Run("<form><record name='r' dtmfterm='false'/><field name='f' type='digits?length=1'/><block><value expr='f'/></block></form>")
    assert run.press("4") == ()
    run.tell(Done("recording:r"))
    assert run.said == "4"


def test_a_transfer_that_happens_leaves_nobody_to_speak_to() -> None:
    run = Run(
        "<form><transfer name='t' destexpr=\"'portero:' + 'panel'\"/>"
        f"<catch event='connection.disconnect.transfer'>{NOTED}Bye.</catch></form>"
    )
    assert run.news == (Connect("portero:panel", is_bridge=False),)
    assert run.tell(Failed(TRANSFERRED, "done")) == (Note(f"line 2: noted {TRANSFERRED}"), End())


def test_a_transfer_that_fails_is_an_event_like_others() -> None:
    run = Run("<form><transfer name='t' dest='x'/><error>No way: <value expr='_event'/>.<exit/></error></form>")
    run.tell(Failed("error.connection.baddestination", "no"))
    assert run.said == "No way: error.connection.baddestination."


def test_a_caller_who_hangs_up_is_an_event_and_the_end() -> None:
    run = Run(
        f"<form><catch event='connection.disconnect'>{NOTED}<submit next='bye' namelist='f'/></catch><field name='f' type='digits'/></form>"
    )
    run.tell(HungUp())
    assert run.news == (ClearTimer(), Note("line 2: noted connection.disconnect.hangup"), Fetch("https://menus.example/house/bye"))
    assert run.tell(Fetched("x", vxml("<form><field name='g' type='digits'/></form>"))) == (End(),)


# --- other documents -----------------------------------------------------------------------------------------------------------------


def test_a_submit_sends_what_is_filled_and_goes_on_in_the_answer() -> None:
    run = Run(
        "<form><var name='who' expr='session.connection.remote.uri'/><field name='a' type='digits?length=1'/><field name='b' cond='false'/>"
        "<block><submit next='../next?x=1#second' method='post' namelist='who a b'/></block></form>",
        **{"connection.remote.uri": "sip:anna@pbx"},
    )
    run.press("5")
    assert run.news[-1] == Fetch("https://menus.example/next?x=1", "post", (("who", "sip:anna@pbx"), ("a", "5")))
    assert run.press("7") == ()
    run.tell(Fetched("https://menus.example/next", vxml("<form/><form id='second'><block>Welcome.<audio src='a.wav'/></block></form>")))
    assert run.said == "Welcome. [https://menus.example/a.wav]"


def test_without_a_list_the_items_of_the_form_are_sent() -> None:
    run = Run("<form><field name='a' expr='true'/><block name='b' expr='undefined'><submit next='n'/></block></form>")
    assert run.news == (Fetch("https://menus.example/house/n", "get", (("a", "true"),)),)


def test_a_document_that_cannot_be_had_is_caught_by_the_dialog_that_wanted_it() -> None:
    run = Run("<form><catch event='error.badfetch.http.404'>Gone.</catch><block><goto next='n'/></block></form>")
    run.tell(Failed("error.badfetch.http.404", "n: the server answers 404"))
    assert run.said == "Gone."


def test_variables_live_as_long_as_their_scope() -> None:
    run = Run(
        "<var name='d' expr='1'/><form><var name='f' expr='d + 1'/><block><var name='l' expr='f + 1'/><assign name='d' expr='l'/>"
        "<goto next='#b'/></block></form><form id='b'><block><value expr='d'/> <value expr='document.d + application.d'/></block>"
        "<block><value expr='f'/></block></form>"
    )
    assert notes(run) == ["error.semantic: the variable f was not declared"]
    assert run.said == "3 6"


# --- bounds ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "<form id='a'><block><goto next='#a'/></block></form>",
        "<form><catch><throw event='again'/></catch><block><throw event='first'/></block></form>",
        "<form><error>x</error><subdialog/></form>",
    ],
    ids=["dialogs", "events", "items"],
)
def test_a_document_that_goes_round_is_ended(content: str) -> None:
    run = Run(content)
    ends = [each for each in run.news if isinstance(each, Note | End)]
    assert Note(f"the document goes round without asking anything, {STEPS_MAX} steps now: ended") in ends
    assert run.interpreter.is_over or run.hears_out() == (End(),)


def test_one_that_fetches_itself_is_ended_too() -> None:
    again = vxml("<form><block><goto next='again'/></block></form>")
    run = Run("<form><block><goto next='again'/></block></form>")
    rounds = 0
    while not run.interpreter.is_over:
        run.tell(Fetched(URL, again))
        rounds += 1
    assert rounds <= STEPS_MAX


def test_what_waits_to_be_said_is_bounded() -> None:
    run = Run("<form id='a'><block>" + "long words " * 50 + "<goto next='#a'/></block></form>")
    assert notes(run)[0].startswith("error.semantic: more than 64 pieces or 4096 characters")


def test_variables_are_bounded() -> None:
    run = Run("<form><block>" + "".join(f"<var name='v{n}'/>" for n in range(300)) + "</block></form>")
    assert notes(run) == ["error.semantic: more than 256 variables"]


def test_answers_that_nobody_waits_for_are_passed_over() -> None:
    run = Run(PIN)
    for given in (Done("x"), Failed("error", ""), Fetched("x", b""), Spoken(99), TimeUp()):
        assert run.tell(given) == ()
    run.hears_out()
    assert run.tell(Spoken(1)) == ()
