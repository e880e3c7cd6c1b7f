"""The locks' promises.

- A relay is closed no longer than its maximum, unless it is held, and closes only in the instant in which a granted reason was recorded, or
  at once by the exit contact itself.
- Whoever presses the exit button is let out, whatever the program, the journal and the network do.
- A lock that is locked stays shut, relays are blocked after tampering, and a lock-out holds, also after a restart.
- A code opens only in a call that is up and was placed to, or allowed from, a listed party who typed it.
- A PIN opens only after it was typed, and a counted user no more often than was granted, however often the process is killed.
- Where flats are dialled only what follows a star, or a card, is a PIN: neither opens a number, nor has who dials guessed.
"""

from __future__ import annotations

from collections import Counter

from firmware.config.schema import Settings
from firmware.door import events as door
from hw.api import ContactEdge, RelayEdge
from hw.simulated import SimulatedBoard
from tests.sim.station.clockwork import Clock
from tests.sim.station.tenants import TENANTS

EXACT_S = 0.001  # two things of the same instant, in floats
LATE_S = 3.0  # from the door's decision to the journal's answer on a sick card and a busy processor
REST_S = 1.0  # after its maximum a relay rests: nothing closes it for so long (hw.relay_timer)
CARD = "c"  # among the keys of a keypad: a card was shown, which may wait for its PIN there
TYPED_S = 60.0  # how long ago the first digit of a code may have left the phone: lost INFOs are repeated for as long


