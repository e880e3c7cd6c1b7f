from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.config.load import FILE_BYTES_MAX, load
from firmware.config.problems import PROBLEMS_SHOWN_MAX, ConfigErrors
from firmware.config.schema import Call, Settings
from firmware.errors import ConfigError
from tests.searching import examples

EXAMPLE = (Path(__file__).resolve().parents[2] / "portero.example.toml").read_text(encoding="utf-8")

GOOD = """\
[[account]]
name = "pbx"
uri = "sip:door@pbx.example"
password = "hush"
[[target]]
name = "anna"
uri = "sip:611@pbx.example"
account = "pbx"
[[button]]
name = "bell"
gpio = 17
targets = ["anna"]
[[lock]]
name = "door"
gpio = 27
[[code]]
name = "family"
code = "583216"
"""


def loaded(directory: Path, text: str) -> Settings:
    file = directory / "portero.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return load(file)


def mistakes(directory: Path, text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        loaded(directory, text)
    return [str(problem) for problem in caught.value.problems]


def test_an_empty_file_is_all_defaults_and_a_warning(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert settings == Settings(warnings=("there is no [[button]]: nobody can ring",))


def test_a_good_file_loads_without_a_word(tmp_path: Path) -> None:
    settings = loaded(tmp_path, GOOD)
    assert settings.warnings == ()
    assert settings.account[0].uri == "sip:door@pbx.example"
    assert settings.button[0].gpio == 17
    assert settings.target[0].locks is None
    assert settings.call == Call()
    assert "hush" not in repr(settings)
    assert "583216" not in repr(settings)


def test_whole_numbers_stand_for_numbers_and_words_for_never(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        GOOD
        + '[call]\nring_limit_s = 30\nhangup_after_open_s = "never"\n[[lamp]]\nname = "l"\ngpio = 5\nshows = "open"\nblink_period_s = 1\n',
    )
    assert settings.call.ring_limit_s == 30.0
    assert settings.call.hangup_after_open_s == "never"
    assert settings.lamp[0].blink_period_s == 1.0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fe80::1"])
def test_the_station_listens_at_one_address_when_told_so(tmp_path: Path, address: str) -> None:
    assert loaded(tmp_path, f'[network]\nbind = "{address}"\n').network.bind == address


def test_every_mistake_is_reported_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = """\
[station]
nam = "x"
[network]
sip_port = "5060"
rtp_ports = [10001, 10002]
[[account]]
name = "pbx"
uri = "sip:door@pbx.example"
password = "hush"
password_file = "/etc/x"
expires_s = 5
[[target]]
uri = "sip:611"
account = "pbz"
[[button]]
name = "front"
gpio = 17
targets = ["ana",
  7,
]
[[lock]]
name = "door"
gpio = 17
pulse_s = 40
[[code]]
name = "all"
code = "1234"
locks = ["dor"]
[call]
second_press = "hangup"
hangup_after_open_s = "nie"
[bogus]
"""
    assert mistakes(tmp_path, text) == [
        "line 2, station.nam: there is no such key; perhaps name is meant",
        'line 4, network.sip_port: "5060" is not a whole number; write it without quotes: sip_port = 5060',
        "line 5, network.rtp_ports: from 10001 to 10002 is no usable range; begin even, and give at least 4 ports",
        "line 10, account[pbx].password_file: password says the same; keep one of them",
        "line 11, account[pbx].expires_s: 5 is out of range; give a number from 30 to 86400 s",
        "line 12, target[1].name: this key is missing; add: name = …",
        'line 13, target[1].uri: "sip:611" is a number without a server; write sip:611@ and the server\'s name or address',
        'line 14, target[1].account: there is no account "pbz"; perhaps pbx is meant',
        "line 18, button[front].targets[2]: 7 is not a text in quotes; give a text in quotes",
        'line 18, button[front].targets[1]: there is no target "ana"; add a [[target]] with this name',
        "line 23, lock[door].gpio: this GPIO is used already, in button[front].gpio on line 17; give another",
        "line 24, lock[door].pulse_s: 40 s is longer than max_closed_s, 30 s; shorten it, or raise max_closed_s",
        "line 27, code[all].code: the code is a row of neighbouring keys; choose digits without a pattern, best six or more",
        'line 28, code[all].locks[1]: there is no lock "dor"; perhaps door is meant',
        'line 30, call.second_press: "hangup" is not known here; give "ignore" or "hang_up"',
        'line 31, call.hangup_after_open_s: "nie" is not known here; give a number or "never"',
        f"line 32, bogus: there is no such section; known are: {', '.join(name for name in Settings._fields if name != 'warnings')}",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("station = 1\n", "line 1, station: this is a section, not a value; write [station] on a line of its own"),
        ("[[station]]\n", "line 1, station: this is a section, not a value; write [station] on a line of its own"),
        ('[lock]\nname = "a"\n', "line 1, lock: this section may stand several times; write [[lock]] with two brackets"),
        ("lock = [1]\n", "line 1, lock: this section may stand several times; write [[lock]] with two brackets"),
        ("[station]\nname = 7\n", "line 2, station.name: 7 is not a text in quotes; give a text in quotes"),
        ('[station]\nname = " "\n', "line 2, station.name: ' ' is not usable here; give a text"),
        ("[call]\nring_limit_s = true\n", "line 2, call.ring_limit_s: true is not a number; give a number"),
        ("[call]\nring_limit_s = nan\n", "line 2, call.ring_limit_s: nan is out of range; give a number from 5 to 300 s"),
        ("[network]\nsip_port = 5060.0\n", "line 2, network.sip_port: 5060.0 is not a whole number; give a whole number"),
        ("[network]\nsip_port = true\n", "line 2, network.sip_port: true is not a whole number; give a whole number"),
        ("[incoming]\nmay_open = 1\n", "line 2, incoming.may_open: 1 is not true or false; give true or false"),
        ('[network]\ntransports = "udp"\n', 'line 2, network.transports: "udp" is not a list; put it into brackets: [ … ]'),
        (
            '[network]\ntransports = ["quic"]\n',
            'line 2, network.transports[1]: "quic" is not known here; give "udp" or "tcp" or "tls" or "ws" or "wss" or "sctp"',
        ),
        ("[audio]\nrate_hz = 16000.0\n", "line 2, audio.rate_hz: 16000.0 is not known here; give 8000 or 16000 or 32000 or 44100 or 48000"),
        (
            "[network]\nrtp_ports = [10000]\n",
            "line 2, network.rtp_ports: there are 1 numbers; give the first and the last port: [10000, 10099]",
        ),
        ("[network]\nsip_port = 10050\n", "line 1, network.rtp_ports: the SIP port 10050 lies within; move one of them"),
        ("[network]\ntransports = []\n", 'line 2, network.transports: the list is empty; give at least one: ["udp"]'),
        ("[audio]\ncodecs = []\n", 'line 2, audio.codecs: the list is empty; give at least one: ["PCMA"]'),
        (
            '[network]\nbind = "eth0"\n',
            'line 2, network.bind: "eth0" is no IP address; give an address of this machine, or leave the key out',
        ),
        (
            '[incoming]\nallow = ["desk"]\n',
            'line 2, incoming.allow[1]: "desk" is no caller; write "user@host"; * stands for any user or any host',
        ),
        (
            '[incoming]\nallow = ["*@*"]\nmay_open = true\n',
            "line 3, incoming.may_open: everybody may call, so everybody may try codes; list the callers in incoming.allow",
        ),
        (
            '[incoming]\nconference = "our talk"\nconference_for = ["*@*"]\n',
            'line 2, incoming.conference: "our talk" is no user part; write what stands before the @: "talk"',
        ),
        (
            '[incoming]\nconference = "talk"\n',
            "line 2, incoming.conference: it does nothing without conference_for; add incoming.conference_for",
        ),
        (
            '[incoming]\nconference_for = ["*@*"]\n',
            "line 2, incoming.conference_for: it does nothing without conference; add incoming.conference",
        ),
        (
            "[access]\nlockout_s = 60\nlockout_max_s = 30\n",
            "line 2, access.lockout_s: 60 s is longer than lockout_max_s, 30 s; shorten it, or raise lockout_max_s",
        ),
        (
            '[[contact]]\nname = "x"\nkind = "exit"\ngpio = 4\n',
            'line 1, contact[x].lock: an exit button needs a lock; add: lock = "…"',
        ),
        (
            '[[lock]]\nname = "d"\ngpio = 5\n[[contact]]\nname = "x"\nkind = "tamper"\ngpio = 4\nlock = "d"\n',
            "line 8, contact[x].lock: a tamper switch blocks every lock; leave the key out",
        ),
        (
            '[[code]]\nname = "c"\ncode = "583216"\n',
            "line 1, code[c]: there is no lock that it could open; add a [[lock]]",
        ),
        (
            '[[account]]\nname = "a"\nuri = "sip:pbx.example"\n',
            'line 3, account[a].uri: "sip:pbx.example" names no user; write sip:user@server, or give a username',
        ),
        (
            '[[account]]\nname = "a"\nuri = "sip:d@pbx"\npassword = 7\n',
            "line 4, account[a].password: this is not a text; give a text in quotes",
        ),
        (
            '[[card]]\nname = "c"\nnumber = "0a1b"\n',
            'line 3, card[c].number: "0a1b" is no card number; write it as the reader reports it: 4 to 32 of 0-9 and A-F',
        ),
        ('[[button]]\nname = "b"\n', "line 1, button[b].targets: nobody is rung; name at least one target, or a SIP address"),
        ('[[lamp]]\nname = "l"\ngpio = 5\n', "line 1, lamp[l].shows: this key is missing; add: shows = …"),
        ('[[lock]]\nname = "d"\ngpio = 28\n', "line 3, lock[d].gpio: 28 is out of range; give a number from 0 to 27"),
        ('[[button]]\nname = "b"\ntargets = []\n', "line 3, button[b].targets: nobody is rung; name at least one target, or a SIP address"),
        (
            '[[button]]\nname = "b"\ntargets = ["sip:1@a", "sip:1@a"]\n',
            "line 3, button[b].targets[2]: this target is used already, in button[b].targets[1] on line 3; give another",
        ),
        (
            '[[button]]\nname = "b"\ntargets = [' + ", ".join(f'"sip:{n}@a"' for n in range(17)) + "]\n",
            "line 3, button[b].targets: 17 targets ring at once; keep to 16",
        ),
        (
            '[[reader]]\nname = "r"\nport = "/dev/serial0"\nlock = "d"\n',
            'line 4, reader[r].lock: there is no lock "d"; add a [[lock]] with this name',
        ),
        (
            '[[lock]]\nname = "d"\ngpio = 1\n[[lock]]\nname = "d"\ngpio = 2\n',
            "line 5, lock[d].name: this name is used already, in lock[d].name on line 2; give another",
        ),
        ("a = [\n", "line 2: this is not TOML: invalid value; see https://toml.io; texts stand in quotes: key = \"value\""),
        ("\n\nname = Front\n", "line 3: this is not TOML: invalid value; texts stand in quotes: name = \"…\""),
        (
            '[[target]]\nname = "a"\nuri = "**611"\n',
            "line 3, target[a].uri: '**611' is not usable here; a number needs its server: sip:**611@ and the server's name or address",
        ),
        ('[[target]]\nname = "a"\nuri = "a@b"\n', "line 3, target[a].uri: 'a@b' is not usable here; write \"sip:a@b\""),
        (
            '[[lock]]\nname = "d"\ngpio = 1\npulse_s = "2.5"\n',
            'line 4, lock[d].pulse_s: "2.5" is not a number; write it without quotes: pulse_s = 2.5',
        ),
        (
            '[[lock]]\nname = "d"\ngpio = "five"\n',
            'line 3, lock[d].gpio: "five" is not a whole number; give a whole number',
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_line_key_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    assert mistakes(tmp_path, text) == [expected]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("0000", "repeats itself"),
        ("777777", "repeats itself"),
        ("1212", "repeats itself"),
        ("12121", "repeats itself"),
        ("1234", "neighbouring keys"),
        ("4321", "neighbouring keys"),
        ("98765", "neighbouring keys"),
        ("2580", "neighbouring keys"),
        ("1984", "tried first"),
        ("123", "has only 3 digits"),
        ("12345678901234567", "has 17 digits"),
        ("58#1", "made of digits"),
        ("58 1", "made of digits"),
        ("a583", "made of digits"),
        ("٣٤٥٦", "made of digits"),
    ],
)
def test_a_code_that_is_easily_guessed_is_refused_and_not_shown(tmp_path: Path, code: str, wrong: str) -> None:
    found = mistakes(tmp_path, GOOD.replace("583216", code))
    assert len(found) == 1
    assert wrong in found[0]
    assert code not in found[0]


@pytest.mark.parametrize("code", ["5831", "583216", "A5B7", "9038172640172839"])
def test_a_code_without_a_pattern_is_taken(tmp_path: Path, code: str) -> None:
    assert loaded(tmp_path, GOOD.replace("583216", code)).code[0].code.reveal() == code


@pytest.mark.parametrize(("second", "word"), [("583216", "equals"), ("5832169", "begins with"), ("58321", None), ("5832", None)])
def test_no_code_may_hide_another(tmp_path: Path, second: str, word: str | None) -> None:
    found = mistakes(tmp_path, GOOD + f'[[code]]\nname = "guest"\ncode = "{second}"\n')
    if word:
        assert found == [f"line 21, code[guest].code: the code {word} that of code[family].code; choose another"]
    else:
        assert found == ["line 18, code[family].code: the code begins with that of code[guest].code; choose another"]


def test_secrets_come_from_files_beside_the_configuration_and_from_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for file, text in ((tmp_path / "code", "583216\n"), (credentials / "pbx", "hush")):
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
    text = GOOD.replace('password = "hush"', 'password_credential = "pbx"').replace('code = "583216"', 'code_file = "code"')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    settings = loaded(tmp_path, text)
    assert settings.account[0].password is not None
    assert settings.account[0].password.reveal() == "hush"
    assert settings.code[0].code.reveal() == "583216"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    (tmp_path / "code").chmod(0o644)
    first, second = mistakes(tmp_path, text)
    assert first == (
        "line 4, account[pbx].password_credential: there is no credential 'pbx' outside the service; "
        "it needs LoadCredential=pbx:/path in the unit"
    )
    assert second.startswith("line 18, code[family].code_file: ")
    assert "chmod o-rwx" in second


def test_a_file_for_the_service_can_be_checked_outside_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "portero.toml"
    file.write_text(GOOD.replace('code = "583216"', 'code_credential = "code"').replace('password = "hush"\n', ""), encoding="utf-8")
    with pytest.raises(ConfigErrors, match="LoadCredential=code:"):
        load(file)
    assert load(file, outside_service=True).warnings == (
        'code[family].code_credential: credential "code" is known to the service only, and was not checked',
    )
    (tmp_path / "code").write_text("1111", encoding="utf-8")
    (tmp_path / "code").chmod(0o600)
    with pytest.raises(ConfigErrors, match="repeats itself"):
        load(file, credentials=str(tmp_path), outside_service=True)


def test_a_weak_code_in_a_file_is_complained_about_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("1111", encoding="utf-8")
    (tmp_path / "code").chmod(0o600)
    found = mistakes(tmp_path, GOOD.replace('code = "583216"', 'code_file = "code"'))
    assert found == ["line 18, code[family].code_file: the code repeats itself; choose digits without a pattern, best six or more"]


def test_a_readable_file_with_secrets_in_it_is_a_warning(tmp_path: Path) -> None:
    loaded(tmp_path, GOOD)
    file = tmp_path / "portero.toml"
    file.chmod(0o644)
    assert load(file).warnings == (f"{file} holds secrets and every user of this machine may read it; run: chmod o-rwx {file}",)
    file.write_text(GOOD.replace('password = "hush"\n', "").replace('[[code]]\nname = "family"\ncode = "583216"\n', ""), encoding="utf-8")
    assert load(file).warnings == ()


def test_listening_open_to_everybody_is_a_warning(tmp_path: Path) -> None:
    settings = loaded(tmp_path, GOOD + '[incoming]\nallow = ["*@*"]\nauto_answer = "always"\n')
    assert settings.warnings == ("incoming.allow holds *@* and auto_answer is on: anybody who reaches this station may listen at the door",)
    settings = loaded(tmp_path, GOOD + '[incoming]\nallow = ["*@*"]\nauto_answer = "always"\nauto_answer_as = "announce"\n')
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ("", True),
        ('[network]\nbind = "127.0.0.1"\n', False),
        ("only_servers = true\n", False),
        ('proof = "direct"\n[[caller]]\nname = "anna"\npassword = "hush-hush"\n', False),
    ],
)
def test_listening_for_whoever_forges_a_name_is_a_warning(tmp_path: Path, more: str, *, warned: bool) -> None:
    settings = loaded(tmp_path, GOOD + f'[incoming]\nallow = ["*@192.168.1.2"]\nauto_answer = "on_request"\n{more}')
    assert [each for each in settings.warnings if "who forges that may listen at the door" in each] == list(settings.warnings)
    assert bool(settings.warnings) is warned


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    for path, wrong in ((tmp_path / "nothing.toml", "cannot be read"), (tmp_path, "cannot be read")):
        with pytest.raises(ConfigErrors, match=wrong):
            load(path)


