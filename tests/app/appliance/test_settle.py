"""The boot partition's file becomes the device's: on real files, without the tools that only a device has."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.app.appliance.moved_secrets import PLACEHOLDER
from firmware.app.appliance.settle import MISTAKES, Places, settle, wipe
from firmware.app.firewall import ruleset
from firmware.config.load import load

CARD = """\
[[account]]
name = "pbx"
uri = "sip:door@192.168.1.2"
password = "a long test secret"
[lan]
address = "192.168.1.20/24"
gateway = "192.168.1.1"
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("boot", "config", "ssh"):
        (tmp_path / name).mkdir()
    return Places(root=tmp_path / "root", boot=tmp_path / "boot", config=tmp_path / "config/portero.toml", ssh=tmp_path / "ssh")


def test_a_fresh_card_configures_the_door_and_keeps_no_secret(places: Places) -> None:
    (places.boot / "portero.toml").write_text(CARD)
    assert settle(places) == 0
    password = load(places.config).account[0].password
    assert password is not None
    assert password.reveal() == "a long test secret"
    assert places.config.stat().st_mode & 0o777 == 0o640
    assert b"a long test secret" not in (places.boot / "portero.toml").read_bytes()
    assert "Address=192.168.1.20/24\nGateway=192.168.1.1\n" in (places.root / "run/systemd/network/50-cable.network").read_text()


def test_the_editor_of_windows_keeps_no_secret_on_the_card(places: Places) -> None:
    """It begins a file with a byte order mark, and ends lines in its own way."""
    (places.boot / "portero.toml").write_bytes(CARD.replace("\n", "\r\n").encode("utf-8-sig"))
    assert settle(places) == 0
    assert load(places.config).account[0].password is not None
    assert b"a long test secret" not in (places.boot / "portero.toml").read_bytes()


def test_a_secret_that_would_stay_on_the_card_is_a_mistake(places: Places) -> None:
    (places.boot / "portero.toml").write_text('mqtt = {broker = "10.0.0.9", username = "door", password = "a long test secret"}\n')
    assert settle(places) == 1
    assert "mqtt.password: a secret cannot leave the file" in (places.boot / MISTAKES).read_text()
    assert not places.config.exists()


def test_the_firewall_has_its_rules_before_it_starts(places: Places) -> None:
    (places.boot / "portero.toml").write_text(CARD)
    settle(places)
    rules = places.root / "run/portero-settings/firewall.nft"
    assert rules.read_text() == ruleset(load(places.config))
    assert rules.stat().st_mode & 0o777 == 0o600


def test_the_next_boot_changes_nothing(places: Places) -> None:
    (places.boot / "portero.toml").write_text(CARD)
    settle(places)
    before = (places.config.stat().st_mtime_ns, places.config.stat().st_ino, (places.boot / "portero.toml").stat().st_mtime_ns)
    assert settle(places) == 0
    assert (places.config.stat().st_mtime_ns, places.config.stat().st_ino, (places.boot / "portero.toml").stat().st_mtime_ns) == before


def test_a_device_that_lost_its_data_takes_what_does_without_secrets(places: Places) -> None:
    code = '[[lock]]\nname = "door"\ngpio = 27\n[[code]]\nname = "family"\ncode = "583216"\n'
    (places.boot / "portero.toml").write_text(CARD + code)
    settle(places)
    left = (places.boot / "portero.toml").read_text()
    places.config.unlink()
    assert settle(places) == 1
    settings = load(places.config)
    assert (settings.lan.address, settings.account[0].password, settings.code) == ("192.168.1.20/24", None, ())
    assert "the device does not have account.pbx.password, code.family.code" in (places.boot / MISTAKES).read_text()
    assert settle(places) == 1  # and stays so until they are written once more
    assert (places.boot / "portero.toml").read_text() == left
    (places.boot / "portero.toml").write_text(CARD + code)
    assert settle(places) == 0
    assert load(places.config).code[0].code.reveal() == "583216"


def test_a_file_with_mistakes_changes_nothing_and_says_so_on_the_card(places: Places) -> None:
    card = places.boot / "portero.toml"
    card.write_text(CARD)
    settle(places)
    card.write_text(card.read_text().replace("192.168.1.20/24", "192.168.1.256/24"))
    assert settle(places) == 1
    assert load(places.config).lan.address == "192.168.1.20/24"
    assert 'line 6, lan.address: "192.168.1.256/24" is no address' in (places.boot / MISTAKES).read_text()
    card.write_text(card.read_text().replace("192.168.1.256/24", "192.168.1.25/24"))
    assert settle(places) == 0
    assert load(places.config).lan.address == "192.168.1.25/24"
    assert not (places.boot / MISTAKES).exists()


def test_a_broken_text_and_no_former_settings_leave_a_device_that_can_be_found(places: Places) -> None:
    (places.boot / "portero.toml").write_text("[[account\n")
    assert settle(places) == 1
    assert not places.config.exists()
    assert "line 1: this is not TOML" in (places.boot / MISTAKES).read_text()
    assert "DHCP=yes" in (places.root / "run/systemd/network/50-cable.network").read_text()


def test_a_card_whose_secrets_are_on_another_device_names_them(places: Places) -> None:
    (places.boot / "portero.toml").write_text(CARD.replace("a long test secret", PLACEHOLDER))
    assert settle(places) == 1
    assert "account.pbx.password" in (places.boot / MISTAKES).read_text()


def test_a_card_without_the_file_keeps_the_device_as_it_is(places: Places) -> None:
    (places.boot / "portero.toml").write_text(CARD)
    settle(places)
    (places.boot / "portero.toml").unlink()
    assert settle(places) == 0
    assert load(places.config).account[0].name == "pbx"


def test_wiping_writes_over_the_same_blocks(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("password = 'a long secret'\n" * 10)
    other_name = tmp_path / "link"
    other_name.hardlink_to(file)  # the same blocks under another name
    wipe(file, "nothing\n")
    assert other_name.read_text() == "nothing\n"
