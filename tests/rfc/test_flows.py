"""The call flows that an endpoint can take part in, as transcripts (RFC 3665, RFC 5359; numbers of their sections in the file names)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rfc.transcript import Transcript

FLOWS = sorted((Path(__file__).parent / "flows").glob("*.txt"))


@pytest.mark.parametrize("path", FLOWS, ids=[path.stem for path in FLOWS])
def test_the_door_plays_its_part(path: Path) -> None:
    Transcript(path).play()


def test_every_flow_is_found() -> None:
    assert len(FLOWS) >= 37
