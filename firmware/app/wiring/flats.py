"""The flats of the configuration as the door's: each is made when its number is dialled, for a house may have ten thousand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from firmware.config.schema import Flat as ConfiguredFlat
from firmware.door.directory import Flat, Plan, Round, Target
from firmware.door.events import LockName


class Flats(Mapping[str, Flat]):
    """By number. Keeps what the configuration says of each, and no more."""

    def __init__(
        self, flats: tuple[ConfiguredFlat, ...], plans: Mapping[str, Plan], targets: Mapping[str, Target], locks: frozenset[LockName]
    ) -> None:
        """`locks`: all that there are."""
        self._flats = {flat.number: flat for flat in flats}
        self._plans = plans
        self._targets = targets
        self._locks = locks

    def __getitem__(self, number: str) -> Flat:
        flat = self._flats[number]
        if flat.plan is not None:
            plan = self._plans[flat.plan]
        else:
            plan = (Round(targets=tuple(self._party(flat, name) for name in flat.targets)),)
        return Flat(number=flat.number, name=flat.name, plan=plan)

    def __iter__(self) -> Iterator[str]:
        return iter(self._flats)

    def __len__(self) -> int:
        return len(self._flats)

    def _party(self, flat: ConfiguredFlat, name: str) -> Target:
        """A target of the configuration, or an address: it stands there as well, and so is as trusted."""
        locks = self._locks if flat.locks is None else frozenset(map(LockName, flat.locks))
        return self._targets.get(name) or Target(name=name, uri=name, account=flat.account, locks=locks)
