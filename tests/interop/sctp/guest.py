"""A kernel that has SCTP, for machines whose own has none: Debian's user-mode Linux, with this machine's root read-only below it.

`python -m tests.interop.sctp.guest` boots it, runs calls.py inside, and exits as the tests did. It takes no privileges and touches no file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
LIMIT_S = 840  # a boot takes three seconds, the tests half a minute; a machine with twenty others at work took over five minutes
ENDED = "guest: tests ended with "


def run_tests() -> tuple[int, str]:
    """The exit status of the tests inside, and all that the guest has said. 1 when it ended without a word on them."""
    with tempfile.TemporaryDirectory(prefix="portero-guest-") as folder:
        command = [
            "linux.uml",
            "mem=768M",
            "root=root",
            "rootfstype=hostfs",
            "hostfs=/",
            "ro",
            f"init={TREE}/tests/interop/sctp/init.sh",
            "con=null",
            "con0=null,fd:1",
            "ssl=null",
            "quiet",
            f"uml_dir={folder}",
            f"PORTERO_TREE={TREE}",
            f"PORTERO_PYTHON={sys.executable}",
        ]
        # Its memory is a file in TMPDIR; a tmpfs mounted noexec would not do.
        environment = {**os.environ, "TMPDIR": folder}
        none, pipe, same = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
        done = subprocess.run(command, stdin=none, stdout=pipe, stderr=same, timeout=LIMIT_S, env=environment, check=False)
    said = done.stdout.decode(errors="replace").replace("\r", "")
    last = [line for line in said.splitlines() if line.startswith(ENDED)]
    return (int(last[0].removeprefix(ENDED)) if last else 1), said


def main() -> int:
    """Show what the guest says."""
    status, said = run_tests()
    print(said)
    return status


if __name__ == "__main__":
    sys.exit(main())
