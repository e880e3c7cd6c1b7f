"""What the door is asking the store of users, what was typed at keypads, and which cards wait for their PIN. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, assert_never

from firmware.door.events import AskId, CallName, LockName, TimerKey, User, UsersChanged
from firmware.door.kind import kind

ASKS_MAX = 8  # at one time, over all places; each costs 4 MiB and a tenth of a second, and one source has one at most
ASK_LIMIT_S = 5.0  # a store that does not answer for so long does not open
PIN_LIMIT_S = 15.0  # from the card to the first key, and from key to key the limit of all digits
TYPED_MAX = 17  # one more than the longest PIN: what is typed beyond cannot be right and is not remembered
ASK, PAD, SHOWN = "ask", "pad", "shown"  # timers are called by one of these, a colon, and a name


@kind
class AtKeypad(NamedTuple):
    """A PIN was typed. `card_of` names the user whose card was shown before, None when there was no card."""

    keypad: str
    lock: LockName
    card_of: str | None


@kind
class InCall(NamedTuple):
    """A code was typed in a call with `party`, to whom these locks are allowed."""

    call: CallName
    party: str
    locks: frozenset[LockName]


@kind
class AtReader(NamedTuple):
    """A card was shown, or (`held`) kept there for the time of a deliberate hold."""

    reader: str
    lock: LockName
    held: bool


Where = AtKeypad | InCall | AtReader


@kind
class Granted(NamedTuple):
    """An opening that waits only for its use to be written off."""

    user: User
    locks: tuple[LockName, ...]
    duress: bool


@kind
class Ask(NamedTuple):
    """One question to the store. `granted` None: it is asked who that is; else one use is being spent."""

    where: Where
    until_s: float
    granted: Granted | None = None


@kind
class Typed(NamedTuple):
    """Digits at a keypad that were not finished. `starred`: `*` came before them, which makes them a PIN where numbers are dialled."""

    digits: str
    until_s: float
    starred: bool = False


@kind
class Shown(NamedTuple):
    """A card that opens with its PIN only; the PIN is awaited at the keypads of the same lock."""

    user: str
    until_s: float


@kind
class Asking(NamedTuple):
    """All of it. `users` is what is known of the store as a whole."""

    asks: Mapping[AskId, Ask] = MappingProxyType({})
    next_ask: int = 1
    typed: Mapping[str, Typed] = MappingProxyType({})  # by keypad
    shown: Mapping[LockName, Shown] = MappingProxyType({})
    users: UsersChanged = UsersChanged(users=0, pin_digits=0, code_digits=0)

    def deadlines(self) -> dict[TimerKey, float]:
        """When something here must be given up."""
        found = {TimerKey(f"{ASK}:{ask}"): value.until_s for ask, value in self.asks.items()}
        found |= {TimerKey(f"{PAD}:{keypad}"): typed.until_s for keypad, typed in self.typed.items()}
        return found | {TimerKey(f"{SHOWN}:{lock}"): shown.until_s for lock, shown in self.shown.items()}

    def without_typed(self, keypad: str) -> Asking:
        return self._replace(typed={name: typed for name, typed in self.typed.items() if name != keypad})

    def without_shown(self, lock: LockName) -> Asking:
        return self._replace(shown={name: shown for name, shown in self.shown.items() if name != lock})

    def without_ask(self, ask: AskId) -> Asking:
        return self._replace(asks={each: value for each, value in self.asks.items() if each != ask})


def source_of(where: Where) -> str:
    """The name under which wrong codes from there are counted."""
    match where:
        case AtKeypad(keypad=keypad):
            return f"keypad {keypad}"
        case InCall(party=party):
            return party
        case AtReader(reader=reader):
            return f"reader {reader}"
        case never:
            assert_never(never)
