"""The example at the root of the repository is kept true: it loads, it shows every key, and its defaults are the defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args, get_origin

import pytest

from firmware.config.load import load
from firmware.config.schema import Settings

EXAMPLE = Path(__file__).resolve().parents[2] / "portero.example.toml"
SECTIONS = {name: kind for name, kind in Settings.__annotations__.items() if name != "warnings"}


def section_class(name: str) -> type:
    kind = SECTIONS[name]
    found = get_args(kind)[0] if get_origin(kind) is tuple else kind
    assert isinstance(found, type)
    return found


def test_the_example_loads_and_holds_together() -> None:
    settings = load(EXAMPLE)
    assert settings.station.name == "Front door"
    assert [lock.name for lock in settings.lock] == ["door", "gate"]
    assert settings.code[0].code.reveal() == "583216"


@pytest.mark.parametrize("name", list(SECTIONS))
def test_the_example_shows_every_key(name: str) -> None:
    tree = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    tables = tree[name] if isinstance(tree[name], list) else [tree[name]]
    shown = {key for table in tables for key in table}
    assert shown == set(section_class(name).__annotations__)


@pytest.mark.parametrize("name", ["network", "call", "access", "journal", "control"])
def test_what_the_example_shows_of_a_plain_section_is_the_default(name: str) -> None:
    assert getattr(load(EXAMPLE), name) == section_class(name)()


def test_the_optional_keys_of_the_first_table_of_each_kind_are_the_defaults_where_they_are_no_choice() -> None:
    settings = load(EXAMPLE)
    choices = {
        "registrar",
        "proxy",
        "second_proxy",
        "backups",
        "quality_to",
        "username",
        "password",
        "display_name",
        "account",
        "locks",
        "gpio",
        "blink_period_s",
        "lock",
        "targets",
        "baud",
        "media_encryption",
        "key_exchange",
    }
    for name in ("account", "target", "button", "lock", "lamp", "contact", "reader"):
        table = getattr(settings, name)[0]
        for key, default in table._field_defaults.items():
            assert key in choices or getattr(table, key) == default, f"{name}.{key}"


def test_the_smallest_configuration_in_its_comments_loads(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    block = text.split("is this much:\n#\n")[1].split("#\n# GPIO numbers")[0]
    smallest = re.sub(r"(?m)^#   ?", "", block).replace("\n#\n", "\n\n")
    for name, secret in (("password", "hush"), ("code", "583216")):
        (tmp_path / name).write_text(secret + "\n", encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    file = tmp_path / "portero.toml"
    file.write_text(smallest.replace("/etc/portero/", ""), encoding="utf-8")
    settings = load(file)
    assert settings.warnings == ()
    assert settings.button[0].targets == ("anna",)
    assert settings.account[0].password is not None
    assert settings.account[0].password.reveal() == "hush"
