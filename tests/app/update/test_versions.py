"""Versions in Debian's order, and which of them a device takes."""

from __future__ import annotations

import subprocess
from itertools import pairwise

import pytest

from firmware.app.update.versions import Known, compare, is_version, refusal

# Each is older than the next one.
RISING = (
    "0.9",
    "1.0~20261127120000.ffffffff",
    "1.0~20261128120000.00000000",
    "1.0~rc1",
    "1.0",
    "1.0a",
    "1.0+1",
    "1.0.1",
    "1.2",
    "1.10",
    "2",
)
KNOWN = Known(running="1.1", newest="1.2", rejected=("1.4",))


@pytest.mark.parametrize("index", range(len(RISING)))
def test_each_version_has_its_place_in_the_row(index: int) -> None:
    signs = [compare(RISING[index], other) for other in RISING]
    assert all(sign > 0 for sign in signs[:index])
    assert signs[index] == 0
    assert all(sign < 0 for sign in signs[index + 1 :])


def test_dpkg_sees_the_same_row() -> None:
    for one, two in pairwise(RISING):
        assert subprocess.run(["dpkg", "--compare-versions", one, "lt", two], check=False).returncode == 0


def test_zeros_in_front_count_nothing() -> None:
    assert compare("1.01", "1.1") == 0


@pytest.mark.parametrize("text", ["", "~1", "1 2", "1\n2", "../1", "1" * 65])
def test_what_is_no_version_is_refused(text: str) -> None:
    assert not is_version(text)
    assert "is no version" in refusal(text, KNOWN, scheduled=False)


@pytest.mark.parametrize(
    ("version", "by_hand", "scheduled"),
    [
        ("1.0", "older than 1.2", "older than 1.2"),
        ("1.1", "older than 1.2", "older than 1.2"),  # it runs, after a newer one was given back: it may stay, but not come again
        ("1.2", "", ""),
        ("1.3", "", ""),
        ("1.4", "", "was rejected"),
    ],
)
def test_only_what_is_not_older_than_the_newest_that_worked_is_taken(version: str, by_hand: str, scheduled: str) -> None:
    for wanted, said in ((by_hand, refusal(version, KNOWN, scheduled=False)), (scheduled, refusal(version, KNOWN, scheduled=True))):
        assert (wanted in said) if wanted else said == ""


def test_the_running_version_comes_again_by_hand_alone() -> None:
    known = Known(running="1.1")
    assert refusal("1.1", known, scheduled=False) == ""
    assert "runs already" in refusal("1.1", known, scheduled=True)
