"""Who comes to the door: people who press once, twice, too shortly, for ever; who show cards, go out, force the door, open the panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.door import events as door
from tests.sim.station.house import BELL, CASE, DIALLED, EXIT, FAMILY_CARD, FRONT, GATE, INNER, LEAF, PAD, SHOP, WALL, WRONG_CARD
from tests.sim.station.life import Life
from tests.sim.station.lock_witness import CARD
from tests.sim.station.residents import Resident
from tests.sim.station.tenants import TENANTS
from tests.sim.station.town import Town

KEY_S = 0.4  # from one key to the next
WRONG_PINS = ("583217", "1111", "99", "58321")
WRONG_NUMBERS = ("3", "99", "1205", "583217")
AGAIN_S = (0.05, 0.25, 1.0, 3.0, 12.0)  # from one press to the next
LOCKS = (FRONT, GATE, INNER)
TENANT_CARDS = tuple((tenant.card,) for tenant in TENANTS.values())


class Place(Protocol):
    """Where they come to."""

    @property
    def town(self) -> Town: ...
    @property
    def life(self) -> Life | None: ...
    @property
    def residents(self) -> dict[str, Resident]: ...
    @property
    def stranger(self) -> Resident: ...
    @property
    def host(self) -> str: ...
    def typed(self, party: str, digit: str) -> None: ...


class Visitors:
    """Draws one act after the other from the town's chance, until `leave`."""

    def __init__(self, place: Place, pace_s: float) -> None:
        """`pace_s`: the mean time between two acts."""
        self.place = place
        self.pace_s = pace_s
        self.is_open = False
        self._chance = place.town.random
        self._acts: tuple[tuple[Callable[[], None], float], ...] = (
            (self._ring, 60),
            (self._show_card, 9),
            (self._type_pin, 6),
            (self._dial, 8),
            (self._go_out, 9),
            (self._walk_through, 6),
            (self._call_the_door, 5),
            (self._operate, 8),
            (self._gather, 4),
            (self._touch_the_case, 0.3),
            (self._lean_on_the_bell, 0.7),
        )

    def come(self) -> None:
        self.is_open = True
        self._next()

    def leave(self) -> None:
        """Nobody comes any more; who is on the way still acts."""
        self.is_open = False

    def _next(self) -> None:
        self.place.town.at(self._chance.expovariate(1 / self.pace_s), self._act)

    def _act(self) -> None:
        if self.is_open:
            acts, weights = zip(*self._acts, strict=True)
            self._chance.choices(acts, weights)[0]()
            self._next()

    def press(self, button: str = BELL, duration_s: float = 0.2) -> None:
        self._with_life(lambda life: life.touch(lambda board: board.press(button, duration_s)))

    def _ring(self) -> None:
        first = self._chance.choice((BELL, BELL, SHOP))
        self.press(first, self._chance.choice((0.01, 0.15, 0.2, 1.5)))
        for _ in range(self._chance.choice((0, 0, 0, 1, 1, 3))):
            button = first if self._chance.random() < 0.7 else self._chance.choice((BELL, SHOP))
            self._later(self._chance.choice(AGAIN_S) * (0.5 + self._chance.random()), lambda button=button: self.press(button))  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    def _lean_on_the_bell(self) -> None:
        self.press(BELL, 70.0)

    def _show_card(self) -> None:
        often = (WRONG_CARD,) * 5 + (FAMILY_CARD,)
        cards = self._chance.choice(((FAMILY_CARD,), (FAMILY_CARD, FAMILY_CARD), (WRONG_CARD,), often, *TENANT_CARDS))
        for index, card in enumerate(cards):
            self._later(2.0 * index, lambda card=card: self._show(card))  # type: ignore[misc]  # as above

    def _type_pin(self) -> None:
        """At the keypad, some after their card, others after what they had got wrong, and some without the star that makes it a PIN."""
        tenant = self._chance.choice(tuple(TENANTS.values()))
        star = self._chance.choice(("*", "*", "*", ""))
        keys = (
            "".join(f"{star}{pin}#" for pin in self._chance.choice(((), (), (), ("583217",), WRONG_PINS)))
            + f"{star}{tenant.pin}"
            + self._chance.choice("##*")
        )
        if self._chance.random() < 0.4:
            self._show(tenant.card)
        self._press_keys(keys)

    def _dial(self) -> None:
        """Who looks for a flat, not always the right one, and does not always find the key that calls."""
        number = self._chance.choice((*DIALLED, *DIALLED, *WRONG_NUMBERS))
        self._press_keys(number + self._chance.choice(("#", "#", "", "*", f"#{number}#")))

    def _press_keys(self, keys: str) -> None:
        for index, key in enumerate(keys):
            self._later(KEY_S * (index + 1), lambda key=key: self._press_key(key))  # type: ignore[misc]  # as above

    def _show(self, card: str) -> None:
        """A card that is shown may wait for its PIN at the keypad of the same lock."""
        self.place.typed(f"keypad {PAD}", CARD)
        self._with_life(lambda life: life.touch(lambda board: board.card(WALL, card)))

    def _press_key(self, key: str) -> None:
        self.place.typed(f"keypad {PAD}", key)
        self._with_life(lambda life: life.touch(lambda board: board.key(PAD, key)))

    def _go_out(self) -> None:
        for index in range(self._chance.choice((1, 1, 2, 12))):  # a child with a button
            self._later(0.7 * index, lambda: self._switch_for(EXIT, 0.3))

    def _walk_through(self) -> None:
        self._switch_for(LEAF, self._chance.choice((2.0, 10.0, 90.0)))

    def _touch_the_case(self) -> None:
        self._switch_for(CASE, 5.0)

    def _call_the_door(self) -> None:
        caller = self._chance.choice((*self.place.residents.values(), self.place.stranger))
        caller.call(f"sip:door@{self.place.host}")

    def _operate(self) -> None:
        lock = door.LockName(self._chance.choice(LOCKS))
        wish: door.Input = self._chance.choice(
            (
                door.OpenLock(lock=lock, by="operator"),
                door.SetLockMode(lock=lock, mode=door.LockMode.LOCKED, by="operator"),
                door.SetLockMode(lock=lock, mode=door.LockMode.NORMAL, by="operator"),
                door.SetLockMode(lock=lock, mode=door.LockMode.NORMAL, by="operator"),
                door.SetLockMode(lock=door.LockName(GATE), mode=door.LockMode.HELD, by="operator"),
                door.SetQuiet(target="bob", quiet=self._chance.random() < 0.5, by="operator"),
                door.Dial(target="carl", by="operator"),
                door.Dial(target="sip:nobody@10.9.9.9", by="operator"),
                door.Operate(verb=door.Verb.HANG_UP),
                door.Operate(verb=door.Verb.ANSWER),
            )
        )
        self._wish(wish)

    def _gather(self) -> None:
        """The bell, and soon an operator who wants everybody in that call; who is not wanted any more is shown out."""
        self.press()
        for target in ("anna", "bob", "carl", "sip:nobody@10.9.9.9"):
            self._later(self._chance.choice(AGAIN_S) * 10, lambda target=target: self._wish(door.Bring(target=target, by="operator")))  # type: ignore[misc]  # as above
        self._later(self._chance.uniform(5, 40), self._show_out)

    def _show_out(self) -> None:
        life = self.place.life
        legs = () if life is None else life.calls.legs
        if legs:
            self._wish(door.Dismiss(call=door.CallName(self._chance.choice(legs).name), by="operator"))

    def _wish(self, wish: door.Input) -> None:
        self._with_life(lambda life: life.inbox.put(wish))

    def _switch_for(self, contact: str, duration_s: float) -> None:
        self._with_life(lambda life: life.switch(contact, active=True))
        self._later(duration_s, lambda: self._with_life(lambda life: life.switch(contact, active=False)))

    def _with_life(self, act: Callable[[Life], None]) -> None:
        """At a dead panel nothing happens."""
        if self.place.life is not None:
            act(self.place.life)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        self.place.town.at(delay_s, act)
