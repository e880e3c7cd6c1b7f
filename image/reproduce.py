"""`make reproduce BOARD=pi-arm64`: is the image made of its sources and locks alone? Builds the last commit twice and compares.

The second build has another folder, another cache for what is compiled, umask, language and time zone. What was downloaded is shared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from image.boards import PI, Board, board_named
from image.build import image_file
from image.keys import authority
from image.places import ROOT, cache_folder, run

DOWNLOADED = ("debs", "python", "sysroot", "builder")
ELSEWHERE = {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8"}


def main(board: Board) -> None:
    """Print both hashes. Raises SystemExit when they differ, with the first byte where they do."""
    with tempfile.TemporaryDirectory(dir=cache_folder("work")) as temporary:
        top = Path(temporary)
        images = [
            built(board, top / "one", top / "cache-one", umask=0o022),
            built(board, top / "another/folder", top / "cache-two", umask=0o077, **ELSEWHERE),
        ]
        hashes = [run("sha256sum", image).split()[0] for image in images]
        for image, digest in zip(images, hashes, strict=True):
            print(f"{digest}  {image.relative_to(top)}")
        if hashes[0] != hashes[1]:
            said = subprocess.run(("cmp", *map(str, images)), capture_output=True, text=True, check=False).stdout
            raise SystemExit(f"the two builds differ: {said}")
    print("two builds, the same bytes")


def built(board: Board, sources: Path, cache: Path, *, umask: int, **environ: str) -> Path:
    """The image of the last commit, made in a fresh checkout at `sources`."""
    run("git", "clone", "--quiet", "--shared", ROOT, sources)
    cache.mkdir()
    for name in DOWNLOADED:
        (cache / name).symlink_to(cache_folder(name))
    out = sources / "out/image"
    given = {"PORTERO_IMAGE_CACHE": str(cache), "PORTERO_UPDATE_CA": str(authority()), **environ}
    command = (sys.executable, "-m", "image.build", "--board", board.name, str(out))
    done = subprocess.run(command, cwd=sources, env={**os.environ, **given}, umask=umask, check=False)
    if done.returncode:
        raise SystemExit(f"the build in {sources} failed")
    return image_file(out, board)


if __name__ == "__main__":
    main(board_named(sys.argv[1]) if len(sys.argv) > 1 else PI)
