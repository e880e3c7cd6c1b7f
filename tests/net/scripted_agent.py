"""An agent that does as the test says: the five verbs, and a record of what was called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from firmware.sip.events import Command, Effect, Input

Reaction = Callable[[Input, float], None]


class ScriptedAgent:
    """Records every verb; `react` is called with each input and may append to `effects`."""

    def __init__(self) -> None:
        self.inputs: asyncio.Queue[Input] = asyncio.Queue()
        self.commands: list[Command] = []
        self.rings: asyncio.Queue[float] = asyncio.Queue()
        self.effects: list[Effect] = []
        self.deadline_s: float | None = None
        self.react: Reaction = lambda news, now_s: None
        self.on_command: Callable[[Command], None] = lambda command: None

    def receive(self, news: Input, now_s: float) -> None:
        self.inputs.put_nowait(news)
        self.react(news, now_s)

    def command(self, cmd: Command, now_s: float) -> None:
        self.commands.append(cmd)
        self.on_command(cmd)

    def handle_timer(self, now_s: float) -> None:
        self.deadline_s = None
        self.rings.put_nowait(now_s)

    def next_deadline(self) -> float | None:
        return self.deadline_s

    def take_effects(self) -> tuple[Effect, ...]:
        taken, self.effects = tuple(self.effects), []
        return taken