def test_a_file_that_is_no_text_or_far_too_large_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "portero.toml"
    file.write_bytes(b"[station]\nname = '\xff'\n")
    with pytest.raises(ConfigErrors, match="line 2: this is not UTF-8 text"):
        load(file)
    file.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    with pytest.raises(ConfigErrors, match="larger than"):
        load(file)


def test_a_flood_of_mistakes_is_cut_and_counted(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, "".join(f"key{number} = 1\n" for number in range(PROBLEMS_SHOWN_MAX + 5)))
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value).splitlines()[0].endswith(f"{PROBLEMS_SHOWN_MAX + 5} mistakes")
    assert str(caught.value).splitlines()[-1] == "  … and 5 more"


def test_too_many_tables_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.config.load.TABLES_MAX", 2)
    text = "".join(f'[[lock]]\nname = "l{gpio}"\ngpio = {gpio}\n' for gpio in range(3))
    assert mistakes(tmp_path, text) == ["line 1, lock: there are 3 of them; keep to 2"]


def test_a_long_value_is_shortened_in_the_message(tmp_path: Path) -> None:
    assert mistakes(tmp_path, f'[network]\nsip_port = "{"5" * 100}"\n') == [
        f'line 2, network.sip_port: "{"5" * 38}… is not a whole number; give a whole number'
    ]


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, EXAMPLE.count("\n")), st.sampled_from(["drop", "twice", "= 7", '= "x"', "= []", "= true", "= [1.5]", "= {}"])
        ),
        max_size=6,
    )
)
def test_a_damaged_file_is_settings_or_config_errors_and_nothing_else(tmp_path: Path, edits: list[tuple[int, str]]) -> None:
    lines = EXAMPLE.splitlines()
    for index, edit in edits:
        if index >= len(lines):
            continue
        if edit == "drop":
            del lines[index]
        elif edit == "twice":
            lines.insert(index, lines[index])
        elif "=" in lines[index]:
            lines[index] = lines[index].partition("=")[0] + edit
    with contextlib.suppress(ConfigErrors):
        assert loaded(tmp_path, "\n".join(lines)).station.name


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "http://updates.example/door.raucb"', "is no address of a bundle"),
        ('url = "https:///door.raucb"', "is no address of a bundle"),
        ('url = "https://me:secret@updates.example/door"', "is no address of a bundle"),
        ('at = "24:00"', 'write a time of the day: "03:30"'),
        ('every = "hour"', 'give "day" or "week" or "month"'),
    ],
)
def test_updates_come_from_a_secure_address_at_a_time_that_exists(tmp_path: Path, line: str, said: str) -> None:
    (mistake,) = mistakes(tmp_path, f"[update]\n{line}\n")
    assert mistake.startswith("line 2, update.")
    assert said in mistake


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "portero.toml"
    path.write_bytes(b'\xef\xbb\xbf[station]\nname = "Front door"\n')
    assert load(path).station.name == "Front door"
