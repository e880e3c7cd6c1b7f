from __future__ import annotations

import pytest

from firmware.app.users import seal


@pytest.fixture(autouse=True)
def _cheap_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "SCRYPT_COST", 2)
