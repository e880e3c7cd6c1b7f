"""Which card is meant by none, on machines as they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw.api import Half
from hw.cards import meant

PI_4 = {"Headphones": "p", "vc4hdmi0": "p", "vc4hdmi1": "p"}


def machine(folder: Path, cards: dict[str, str]) -> Path:
    """Cards by identifier, with the letters of what they can do, as the kernel shows them."""
    asound = folder / "asound"
    for index, (identifier, halves) in enumerate(cards.items()):
        card = asound / f"card{index}"
        card.mkdir(parents=True)
        (card / "id").write_text(f"{identifier}\n")
        for letter in halves:
            (card / f"pcm0{letter}").mkdir()
    return asound


@pytest.mark.parametrize(
    ("cards", "speaker", "microphone"),
    [
        ({**PI_4, "Device": "pc"}, "hw:CARD=Device", "hw:CARD=Device"),
        ({**PI_4, "Mic": "c"}, "hw:CARD=Headphones", "hw:CARD=Mic"),
        (PI_4, "hw:CARD=Headphones", "default"),
        ({"Device": "pc", "Device_1": "pc"}, "hw:CARD=Device", "hw:CARD=Device"),
        ({"Keyboard": ""}, "default", "default"),
        ({}, "default", "default"),
        ({**{f"vc4hdmi{n}": "p" for n in range(11)}, "Device": "pc", "Last": "pc"}, "hw:CARD=Device", "hw:CARD=Device"),
    ],
)
def test_the_first_card_with_both_halves_is_meant_or_the_first_with_the_one(
    tmp_path: Path, cards: dict[str, str], speaker: str, microphone: str
) -> None:
    asound = machine(tmp_path, cards)
    found = {half: meant(half, asound=asound, system=tmp_path, environment={}) for half in Half}
    assert found == {Half.SPEAKER: speaker, Half.MICROPHONE: microphone}


@pytest.mark.parametrize(
    "file", ["etc/asound.conf", "etc/alsa/conf.d/99-pipewire-default.conf", "etc/alsa/conf.d/99-pulse.conf", ".asoundrc"]
)
def test_what_somebody_has_said_holds(tmp_path: Path, file: str) -> None:
    asound = machine(tmp_path, {"Device": "pc"})
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("pcm.!default ...\n")
    home = {"HOME": str(tmp_path)}
    assert meant(Half.SPEAKER, asound=asound, system=tmp_path, environment=home) == "default"


def test_what_is_no_word_about_the_default_does_not(tmp_path: Path) -> None:
    asound = machine(tmp_path, {"Device": "pc"})
    definitions = tmp_path / "etc/alsa/conf.d"
    definitions.mkdir(parents=True)
    for name in ("50-jack.conf", "99-pulseaudio-default.conf.example", "10-samplerate.conf"):
        (definitions / name).write_text("pcm.jack ...\n")
    assert meant(Half.SPEAKER, asound=asound, system=tmp_path, environment={"HOME": str(tmp_path)}) == "hw:CARD=Device"
    assert meant(Half.SPEAKER, asound=asound, system=tmp_path, environment={"ALSA_CONFIG_PATH": "/x"}) == "default"


def test_a_card_that_is_pulled_at_this_moment_is_passed_over(tmp_path: Path) -> None:
    asound = machine(tmp_path, {"Device": "pc", "Other": "pc"})
    (asound / "card0" / "id").unlink()
    assert meant(Half.SPEAKER, asound=asound, system=tmp_path, environment={}) == "hw:CARD=Other"
