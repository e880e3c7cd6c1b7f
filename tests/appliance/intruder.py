"""Whoever has taken over the service and is root: what its AppArmor profile must deny even then."""

from __future__ import annotations

PROGRAM = """
import errno, subprocess

def tried(what, *words):
    try:
        what(*words)
    except OSError as error:
        return error.errno
    return 0

said = [tried(open, "/etc/shadow"), *(tried(open, name, "w") for name in {files}), tried(subprocess.run, ["/usr/bin/id"])]
assert said == [errno.EACCES] * len(said), said
assert tried(open, "/etc/portero/portero.toml") == 0
"""


def intruder(*files: str) -> str:
    """A program for the profile: reads secrets, makes `files`, starts another program; it fails unless the profile denies each of them."""
    return PROGRAM.format(files=files)
