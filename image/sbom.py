"""What is in a package or an image, part by part: an SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3) in JSON.

    python -m image.sbom FILE                  of the Python part, as the Debian package carries it
    python -m image.sbom FILE DEBIAN-LOCK      with every Debian package of an image

Two runs over the same parts write the same bytes: the document's time is that of the sources, its name follows from its content.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from image import locked
from image.places import source_epoch, version
from image.targets import BASE


class Part(NamedTuple):
    """One thing that somebody else made. `kind` is "deb" or "pypi"; `source` the name that Debian's security tracker uses."""

    kind: str
    name: str
    version: str
    architecture: str = ""
    source: str = ""
    sha256: str = ""
    release: str = ""  # the Debian release that it is from

    @property
    def url(self) -> str:
        """The package URL (github.com/package-url)."""
        space = "debian/" if self.kind == "deb" else ""
        more = [f"arch={self.architecture}"] if self.architecture else []
        more += [f"distro={self.release}"] if self.release else []
        more += [f"upstream={self.source}"] if self.source else []
        version_ = self.version.replace("+", "%2B").replace(":", "%3A")
        return f"pkg:{self.kind}/{space}{self.name}@{version_}{'?' if more else ''}{'&'.join(more)}"


def python_parts() -> list[Part]:
    """The Python packages of the lock."""
    return [Part(kind="pypi", name=each.name, version=each.version, sha256=each.sha256) for each in locked.read()]


def debian_parts(listing: str, release: str = BASE.suite) -> list[Part]:
    """The Debian packages of a lock, lines of NAME VERSION ARCHITECTURE SOURCE SHA256, which are from a release."""
    rows = [line.split() for line in listing.splitlines() if line and not line.startswith("#")]
    return [Part("deb", name, version_, architecture, source, sha256, release) for name, version_, architecture, source, sha256 in rows]


def document(parts: Iterable[Part]) -> str:
    """The SPDX document, as text."""
    listed = sorted(parts)
    name = f"portero-{version()}"
    digest = hashlib.sha256("".join(each.url + each.sha256 for each in listed).encode()).hexdigest()
    packages = [_package("SPDXRef-portero", "portero", version(), f"pkg:generic/portero@{version()}", "", "MIT")]
    packages += [_package(f"SPDXRef-{_id(each)}", each.name, each.version, each.url, each.sha256) for each in listed]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-portero")]
    relations += [("SPDXRef-portero", "CONTAINS", f"SPDXRef-{_id(each)}") for each in listed]
    whole = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"urn:portero:sbom:{digest}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(source_epoch())),
            "creators": ["Tool: image.sbom"],
        },
        "packages": packages,
        "relationships": [{"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other} for one, kind, other in relations],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _id(part: Part) -> str:
    return re.sub(r"[^A-Za-z0-9.]", "-", f"{part.kind}-{part.name}-{part.version}")


def _package(identity: str, name: str, version_: str, url: str, sha256: str, licence: str = "NOASSERTION") -> dict[str, object]:
    package: dict[str, object] = {
        "SPDXID": identity,
        "name": name,
        "versionInfo": version_,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}],
    }
    if sha256:
        package["checksums"] = [{"algorithm": "SHA256", "checksumValue": sha256}]
    return package


def main(words: list[str]) -> None:
    """Write the document to the file named first; a second name is a lock of Debian packages."""
    if not 1 <= len(words) <= 2:
        raise SystemExit("usage: python -m image.sbom FILE [DEBIAN-LOCK]")
    parts = python_parts() + (debian_parts(Path(words[1]).read_text()) if len(words) == 2 else [])
    Path(words[0]).parent.mkdir(parents=True, exist_ok=True)
    Path(words[0]).write_text(document(parts))


if __name__ == "__main__":
    main(sys.argv[1:])
