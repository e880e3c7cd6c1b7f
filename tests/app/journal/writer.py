"""A nursery of writers for the kill test: forks one at each line on its input, which then writes until it is killed.

Each writer opens the journal, closes what a killed one left open, says `ready LAST_PRESS`, and acknowledges every durable row with a line.
It forks rather than starts anew because thirty interpreters would take thirty times a tenth of a second.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from firmware.app.journal.journal import Journal
from firmware.door.events import ButtonName, Outcome, Pressed, PressEnded, PressId


def say(text: str) -> None:
    os.write(1, (text + "\n").encode())


async def write_for_ever(journal: Journal, press: int) -> None:
    while True:
        press += 1
        await journal.append(Pressed(press=PressId(press), button=ButtonName("front")))
        say(f"pressed {press}")
        await journal.append(PressEnded(press=PressId(press), outcome=Outcome.ANSWERED))
        say(f"ended {press}")


def main() -> None:
    path = Path(sys.argv[1])
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            say(f"child {os.getpid()}")
            journal = Journal(path, rows_max=1_000_000, keep_days=1)
            for press in journal.close_interrupted():
                say(f"interrupted {press}")
            say("ready")
            asyncio.run(write_for_ever(journal, journal.last_press()))
        os.waitpid(child, 0)
        say("gone")


main()
