"""firmware/ids.py: as long, and as many, as their RFCs ask for."""

from __future__ import annotations

import pytest

from firmware.ids import MAGIC_COOKIE, IdSource, SeededIds, SystemIds


@pytest.mark.parametrize("ids", [SystemIds(), SeededIds(1)])
def test_identifiers_are_long_and_none_comes_twice(ids: IdSource) -> None:
    for make, digits in ((ids.tag, 16), (ids.call_id, 32), (ids.nonce, 32)):
        made = {make() for _ in range(1000)}
        assert len(made) == 1000
        assert {len(each) for each in made} == {digits}
    assert ids.branch().startswith(MAGIC_COOKIE)
    assert len({ids.branch() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("ids", [SystemIds(), SeededIds(1)])
def test_chance_takes_its_whole_range(ids: IdSource) -> None:
    fractions = [ids.fraction() for _ in range(2000)]
    assert all(0.0 <= each < 1.0 for each in fractions)
    assert min(fractions) < 0.1  # missed once in 10^91 runs
    assert max(fractions) > 0.9
    numbers = [ids.uint32() for _ in range(1000)]
    assert all(0 <= each < 2**32 for each in numbers)
    assert max(numbers) >= 2**31


def test_a_seed_tells_one_story() -> None:
    assert [SeededIds(7).tag(), SeededIds(7).branch()] == [SeededIds(7).tag(), SeededIds(7).branch()]
    assert SeededIds(7).tag() != SeededIds(8).tag()