class LockWitness:
    """Shares its list of problems with the witness of the whole."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.problems: list[str] = []
        self._clock = clock
        self._locks = {lock.name: lock for lock in settings.lock}
        self._exits = {contact.name: contact.lock for contact in settings.contact if contact.kind == "exit"}
        self._targets = {target.name: target for target in settings.target}
        self._codes = {code.name: code.code.reveal() for code in settings.code}
        self._recorded_s: dict[str, float] = {}  # by lock: when an opening was last recorded
        self._wanted_out: dict[str, int] = {}  # by lock: exit presses that the program has not recorded yet
        self._closed_s: dict[str, float] = {}  # by lock: since when it is closed, or no longer held
        self._let_go_s: dict[str, float] = {}
        self._row_s: dict[str, float] = {}  # by lock: when the closings began that count as one
        self._began_s = 0.0  # this life
        self._held: set[str] = set()
        self._modes: dict[str, tuple[door.LockMode, bool]] = {}  # with whether that outlives the process
        self._blocked = (0.0, True)  # after tampering: until when, and the same
        self._lockouts: dict[str, tuple[float, bool]] = {}  # by party: until when, and the same
        self._up: dict[str, str] = {}  # calls that are up, and their party
        self._placed: dict[str, str] = {}
        self._uses: Counter[str] = Counter()  # openings by each user of the store
        self._typed: dict[str, list[tuple[float, str]]] = {}  # by party: what its phone has sent

    def problem(self, text: str) -> None:
        self.problems.append(f"{self._clock.now_s:.3f} {text}")

    def begin_life(self) -> None:
        self._began_s = self._clock.now_s
        self._wanted_out.clear()
        self._modes = {lock: (mode, True) for lock, (mode, durable) in self._modes.items() if durable}
        self._blocked = self._blocked if self._blocked[1] else (0.0, True)
        self._lockouts = {party: (until_s, True) for party, (until_s, durable) in self._lockouts.items() if durable}
        self._recorded_s.clear()
        self._held.clear()
        self._up.clear()
        self._placed.clear()

    def end_life(self) -> None:
        for lock in self._closed_s:
            self.problem(f"the process ended, and {lock} stays open")

    def typed(self, party: str, digit: str) -> None:
        """A phone sends a digit."""
        recent = [(at_s, sign) for at_s, sign in self._typed.get(party, []) if at_s > self._clock.now_s - TYPED_S]
        self._typed[party] = [*recent, (self._clock.now_s, digit)]

    def placed(self, call: str, target: str) -> None:
        self._placed[call] = target

    # --- records

    def written(self, records: tuple[door.DoorRecord, ...], *, durable: bool) -> None:
        """The journal has, or has not, taken these: what they grant may happen from now on."""
        for record in records:
            match record:
                case door.KeypadRefused(keypad=keypad, fault=door.CodeFault.WRONG):
                    self._check_guess(keypad)
                case _:
                    pass
            match record:
                case door.Unlocked(lock=lock, grant=grant):
                    self._recorded_s[lock] = self._clock.now_s
                    if grant is door.Grant.EXIT and lock in self._exits.values():
                        self._walked_out(lock)
                    self._check_grant(record)
                case door.LockHeld(lock=lock, held=held):
                    if held:
                        self._recorded_s[lock] = self._clock.now_s
                        self._held.add(lock)
                    elif lock in self._held:
                        self._held.discard(lock)
                        if lock in self._closed_s:  # and now it must open
                            self._closed_s[lock] = self._clock.now_s
                            self._clock.at(self._locks[lock].max_closed_s + 2 * EXACT_S, lambda lock=lock: self._check_length(lock))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                case door.LockModeChanged(lock=lock, mode=mode):
                    self._modes[lock] = (mode, durable)
                case door.RelaysBlocked(for_s=for_s):
                    self._blocked = (self._clock.now_s + for_s - LATE_S, durable)
                case (
                    door.CodeRefused(party=who, lockout_s=lockout_s)
                    | door.CardRefused(reader=who, lockout_s=lockout_s)
                    | door.KeypadRefused(keypad=who, lockout_s=lockout_s)
                ):
                    if lockout_s > 0:
                        known_s, was_durable = self._lockouts.get(who, (0.0, False))
                        until_s = self._clock.now_s + lockout_s - LATE_S
                        self._lockouts[who] = (max(known_s, until_s), durable or (was_durable and known_s >= until_s))
                case _:
                    pass

    def _walked_out(self, lock: str) -> None:
        """Each opening for a request to exit was wanted by somebody in this life."""
        if not self._wanted_out.get(lock):
            self.problem(f"{lock} was opened for a request to exit, and nobody made one")
        self._wanted_out[lock] = self._wanted_out.get(lock, 0) - 1

    def observed(self, record: door.DoorRecord) -> None:
        match record:
            case door.Answered(call=call, party=party):
                self._up[call] = party
            case door.CallEnded(call=call):
                self._up.pop(call, None)
            case door.Pressed(flat=flat) if flat:
                self._check_dialled(record)
            case _:
                pass

    def _check_grant(self, record: door.Unlocked) -> None:
        mode, _ = self._modes.get(record.lock, (door.LockMode.NORMAL, True))
        if mode is door.LockMode.LOCKED and record.grant is not door.Grant.EXIT:
            self.problem(f"{record.lock} is locked, and {record.grant.value} opens it")
        if self._clock.now_s < self._blocked[0] and not (record.grant is door.Grant.EXIT and record.lock in self._exits.values()):
            self.problem(f"the relays are blocked after tampering, and {record.grant.value} opens {record.lock}")
        if record.grant in (door.Grant.CODE, door.Grant.CARD, door.Grant.PIN, door.Grant.CARD_AND_PIN):
            # The chained lock opens by the right of the first, and later.
            who = record.party.removeprefix("keypad ").removeprefix("reader ") or "wall"
            until_s, _ = self._lockouts.get(who, (0.0, True))
            if until_s - self._clock.now_s > 0 and not self._is_chained(record.lock):
                self.problem(f"{who} is locked out until {until_s:.3f}, and opens {record.lock}")
        if record.grant is door.Grant.CODE and not self._is_chained(record.lock):
            self._check_code(record)
        elif record.who in TENANTS and not self._is_chained(record.lock):
            self._check_tenant(record)

    def _check_tenant(self, record: door.Unlocked) -> None:
        tenant = TENANTS[record.who]
        self._uses[record.who] += 1
        if tenant.uses is not None and self._uses[record.who] > tenant.uses:
            self.problem(f"{record.who} opens {record.lock} for the {self._uses[record.who]}th time, and had {tenant.uses} uses")
        if tenant.needs_card and record.grant is not door.Grant.CARD_AND_PIN:
            self.problem(f"{record.who} opens {record.lock} by {record.grant.value} alone")
        digits = self._signs(record.party).replace(CARD, "")  # another's card does not end what is being typed
        begun = f"*{tenant.pin}" if record.grant is door.Grant.PIN else tenant.pin
        if record.grant is not door.Grant.CARD and begun not in digits:
            self.problem(f"{record.who} opens {record.lock}, and at the {record.party} was typed {digits}")

    def _signs(self, party: str) -> str:
        return "".join(sign for _, sign in self._typed.get(party, []))

    def _check_guess(self, keypad: str) -> None:
        digits = self._signs(f"keypad {keypad}")
        if "*" not in digits and CARD not in digits:
            self.problem(f"whoever dialled at {keypad} counts as guessing: {digits}")

    def _check_dialled(self, record: door.Pressed) -> None:
        digits = self._signs(f"keypad {record.button}").replace(CARD, "")
        if record.flat.partition(" ")[0] not in digits:
            self.problem(f"{record.flat} is rung, and at {record.button} was typed {digits}")

    def _is_chained(self, lock: str) -> bool:
        return any(other.then == lock for other in self._locks.values())

    def _check_code(self, record: door.Unlocked) -> None:
        target = self._targets.get(record.party)
        call = record.call or ""
        if self._up.get(call) != record.party:
            self.problem(f"a code opens {record.lock} for {record.party} in {call}, which is not up")
        if target is None:
            self.problem(f"a code opens {record.lock} for {record.party}, who is not listed")
        elif self._placed.get(call) not in (target.uri, target.fallback_uri):
            self.problem(f"a code opens {record.lock} in {call}, which was not placed to {record.party}")
        elif target.locks is not None and record.lock not in target.locks:
            self.problem(f"{record.party} may not open {record.lock}, and does")
        digits = self._signs(record.party)
        code = self._codes[record.who]
        # By two ways at once the phone sends each digit twice; ours are counted when they leave, once a stroke.
        if not _is_within(code, digits):
            self.problem(f"code {record.who} opens {record.lock}, and {record.party} typed {digits}")

    # --- the wall

    def contact_moved(self, event: ContactEdge, board: SimulatedBoard) -> None:
        """The exit contact has closed its relay before anybody hears of it. One that is found pressed at the start opens nothing."""
        lock = self._exits.get(event.contact)
        if lock is None or not event.active:
            return
        if self._clock.now_s - self._began_s < EXACT_S:
            return
        self._wanted_out[lock] = self._wanted_out.get(lock, 0) + 1
        if not board.relay(lock).closed and not self._rests(lock):
            self.problem(f"{event.contact} was pressed, and {lock} stayed shut")

    def _rests(self, lock: str) -> bool:
        """Its maximum is over, and nothing closes it before it has rested."""
        now_s = self._clock.now_s
        has_rested = now_s - self._let_go_s.get(lock, -REST_S) >= REST_S
        return not has_rested and now_s - self._row_s[lock] >= self._locks[lock].max_closed_s - EXACT_S

    def relay_moved(self, event: RelayEdge) -> None:
        lock, now_s = event.relay, self._clock.now_s
        if not event.closed:
            self._let_go_s[lock] = now_s
            self._check_length(lock)
            self._closed_s.pop(lock, None)
            return
        self._closed_s[lock] = now_s
        self._clock.at(self._locks[lock].max_closed_s + 2 * EXACT_S, lambda: self._check_length(lock))
        if now_s - self._let_go_s.get(lock, -REST_S) >= REST_S:
            self._row_s[lock] = now_s
        if event.by is not None:
            if self._exits.get(event.by) != lock:
                self.problem(f"{event.by} closed {lock}")
            return
        if now_s - self._recorded_s.get(lock, -1.0) > EXACT_S:
            self.problem(f"{lock} opened, and no reason was recorded")

    def _check_length(self, lock: str) -> None:
        closed_s = self._clock.now_s - self._closed_s.get(lock, self._clock.now_s)
        if lock not in self._held and closed_s > self._locks[lock].max_closed_s + EXACT_S:
            self.problem(f"{lock} was open for {closed_s:.3f} s, its maximum is {self._locks[lock].max_closed_s:g} s")


def _is_within(code: str, digits: str) -> bool:
    """Whether the digits of the code appear in order: others may have been lost, or come between."""
    rest = iter(digits)
    return all(digit in rest for digit in code)
