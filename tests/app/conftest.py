"""The journals of these tests lie on whatever disk the machine has."""

from __future__ import annotations

import pytest

from firmware.app.journal import journal


@pytest.fixture(autouse=True)
def patient_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that others keep busy may need longer for a row than a door would wait for its card; tests of that wait set their own."""
    monkeypatch.setattr(journal, "WRITE_LIMIT_S", 60.0)
