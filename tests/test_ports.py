"""tests/ports.py: numbers that no two test runs share."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import BLOCK, GIVEN, free_port

ROOT = Path(__file__).resolve().parents[1]
OTHER = "from tests.ports import free_port; print(*[free_port(span=100) for _ in range(4)])"


def test_a_number_is_given_once_in_a_long_while() -> None:
    given = [free_port() for _ in range(BLOCK)]
    assert len(set(given)) == len(given)
    assert all(port in GIVEN and port % 2 == 0 for port in given)


def test_another_process_is_given_other_numbers() -> None:
    ours = {free_port() // BLOCK for _ in range(BLOCK)}
    others = subprocess.run([sys.executable, "-c", OTHER], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    assert len(set(others)) == 4
    assert not ours & {int(port) // BLOCK for port in others}


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_number_that_is_held_is_passed_over_whichever_way_it_is_held(kind: socket.SocketKind, monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port(span=4)
    following = iter((range(first, first + 2), range(first + 2, first + 4)))
    monkeypatch.setattr("tests.ports._numbers.take", lambda span: next(following))
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", first + 1))
        assert free_port() == first + 2
