"""Plans, profiles, holidays, watched doors and rules in the configuration: what loads, and how each mistake is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.config.references import parse_condition
from firmware.config.schema import Settings
from firmware.config.times import NotUnderstoodError, parse_day, parse_span

HOUSE = """\
[[target]]
name = "anna"
uri = "sip:611@pbx.example"
[[target]]
name = "bob"
uri = "sip:612@pbx.example"
[[button]]
name = "bell"
targets = ["anna"]
[[lock]]
name = "door"
gpio = 27
[[lock]]
name = "gate"
gpio = 22
may_hold = true
[[profile]]
name = "office"
times = ["mon-fri 08:00-17:00"]
[[contact]]
name = "leaf"
kind = "door"
gpio = 25
[[webhook]]
name = "house"
url = "https://192.0.2.3/x"
"""
LINES = HOUSE.count("\n")


def loaded(directory: Path, text: str) -> Settings:
    file = directory / "portero.toml"
    file.write_text(HOUSE + text, encoding="utf-8")
    file.chmod(0o600)
    return load(file)


def mistake(directory: Path, text: str) -> str:
    """The one mistake, its line counted from the end of the house."""
    with pytest.raises(ConfigErrors) as caught:
        loaded(directory, text)
    (problem,) = caught.value.problems
    assert problem.line > LINES
    return str(problem._replace(line=problem.line - LINES))


def test_the_house_is_sound(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").warnings == ()


def test_a_plan_without_a_button_or_rule_is_worth_a_word(tmp_path: Path) -> None:
    step = '[[step]]\nplan = "all"\ntargets = ["anna"]\n'
    assert loaded(tmp_path, step).warnings == ('step[1]: no button and no rule uses the plan "all"',)
    assert loaded(tmp_path, step + '[[rule]]\nname = "r"\non = "pressed"\ndo = ["call all"]\n').warnings == ()
    assert loaded(tmp_path, step + '[[button]]\nname = "b"\nplan = "all"\n').warnings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[[step]]\nplan = "anna"\ntargets = ["anna"]\n[[button]]\nname = "b"\nplan = "anna"\n',
            'line 2, step[1].plan: "anna" is the name of a target; give the plan another name',
        ),
        (
            '[[step]]\nplan = "p"\ntargets = ["ana"]\n[[button]]\nname = "b"\nplan = "p"\n',
            'line 3, step[1].targets[1]: there is no target "ana"; perhaps anna is meant',
        ),
        (
            '[[step]]\nplan = "p"\ntargets = []\n[[button]]\nname = "b"\nplan = "p"\n',
            "line 3, step[1].targets: nobody is rung; name at least one target, or a SIP address",
        ),
        (
            '[[step]]\nplan = "p"\ntargets = ["anna"]\nwhen = "not ofice"\n[[button]]\nname = "b"\nplan = "p"\n',
            'line 4, step[1].when: there is no profile "ofice"; perhaps office is meant',
        ),
        (
            '[[step]]\nplan = "p"\ntargets = ["anna"]\nring_s = 1\n[[button]]\nname = "b"\nplan = "p"\n',
            "line 4, step[1].ring_s: 1.0 is out of range; give a number from 5 to 300 s",
        ),
        (
            '[[step]]\nplan = "p"\ntargets = ["anna"]\n' * 17 + '[[button]]\nname = "b"\nplan = "p"\n',
            'line 50, step[17].plan: the plan "p" has more than 16 steps; ring more at once, or less long',
        ),
        ('[[button]]\nname = "b"\nplan = "p"\n', 'line 3, button[b].plan: there is no plan "p"; add a [[step]] with plan = "p"'),
        (
            '[[step]]\nplan = "night"\ntargets = ["anna"]\n[[button]]\nname = "a"\nplan = "night"\n[[button]]\nname = "b"\nplan = "nigt"\n',
            'line 9, button[b].plan: there is no plan "nigt"; perhaps night is meant',
        ),
        (
            '[[step]]\nplan = "p"\ntargets = ["anna"]\n[[button]]\nname = "b"\nplan = "p"\ntargets = ["anna"]\n',
            "line 6, button[b].plan: the button has targets as well; keep one of them; a plan names its targets in its steps",
        ),
        (
            '[[target]]\nname = "c"\nuri = "sip:c@d"\ndeputy = "c"\n',
            'line 4, target[c].deputy: "c" cannot stand in for itself; name another target',
        ),
        (
            '[[target]]\nname = "c"\nuri = "sip:c@d"\ndeputy = "bop"\n',
            'line 4, target[c].deputy: there is no target "bop"; perhaps bob is meant',
        ),
        (
            '[[target]]\nname = "c"\nuri = "sip:c@d"\nquiet_when = "x"\n',
            'line 4, target[c].quiet_when: there is no profile "x"; known are: office',
        ),
        (
            '[[target]]\nname = "c"\nuri = "sip:c@d"\nfallback_accounts = ["x"]\n',
            'line 4, target[c].fallback_accounts[1]: there is no account "x"; add a [[account]] with this name',
        ),
        (
            '[[account]]\nname = "x"\nuri = "sip:a@b"\n[[target]]\nname = "c"\nuri = "sip:c@d"\naccount = "x"\nfallback_accounts = ["x"]\n',
            'line 8, target[c].fallback_accounts[1]: "x" has been tried before; leave it out',
        ),
        (
            "".join(f'[[account]]\nname = "{n}"\nuri = "sip:a@b"\n' for n in "abcd")
            + '[[target]]\nname = "c"\nuri = "sip:c@d"\nfallback_accounts = ["a", "b", "c", "d"]\n',
            "line 16, target[c].fallback_accounts: there are too many ways to this target; keep to 4 with its account",
        ),
        (
            '[[profile]]\nname = "p"\ntimes = []\n',
            'line 3, profile[p].times: the profile is never active; write days and times such as "mon-fri 08:00-17:30", '
            '"sat,sun,holiday 10:00-24:00" or "daily 22:00-06:00"',
        ),
        (
            '[[profile]]\nname = "p"\ntimes = ["mon 8-12"]\n',
            'line 3, profile[p].times[1]: "mon 8-12" is no time of the week; write days and times such as "mon-fri 08:00-17:30", '
            '"sat,sun,holiday 10:00-24:00" or "daily 22:00-06:00"',
        ),
        (
            '[[profile]]\nname = "p"\ntimes = [' + '"mon 01:00-02:00", ' * 65 + "]\n",
            "line 3, profile[p].times: there are 65 times; keep to 64",
        ),
        (
            '[[holiday]]\nname = "h"\n',
            'line 1, holiday[h]: a holiday needs either a date or its distance from Easter; add: date = "12-25", or easter = 1',
        ),
        (
            '[[holiday]]\nname = "h"\neaster = 1\nuntil = "12-24"\n',
            "line 4, holiday[h].until: a day that moves with Easter is one day; add a [[holiday]] for each",
        ),
        (
            '[[holiday]]\nname = "h"\ndate = "30-02"\n',
            'line 3, holiday[h].date: "30-02" is no day; write "2026-12-24", or "12-24" for every year',
        ),
        (
            '[[holiday]]\nname = "h"\ndate = "2026-08-03"\nuntil = "2026-08-02"\n',
            "line 4, holiday[h].until: it is over before it begins, on 2026-08-03; give a later day",
        ),
        (
            '[[holiday]]\nname = "h"\ndate = "2026-08-03"\nuntil = "08-04"\n',
            "line 4, holiday[h].until: one day has a year and the other has none; write both in the same way",
        ),
        (
            '[station]\ntimezone = "Europe/Berln"\n',
            'line 2, station.timezone: there is no time zone "Europe/Berln"; perhaps Europe/Berlin is meant',
        ),
        ('[station]\ntimezone = "/etc"\n', 'line 2, station.timezone: there is no time zone "/etc"; write it such as "Europe/Berlin"'),
        (
            '[[lamp]]\nname = "l"\ngpio = 5\nshows = "profile"\n',
            'line 4, lamp[l].shows: no profile is named; add when = "night", or the name of another [[profile]]',
        ),
        (
            '[[lamp]]\nname = "l"\ngpio = 5\nshows = "ring"\nwhen = "office"\n',
            'line 5, lamp[l].when: the lamp shows "ring" at any time; write shows = "profile", or leave it out',
        ),
        (
            '[[lamp]]\nname = "l"\ngpio = 5\nshows = "profile"\nwhen = "offfice"\n',
            'line 5, lamp[l].when: there is no profile "offfice"; perhaps office is meant',
        ),
        (
            '[[lock]]\nname = "l"\ngpio = 5\nheld_when = "office"\n',
            "line 4, lock[l].held_when: the lock may not be held open; add may_hold = true, if its strike bears current all day",
        ),
        ('[[lock]]\nname = "l"\ngpio = 5\nthen = "dor"\n', 'line 4, lock[l].then: there is no lock "dor"; perhaps door is meant'),
        (
            '[[lock]]\nname = "l"\ngpio = 5\nthen = "l"\n',
            "line 4, lock[l].then: the locks open each other in a circle; leave one of them out",
        ),
        (
            '[[contact]]\nname = "c"\nkind = "exit"\ngpio = 5\nlock = "door"\nopen_limit_s = 5\n',
            'line 6, contact[c].open_limit_s: only a door can stand open; leave the key out, or write kind = "door"',
        ),
        (
            '[[webhook]]\nname = "w"\nurl = "ftp://x"\n',
            'line 3, webhook[w].url: "ftp://x" is no web address; write https://server/path, without a password',
        ),
        (
            '[[rule]]\nname = "r"\non = "presed bell"\ndo = ["call anna"]\n',
            'line 3, rule[r].on: "presed" is nothing that happens; perhaps pressed is meant',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed bel"\ndo = ["call anna"]\n',
            'line 3, rule[r].on: there is no button "bel"; perhaps bell is meant',
        ),
        (
            '[[rule]]\nname = "r"\non = "refused anna"\ndo = ["call anna"]\n',
            'line 3, rule[r].on: "refused" concerns everybody; write only "refused"',
        ),
        ('[[rule]]\nname = "r"\non = "pressed"\ndo = []\n', 'line 4, rule[r].do: nothing is done; say what: do = ["call anna"]'),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = [' + '"hang-up", ' * 17 + "]\n",
            "line 4, rule[r].do: there are 17 things to do; keep to 16",
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["cal anna"]\n',
            'line 4, rule[r].do[1]: "cal" is nothing that a rule can do; perhaps call is meant',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["call"]\n',
            'line 4, rule[r].do[1]: "call" needs to know with what; write "call" and the target',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["hang-up now"]\n',
            'line 4, rule[r].do[1]: "hang-up" needs no more words; write only "hang-up"',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["wait 0"]\n',
            'line 4, rule[r].do[1]: "0" is no time to wait; give seconds, more than 0 and at most 3600',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["hold door"]\n',
            'line 4, rule[r].do[1]: the lock "door" may not be held open; add may_hold = true, if its strike bears current all day',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["play musc"]\n',
            'line 4, rule[r].do[1]: there is no sound "musc"; known are: beep, error, opened, ended, chime, nobody, speak, wrong, unknown',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["request huse"]\n',
            'line 4, rule[r].do[1]: there is no webhook "huse"; perhaps house is meant',
        ),
        (
            '[[rule]]\nname = "r"\non = "pressed"\ndo = ["hang-up"]\nstate = "talkin"\n',
            'line 5, rule[r].state: "talkin" is not known here; give "idle" or "calling" or "offered" or "talking"',
        ),
    ],
)
def test_a_mistake_is_named_with_line_key_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    assert mistake(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("table", "most", "text"),
    [
        ("rule", 64, '[[rule]]\nname = "r{}"\non = "pressed"\ndo = ["hang-up"]\n'),
        ("profile", 63, '[[profile]]\nname = "p{}"\ntimes = ["mon 01:00-02:00"]\n'),  # the house has one
    ],
)
def test_the_number_of_rules_and_profiles_is_bounded(tmp_path: Path, table: str, most: int, text: str) -> None:
    loaded(tmp_path, "".join(text.format(number) for number in range(most)))
    with pytest.raises(ConfigErrors, match=f"{table}: there are 65 of them; keep to 64"):
        loaded(tmp_path, "".join(text.format(number) for number in range(most + 1)))


@pytest.mark.parametrize(
    "deed",
    [
        "open door",
        "hold gate",
        "lock door",
        "normal door",
        "call sip:x@192.0.2.9",
        "wait 2.5",
        "play chime",
        "request house",
        "message anna Hello, you",
        "message sip:x@192.0.2.9 !",
    ],
)
@pytest.mark.parametrize("trigger", ["pressed bell", "answered", "failed account home", "begins office", "forced leaf", "unanswered"])
def test_what_a_rule_may_say(tmp_path: Path, trigger: str, deed: str) -> None:
    settings = loaded(tmp_path, f'[[rule]]\nname = "r"\non = "{trigger}"\ndo = ["{deed}"]\nwhen = "not office"\nstate = "idle"\n')
    assert settings.rule[0].state == "idle"
    assert settings.warnings == ()


def test_a_machine_without_time_zones_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    told = mistake(tmp_path, '[station]\ntimezone = "Europe/Berln"\n')
    assert told == "line 2, station.timezone: this machine knows no time zones; install the package tzdata"


def test_a_token_over_plain_http_is_worth_a_word(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[[webhook]]\nname = "w"\nurl = "http://192.0.2.3/"\ntoken = "hush"\n')
    assert settings.warnings == ("webhook[w]: the token travels readable; use https",)
    assert "hush" not in repr(settings)


def test_locks_in_a_row_are_no_circle(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[[lock]]\nname = "a"\ngpio = 5\nthen = "b"\n[[lock]]\nname = "b"\ngpio = 6\nthen = "door"\n')
    assert [lock.then for lock in settings.lock] == [None, None, "b", "door"]


@pytest.mark.parametrize(
    ("text", "days", "begin_min", "end_min"),
    [
        ("mon-fri 08:00-17:30", {0, 1, 2, 3, 4}, 480, 1050),
        ("sat,sun,holiday 10:00-24:00", {5, 6, 7}, 600, 1440),
        ("sat-mon 0:00-6:00", {5, 6, 0}, 0, 360),
        ("wed-wed 22:00-06:00", {2}, 1320, 360),
        ("  DAILY  22:00-06:00 ", set(range(8)), 1320, 360),
    ],
)
def test_times_of_the_week_are_read(text: str, days: set[int], begin_min: int, end_min: int) -> None:
    assert parse_span(text) == (frozenset(days), begin_min, end_min)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "mo 08:00-09:00",
        "mon-fry 08:00-09:00",
        "holiday-mon 08:00-09:00",
        "mon 08:60-09:00",
        "mon 08:00-24:01",
        "mon 24:00-01:00",
        "mon 08:00-08:00",
        "mon, 08:00-09:00",
    ],
)
def test_what_is_no_time_of_the_week_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        parse_span(text)


@given(text=st.text(alphabet="monfriholday0123456789:-, ", max_size=30))
def test_no_text_makes_the_reader_of_times_stumble(text: str) -> None:
    try:
        days, begin_min, end_min = parse_span(text)
    except NotUnderstoodError:
        return
    assert days <= set(range(8))
    assert 0 <= begin_min < 1440
    assert 0 <= end_min <= 1440


def test_days_are_dates_or_come_back_every_year() -> None:
    assert parse_day("2026-12-24") == date(2026, 12, 24)
    assert parse_day("02-29") == (2, 29)
    for text in ("24.12.", "2026-02-29", "13-01", ""):
        with pytest.raises(NotUnderstoodError):
            parse_day(text)


def test_a_condition_names_a_profile_or_its_opposite() -> None:
    assert parse_condition(" night ") == ("night", False)
    assert parse_condition("not night") == ("night", True)


def test_codes_of_callers_need_somebody_who_vouches_for_them(tmp_path: Path) -> None:
    incoming = '[incoming]\nallow = ["desk@pbx.example"]\nmay_open = true\n'
    account = '[[account]]\nname = "pbx"\nuri = "sip:door@pbx.example"\ntrust_identity = true\n'
    assert loaded(tmp_path, incoming + account).warnings == ()
    (warning,) = loaded(tmp_path, incoming).warnings
    assert "no [[caller]] a password to prove" in warning


def rule(on: str, deed: str) -> str:
    return f'[[reader]]\nname = "wall"\nport = "/dev/null"\nlock = "door"\n[[rule]]\nname = "r"\non = "{on}"\ndo = ["{deed}"]\n'


@pytest.mark.parametrize("on", ["duress", "card-held", "card-held wall"])
@pytest.mark.parametrize("deed", ["message anna Help", "request house", "open door", "wait 1"])
def test_calls_for_help_and_held_cards_set_rules_off(tmp_path: Path, on: str, deed: str) -> None:
    assert loaded(tmp_path, rule(on, deed)).rule[0].on == on


@pytest.mark.parametrize(
    ("on", "deed", "wrong"),
    [
        ("duress", "play beep", "the door would betray the call for help"),
        ("duress", "call anna", "the door would betray the call for help"),
        ("duress", "hang-up", "the door would betray the call for help"),
        ("duress eva", "wait 1", '"duress" concerns everybody'),
        ("card-held gate", "wait 1", 'there is no reader "gate"'),
        ("pressed", "message", '"message" needs to know with what'),
        ("pressed", "message anna", 'there is nothing to tell "anna"'),
        ("pressed", "message carl Hello", 'there is no target "carl"'),
        ("pressed", "message anna " + "x" * 201, "the text is too long, or has more than one line"),
        ("pressed", "message anna a\\nb", "the text is too long, or has more than one line"),
    ],
)
def test_a_rule_that_cannot_work_or_would_betray_somebody_is_refused(tmp_path: Path, on: str, deed: str, wrong: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, rule(on, deed))
    assert [problem.wrong for problem in caught.value.problems] == [wrong]


def test_the_longest_text_is_taken(tmp_path: Path) -> None:
    assert loaded(tmp_path, rule("pressed", "message anna " + "x" * 200))
