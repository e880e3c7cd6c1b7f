"""How every fuzzer here runs: atheris over a seed corpus, any exception but RemoteProtocolError is a finding.

    python -m tests.fuzz.fuzz_message [SECONDS]

A fuzzer is a module `fuzz_NAME` with `one_input(data: bytes) -> None`; its `main` calls `run`. New inputs and findings go to
out/fuzz/NAME; a finding's bytes belong into tests/data with a test before the bug is fixed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

OUT = Path("out/fuzz")
DATA = Path(__file__).parent.parent / "data"
INPUT_BYTES_MAX = 8192  # long enough for every seed; longer ones only make each run slower


def run(name: str, one_input: Callable[[bytes], None], seeds: Iterable[bytes]) -> None:
    """Fuzz for the seconds of the command line (60 without); never returns, the exit status is libFuzzer's."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    corpus = OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    flags = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=25", "-rss_limit_mb=1024", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={corpus}{os.sep}finding-", str(corpus)], one_input)
    atheris.Fuzz()


def torture_seeds() -> list[bytes]:
    """The torture messages and the recorded ones."""
    return [path.read_bytes() for path in sorted((DATA / "torture").glob("*.dat")) + sorted((DATA / "sip").glob("*.dat"))]
