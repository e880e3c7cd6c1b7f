"""Whole stations run in these tests, too."""

from __future__ import annotations

from tests.app.conftest import patient_journal

__all__ = ["patient_journal"]
