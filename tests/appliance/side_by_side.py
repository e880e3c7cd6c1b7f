"""`make emulate`: several doors side by side, each on a board and in a network of its own, because boards mostly wait.

    python -m tests.appliance.side_by_side [--door]

One door is flashed, configured by one file and switched on. Once it is registered, those for updates go on from what it is at that
moment, memory and card, as if each of them had come so far by itself. `--door`: without these.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from image.places import ROOT

OUT = ROOT / "out" / "emulate"
FOLDER = "tests/appliance"
GO_ON_FROM, KEEP_AT = "PORTERO_GO_ON_FROM", "PORTERO_KEEP_AT"  # folders: another door's moment; where others wait for this one's
LATER = 5  # of all priorities: sound is heard at the first door, which comes first


class Part(NamedTuple):
    """One run of pytest. `role`: the variable that says whether its door is the one that others go on from; `nice` as nice(1) has it."""

    name: str
    files: tuple[str, ...]
    role: str = ""
    nice: int = 0


DOOR = (
    Part("door", ("test_door.py", "test_misfortunes.py"), KEEP_AT),
    Part("raspberry", ("test_raspberry_pi.py",), nice=LATER),
)
UPDATES = (
    Part("update", ("test_update.py",), GO_ON_FROM, LATER),
    Part("way-back", ("test_way_back.py",), GO_ON_FROM, LATER),
    Part("new-start", ("test_new_start.py",), GO_ON_FROM, LATER),
)


class Run:
    """A part at work. What it says is said with its name before it."""

    def __init__(self, part: Part, moment: Path) -> None:
        self.part = part
        words = ("nice", "-n", str(part.nice), "unshare", "--net", sys.executable, "-m", "pytest", "-q", "-s", "--durations=0")
        environment = {**os.environ, "PORTERO_PART": part.name, **({part.role: str(moment)} if part.role else {})}
        self.process = subprocess.Popen(
            (*words, *(f"{FOLDER}/{name}" for name in part.files)),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._say, name=part.name)
        self._reader.start()

    def _say(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip(" .\n"):
                print(f"{self.part.name:10}{line}", end="", flush=True)

    def end(self) -> int:
        """Wait for its end; its exit code."""
        code = self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def never(moment: Path) -> Path:
    """The file that says that there will be no such moment."""
    return moment.with_suffix(".never")


def side_by_side(parts: tuple[Part, ...]) -> dict[str, int]:
    """Run the parts; their exit codes by name. When the first one ends without a registered door nobody waits for it any more."""
    with tempfile.TemporaryDirectory(prefix="portero-emulate-") as folder:
        moment = Path(folder) / "registered"
        runs = [Run(part, moment) for part in parts]
        while (first := runs[0].process.poll()) is None and not moment.exists():
            time.sleep(0.5)
        if first is not None and not moment.exists():
            never(moment).touch()
        return {run.part.name: run.end() for run in runs}


def main(words: list[str]) -> int:
    """The exit code: 0 when every part is green."""
    parts = DOOR if "--door" in words else DOOR + UPDATES
    for part in parts:
        (OUT / part.name / "figures.json").unlink(missing_ok=True)
    begun = time.monotonic()
    codes = side_by_side(parts)
    took_s = time.monotonic() - begun
    figures: dict[str, object] = {}
    for part in parts:
        file = OUT / part.name / "figures.json"
        figures |= json.loads(file.read_text()) if file.exists() else {}
    figures["the whole run"] = {"value": round(took_s, 1), "unit": "s", "how": " beside ".join(part.name for part in parts)}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    red = [name for name, code in codes.items() if code]
    print(f"the whole run took {took_s:.0f} s; {'not green: ' + ', '.join(red) if red else 'every part is green'}")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
