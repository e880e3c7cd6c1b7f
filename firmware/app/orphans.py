"""Programs that a life of the daemon leaves behind when it begins anew.

A reload replaces the program inside of its process (`execv`). The threads that wait for other programs, a camera's or a voice's, are gone
at once, while those programs stay children of the process: nobody would hear of their end, which leaves zombies, and one that does not
heed its end would keep the camera from the life that follows. So each life begins by ending them; nothing of its own runs by then. And
the last one ends what does not end by itself: not everywhere a service manager does it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

log: Final = logging.getLogger("portero")

END_S: Final = 1.0  # how long a program may take to end before it is killed, as in its own life
LOOK_S: Final = 0.01


def end_orphans() -> int:
    """End and reap every child of this process; how many there were. To be called before this life has threads or children of its own,
    or when it needs none any more: whoever waits for one of them then is told that it has ended.

    Waits twice END_S at most: one that not even SIGKILL ends hangs in a driver, and is left to the kernel.
    """
    ended = 0
    for number in (signal.SIGTERM, signal.SIGKILL):
        ended += _reaped()
        if not _has_children():
            break
        for pid in _living():
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        until_s = time.monotonic() + END_S
        while _has_children() and time.monotonic() < until_s:
            time.sleep(LOOK_S)
            ended += _reaped()
    if ended:
        log.info("programs that were left behind, and that are ended: %d", ended)
    return ended


def _reaped() -> int:
    """How many have ended by now."""
    count = 0
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            count += 1
    return count


def _has_children() -> bool:
    """Asked of the kernel without taking anything away (waitid(2))."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _living() -> tuple[int, ...]:
    """The children by number; none where this kernel does not tell (CONFIG_PROC_CHILDREN)."""
    # proc(5): each thread has its own; those of a thread that is gone belong to another.
    places = [Path(f"/proc/self/task/{thread.native_id}/children") for thread in threading.enumerate()]
    try:
        return tuple(int(pid) for place in places if place.parent.exists() for pid in place.read_text().split())
    except OSError as error:
        log.warning("programs of the life before go on by themselves: %s", error)
        return ()
