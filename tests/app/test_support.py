"""The bundle for a helper: complete, readable, and without a secret."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from urllib.parse import quote, quote_plus

from firmware.app.support import PART_BYTES_MAX, Part, _newest, secrets_of, struck, support

CONFIG = """\
[[account]]
name = "pbx"
uri = "sip:door@127.0.0.1:5099"
password = "long-secret-one"
[[code]]
name = "family"
code = "583216"
[[lock]]
name = "door"
gpio = 5
[[target]]
name = "anna"
uri = "sip:anna@127.0.0.1:5098"
[network]
sip_port = 0
bind = "127.0.0.1"
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control.sock"
"""


def bundle(tmp_path: Path) -> dict[str, bytes]:
    config = tmp_path / "portero.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    config.chmod(0o600)
    file = tmp_path / "bundle.tar.gz"
    assert support(config, file, now_s=1_700_000_000) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        found = {}
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None
            found[member.name.removeprefix("bundle/")] = content.read()
        return found


def test_it_holds_what_a_helper_asks_for_and_no_secret(tmp_path: Path) -> None:
    found = bundle(tmp_path)
    assert set(found) == {
        "version.txt", "portero.toml", "doctor.txt", "status.json", "journal.txt", "log.txt", "system.txt", "network.txt", "sound.txt",
    }  # fmt: skip
    assert b'uri = "sip:anna@127.0.0.1:5098"' in found["portero.toml"]
    assert b"no mistakes" in found["doctor.txt"]
    assert [name for name, data in found.items() if b"long-secret-one" in data or b"583216" in data] == []


def test_a_secret_is_struck_out_of_every_part(tmp_path: Path) -> None:
    config = tmp_path / "portero.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    config.chmod(0o600)
    assert secrets_of(config) == [b"long-secret-one", b"583216"]
    shown = list(struck(iter([Part("log.txt", b"digits 583216 came")]), secrets_of(config)))
    assert shown == [Part("log.txt", b"digits (secret) came")]


def test_a_configuration_with_mistakes_is_packed_all_the_same(tmp_path: Path) -> None:
    config = tmp_path / "portero.toml"
    config.write_text("[[code]]\nname = 'a'\ncode = '583216'\nbogus = 1\n")
    file = tmp_path / "bundle.tar.gz"
    assert support(config, file) == 0
    with tarfile.open(file) as archive:
        content = archive.extractfile("bundle/portero.toml")
        assert content is not None
        text = content.read()
    assert b"bogus = 1" in text
    assert b"583216" not in text


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    assert support(tmp_path / "none.toml", tmp_path / "no" / "bundle.tar.gz") == 1


def test_no_way_of_spelling_a_secret_gets_through(tmp_path: Path) -> None:
    secret = 'p"ä\\s+ ß/%&x'
    config = tmp_path / "portero.toml"
    config.write_text(CONFIG.format(folder=tmp_path).replace("long-secret-one", 'p\\"ä\\\\s+ ß/%&x'))
    config.chmod(0o600)
    spelt = (secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False), quote(secret, safe=""), quote_plus(secret), repr(secret))
    shown = list(struck((Part(str(number), each.encode()) for number, each in enumerate(spelt)), secrets_of(config)))
    assert [part.data.strip(b"'\"") for part in shown] == [b"(secret)"] * len(spelt)


def test_the_secrets_of_a_file_with_mistakes_are_known_as_well(tmp_path: Path) -> None:
    """The daemon may have been started before the mistake was made, and have said something."""
    config = tmp_path / "portero.toml"
    config.write_text('[[account]]\nname = "pbx"\npassword = "long-secret-one"\nbogus = 1\n')
    assert secrets_of(config) == [b"long-secret-one"]
    config.write_text("[[account\n")
    assert secrets_of(config) == []


def test_a_long_part_begins_with_a_whole_line() -> None:
    """Half a line could begin with half a secret, which nobody would strike out."""
    assert _newest(b"x" * PART_BYTES_MAX) == b"x" * PART_BYTES_MAX
    assert _newest(b"long-secret-one\n" + b"x" * (PART_BYTES_MAX - 8)) == b"x" * (PART_BYTES_MAX - 8)


def test_a_bundle_follows_no_link_and_overwrites_nothing(tmp_path: Path) -> None:
    config, file, other = tmp_path / "none.toml", tmp_path / "bundle.tar.gz", tmp_path / "other"
    other.write_text("kept")
    file.symlink_to(other)
    assert support(config, file) == 1
    assert other.read_text() == "kept"
