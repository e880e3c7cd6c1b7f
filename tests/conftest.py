"""Property tests try the same cases in every continuous integration run, so that a red run can be repeated; elsewhere they search on, a
quarter as far in each run, but never the same way twice.

How long drawing or trying a case takes is no property: it tells how busy the machine is.

What collecting the tests has made lives as long as the run, so the garbage collector does not walk through it again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.searching import IS_WHOLE, examples

settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples(100))
settings.register_profile("ci", parent=settings.get_profile("searching"), derandomize=True)
settings.load_profile("ci" if IS_WHOLE else "searching")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
