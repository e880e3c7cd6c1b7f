"""One caller in front of a menu: what the interpreter wants is done, and what comes of it told to it, until its last word.

Belongs to the event loop. Work that waits runs beside it, one piece at a time of each kind: a further one gives the earlier up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from firmware.errors import MediaError
from firmware.outlets.voicexml import faults
from firmware.outlets.voicexml.expression import Value
from firmware.outlets.voicexml.faults import Thrown
from firmware.outlets.voicexml.form import Interpreter
from firmware.outlets.voicexml.signals import (
    Ask,
    ClearTimer,
    Connect,
    Done,
    Effect,
    End,
    EndRecord,
    Failed,
    Fetch,
    Fetched,
    HungUp,
    Hush,
    Input,
    Note,
    Record,
    SetTimer,
    Speak,
    Spoken,
    TimeUp,
    Utterances,
)

log: Final = logging.getLogger("portero.voicexml")

PANEL: Final = "portero:panel"


class Platform(Protocol):
    """What a menu can have done in one call. Each method raises Thrown for what does not happen."""

    async def load(self, wanted: Fetch) -> tuple[str, bytes]:
        """A document: where it came from in the end, and its bytes."""
        ...

    async def say(self, utterances: Utterances) -> None:
        """Play these, and return when they were heard. Cancelled, it stops."""
        ...

    def hush(self) -> None:
        """Stop what plays."""
        ...

    async def ask(self, classid: str, params: dict[str, Value]) -> Done:
        """Do what an `<object>` stands for."""
        ...

    async def record(self, name: str, seconds_max: float, *, beep: bool, enough: asyncio.Event) -> Done:
        """Keep what the caller says, until the time is over or `enough` is set."""
        ...

    async def connect(self, dest: str, *, is_bridge: bool) -> bool:
        """Connect the caller with somebody else than the panel. True: with the panel as well."""
        ...


class Session:
    """Told of keys by `key`, of the call's end by `hung_up`. `over` is called once, with whether the caller shall be connected."""

    def __init__(
        self,
        name: str,
        session: dict[str, Value],
        platform: Platform,
        run: Callable[[Awaitable[None]], Awaitable[object]],
        over: Callable[[bool], None],
    ) -> None:
        """`run` carries out a piece of work, and survives what is wrong in it."""
        self._name = name
        self._platform = platform
        self._run = run
        self._over = over
        self._interpreter = Interpreter(session)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._works: dict[str, asyncio.Task[object]] = {}
        self._enough = asyncio.Event()
        self._connects = self._records = self._parts = False
        self._ended = False

    def start(self, url: str) -> None:
        """Load the first document, and begin."""
        self._work("wait", lambda: self._started(url))

    def receive(self, given: Input) -> None:
        """Something has happened."""
        if not self._ended:
            self._obey(self._interpreter.receive(given))

    def hung_up(self) -> None:
        """The call is over, or in other hands. What the document still submits is sent."""
        self._give_up("speak")
        self._give_up_timer()
        if self._records:
            self._parts = True
            self._enough.set()  # what was said until now is kept, and the document hears of it first
        else:
            self.receive(HungUp())

    def close(self) -> None:
        """Nothing more, whatever runs."""
        self._ended = True
        self._give_up_timer()
        for kind in tuple(self._works):
            self._give_up(kind)

    # --- what the interpreter wants -----------------------------------------------------------------------------------------

    def _obey(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            self._obey_one(effect)

    def _obey_one(self, effect: Effect) -> None:
        match effect:
            case Speak(number=number, utterances=utterances):
                self._work("speak", lambda: self._spoken(number, utterances))
            case Hush():
                self._give_up("speak")
                self._platform.hush()
            case SetTimer(seconds=seconds):
                self._give_up_timer()
                self._timer = self._loop.call_later(seconds, self.receive, TimeUp())
            case ClearTimer():
                self._give_up_timer()
            case Fetch():
                self._work("wait", lambda: self._answered(self._fetched(effect)))
            case Ask(classid=classid, params=params):
                self._work("wait", lambda: self._answered(self._platform.ask(classid, dict(params))))
            case Record():
                self._enough.clear()
                self._records = True
                record, heard = self._platform.record, self._enough
                self._work("wait", lambda: self._answered(record(effect.name, effect.seconds_max, beep=effect.beep, enough=heard)))
            case EndRecord():
                self._enough.set()
            case Connect(dest=dest, is_bridge=is_bridge):
                self._work("wait", lambda: self._answered(self._connected(dest, is_bridge=is_bridge)))
            case Note(text=text):
                log.info("menu %s: %s", self._name, text)
            case End():
                self._end()

    def _end(self) -> None:
        if not self._ended:
            self.close()
            self._over(self._connects)

    # --- work that waits ----------------------------------------------------------------------------------------------------

    async def _started(self, url: str) -> None:
        try:
            where, body = await self._platform.load(Fetch(url))
        except Thrown as thrown:
            log.error("menu %s: %s", self._name, thrown)
            self._end()
            return
        if not self._ended:
            self._obey(self._interpreter.start(where, body))

    async def _spoken(self, number: int, utterances: Utterances) -> None:
        try:
            await self._platform.say(utterances)
        except MediaError as error:
            log.error("menu %s cannot be heard: %s", self._name, error)
            self._end()
            return
        self.receive(Spoken(number))

    async def _fetched(self, wanted: Fetch) -> Fetched:
        where, body = await self._platform.load(wanted)
        return Fetched(where, body)

    async def _connected(self, dest: str, *, is_bridge: bool) -> Done:
        """§2.3.7: a transfer that has happened is an event, after which the document has nobody to speak to."""
        self._connects = dest == PANEL or await self._platform.connect(dest, is_bridge=is_bridge)
        raise Thrown(faults.TRANSFERRED, f"the caller is connected with {dest[:80]}")

    async def _answered(self, work: Awaitable[Done | Fetched]) -> None:
        given: Input
        try:
            given = await work
        except Thrown as thrown:
            given = Failed(thrown.event, thrown.message)
        self._records = False
        self.receive(given)
        if self._parts:
            self._parts = False
            self._give_up("speak")
            self.receive(HungUp())

    def _work(self, kind: str, begin: Callable[[], Awaitable[None]]) -> None:
        """One of a kind at a time. What is given up before its task has had a turn never begins."""
        if self._ended:
            return
        before = self._works.pop(kind, None)
        if before is not None and before is not asyncio.current_task():
            before.cancel()

        async def run() -> object:
            return await self._run(begin())

        task = self._works[kind] = self._loop.create_task(run())
        task.add_done_callback(lambda done: self._forget(kind, done))

    def _forget(self, kind: str, done: asyncio.Task[object]) -> None:
        if self._works.get(kind) is done:
            del self._works[kind]

    def _give_up(self, kind: str) -> None:
        task = self._works.pop(kind, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _give_up_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
