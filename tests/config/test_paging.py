"""firmware/config/paging.py: groups that are none, or stand twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.config.paging import group_address
from tests.config.test_transports import complaints, loaded

ENTRY = '[[paging]]\nname = "{}"\naddress = "{}"\n'


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("239.255.12.1:5004", ("239.255.12.1", 5004)),
        ("224.0.1.75:5000", ("224.0.1.75", 5000)),
        ("[ff12::7705]:5004", ("ff12::7705", 5004)),
        ("192.168.1.2:5004", None),
        ("[2001:db8::1]:5004", None),
        ("240.0.0.1:5004", None),
        ("239.255.12.1", None),
        ("239.255.12.1:0", None),
        ("239.255.12.1:70000", None),
        ("house.example:5004", None),
    ],
)
def test_a_group_is_an_address_that_many_may_have_and_a_port(text: str, group: tuple[str, int] | None) -> None:
    assert group_address(text) == group


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ENTRY.format("a", "192.168.1.2:5004"), '"192.168.1.2:5004" is no group; write a group and a port such as "239.255.12.1:5004"'),
        (ENTRY.format("a", "239.1.1.1:5004") + ENTRY.format("b", "239.1.1.1:5004"), 'it is that of "a" already'),
        (ENTRY.format("a", "239.1.1.1:5004") + ENTRY.format("a", "239.1.1.2:5004"), "this name"),
        (ENTRY.format("a", "[ff12::1]:5004"), 'a group of IPv6 needs to know where; add: interface = "eth0"'),
        ("".join(ENTRY.format(f"g{n}", f"239.1.1.{n}:5004") for n in range(9)), "there are 9 of them; keep to 8"),
    ],
)
def test_what_cannot_work_is_said_with_the_remedy(tmp_path: Path, text: str, said: str) -> None:
    assert said in complaints(tmp_path, text)


def test_who_can_be_heard_at_the_door_is_warned_of(tmp_path: Path) -> None:
    entry, warning = ENTRY.format("a", "239.1.1.1:5004"), "whoever is in that network can be heard at the door"
    assert any(warning in each for each in loaded(tmp_path, entry + "listen = true\n").warnings)
    assert not any(warning in each for each in loaded(tmp_path, entry).warnings)
