"""Known holes in the parts of an SBOM, from files alone: nothing is asked of the network, so an air-gapped builder can scan too.

    python -m image.cve SBOM [--debian FILE --suite bookworm] [--osv FOLDER] [--ignore FILE]

FILE is the Debian security tracker's JSON (security-tracker.debian.org/tracker/data/json); a part that does not say from which
release it is, is one of the suite named. FOLDER holds advisories for PyPI as osv.dev
exports them (PyPI/all.zip, unpacked). The file of ignored holes has lines of CVE-NAME REASON.
Exit code: 0 nothing open, 1 something, 2 nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

UNSTABLE = "sid"
HARMLESS = {"unimportant", "end-of-life"}  # the tracker's words for holes that Debian's builds do not have, and for what it no longer rates


class Hole(NamedTuple):
    """One known hole in one part."""

    name: str
    part: str
    version: str
    fixed_in: str  # empty: not fixed anywhere
    urgency: str


class Part(NamedTuple):
    """A part as the SBOM's package URL tells it."""

    kind: str
    name: str
    version: str
    source: str  # as the tracker names it
    release: str = ""


def parts(sbom: str) -> list[Part]:
    """The Debian and PyPI packages of an SPDX document. Raises SystemExit when it is none."""
    try:
        packages = json.loads(sbom)["packages"]
        urls = [reference["referenceLocator"] for package in packages for reference in package["externalRefs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"this is no SPDX document with package URLs: {error!r}") from error
    found = []
    for url in urls:
        match = re.fullmatch(r"pkg:(deb/debian|pypi)/([^@]+)@([^?]+)(?:\?(.*))?", url)
        if match is not None:
            said = parse_qs(match[4] or "")
            source, release = said.get("upstream", [match[2]])[0], said.get("distro", [""])[0]
            source = re.sub(r"linux-signed-\w+", "linux", source)  # the same kernel, signed
            found.append(Part("deb" if match[1] != "pypi" else "pypi", match[2], unquote(match[3]), source, release))
    return found


def debian_holes(listed: list[Part], tracker: dict[str, Any], suite: str) -> Iterator[Hole]:
    """Holes of Debian packages, by source package, as the tracker's JSON has them; `suite` is that of parts that do not say theirs."""
    seen = {(part.source, *release_of(part, suite)) for part in listed if part.kind == "deb"}
    for source, version, of in sorted(seen):
        for name, hole in tracker.get(source, {}).items():
            release = hole.get("releases", {}).get(of)
            if release is None or release["status"] == "undetermined" or release.get("urgency") in HARMLESS:
                continue
            fixed = release.get("fixed_version", "") if release["status"] == "resolved" else ""
            if fixed == "0" or (fixed and not older(version, fixed)):  # "0": this release never had it
                continue
            yield Hole(name, source, version, fixed, release.get("urgency", "not yet assigned"))


def release_of(part: Part, suite: str) -> tuple[str, str]:
    """Version and release to ask the tracker about, which knows no backports: those are what unstable had, built anew."""
    version, backport, _ = part.version.partition("~bpo")
    return version, UNSTABLE if backport else part.release or suite


def older(version: str, other: str) -> bool:
    """Whether one Debian version comes before another; dpkg itself compares."""
    return subprocess.run(("dpkg", "--compare-versions", version, "lt", other), check=False).returncode == 0


def python_holes(listed: list[Part], advisories: Path) -> Iterator[Hole]:
    """Holes of PyPI packages, by the advisories in a folder, one JSON file each (ossf.github.io/osv-schema)."""
    mine = {part.name: part for part in listed if part.kind == "pypi"}
    for file in sorted(advisories.glob("*.json")):
        advisory = json.loads(file.read_text())
        for affected in advisory.get("affected", ()) if "withdrawn" not in advisory else ():
            name = re.sub(r"[-_.]+", "-", affected["package"]["name"]).lower()
            part = mine.get(name)
            if part is not None and affected["package"]["ecosystem"] == "PyPI" and _affects(affected, part.version):
                fixed = [event["fixed"] for each in affected.get("ranges", ()) for event in each["events"] if "fixed" in event]
                aliases = [alias for alias in advisory.get("aliases", ()) if alias.startswith("CVE-")]
                yield Hole(min(aliases, default=advisory["id"]), name, part.version, max(fixed, default="", key=_numbers), "")


def _affects(affected: dict[str, Any], version: str) -> bool:
    if version in affected.get("versions", ()):
        return True
    for each in affected.get("ranges", ()):
        inside = False
        for event in each["events"] if each["type"] == "ECOSYSTEM" else ():
            if "introduced" in event and _numbers(version) >= _numbers(event["introduced"]):
                inside = True
            if "fixed" in event and _numbers(version) >= _numbers(event["fixed"]):
                inside = False
            if "last_affected" in event and _numbers(version) > _numbers(event["last_affected"]):
                inside = False
        if inside:
            return True
    return False


def _numbers(version: str) -> tuple[int, ...]:
    """A version by its numbers: enough to order releases, which are all that we carry."""
    return tuple(int(each) for each in re.findall(r"\d+", version))


def main(words: list[str]) -> int:
    """Print what is open; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m image.cve", description="known holes in the parts of an SBOM, offline")
    parser.add_argument("sbom", type=Path)
    parser.add_argument("--debian", type=Path, help="the Debian security tracker's JSON")
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--osv", type=Path, help="a folder of OSV advisories")
    parser.add_argument("--ignore", type=Path, help="lines of CVE-NAME REASON")
    options = parser.parse_args(words)
    listed = parts(options.sbom.read_text())
    if not listed or (options.debian is None and options.osv is None):
        print("nothing was compared: give --debian, --osv or both, and an SBOM with packages", file=sys.stderr)
        return 2
    holes = [] if options.debian is None else list(debian_holes(listed, json.loads(options.debian.read_text()), options.suite))
    holes += [] if options.osv is None else list(python_holes(listed, options.osv))
    lines = [] if options.ignore is None else options.ignore.read_text().splitlines()
    reasoned = [line.split() for line in lines if len(line.split()) > 1 and not line.startswith("#")]  # none counts without a reason
    ignored = {words[0] for words in reasoned}
    open_ = [hole for hole in sorted(holes) if hole.name not in ignored]
    for hole in open_:
        cure = f"fixed in {hole.fixed_in}" if hole.fixed_in else "not fixed"
        print(f"{hole.name}  {hole.part} {hole.version}  {cure}  {hole.urgency}".rstrip())
    print(f"{len(listed)} parts, {len(holes)} known holes, {len(holes) - len(open_)} ignored with a reason")
    return 1 if open_ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
