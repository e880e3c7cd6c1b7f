"""Who signs updates, and whom a device believes. Real keys are named on the command line and stay with their maker; docs/updates.md.

$PORTERO_UPDATE_CA       the certificate of the authority, which goes into the image
$PORTERO_UPDATE_CERT     the certificate of whoever signs a bundle, issued by it
$PORTERO_UPDATE_KEY      its key, a file or a PKCS#11 URL

Without them an authority for development is made in out/keys, once for this checkout: whoever has that folder can update every device that
was flashed with its images, so it is for the workbench.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from image.places import OUT, run

KEYS = OUT.parent / "keys"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
DAYS = "7300"


class Signer(NamedTuple):
    """`key` may be a PKCS#11 URL."""

    authority: Path
    certificate: Path
    key: str


def authority() -> Path:
    """The certificate that goes into the image. Raises SystemExit when the one that was named is not there."""
    return _named("PORTERO_UPDATE_CA") or development().authority


def signer() -> Signer:
    """Whoever signs. Raises SystemExit when only some of the three are named, or a file is not there."""
    certificate, key = _named("PORTERO_UPDATE_CERT"), os.environ.get("PORTERO_UPDATE_KEY", "")
    given = _named("PORTERO_UPDATE_CA")
    if given is None and certificate is None and not key:
        return development()
    if given is None or certificate is None or not key:
        raise SystemExit("name all three: CA=, the authority; CERT= and KEY=, who signs (docs/updates.md)")
    if ":" not in key and not Path(key).is_file():
        raise SystemExit(f"KEY={key}: there is no such file")
    return Signer(given, certificate, key)


def _named(variable: str) -> Path | None:
    text = os.environ.get(variable, "")
    if text and not Path(text).is_file():
        raise SystemExit(f"{variable.removeprefix('PORTERO_UPDATE_')}={text}: there is no such file")
    return Path(text) if text else None


def development(folder: Path = KEYS) -> Signer:
    """The authority of this checkout and a signer below it, made when they are missing."""
    made = Signer(folder / "ca.pem", folder / "signer.pem", str(folder / "signer.key"))
    if not made.certificate.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        ca = ("-keyout", folder / "ca.key", "-out", made.authority, "-subj", "/CN=Portero development authority")
        run("openssl", "req", "-x509", *NEW_KEY, *ca, "-days", DAYS)
        half = folder / "signer.half"
        by = ("-x509", "-CA", made.authority, "-CAkey", folder / "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
        run("openssl", "req", *by, *NEW_KEY, "-keyout", made.key, "-out", half, "-subj", "/CN=Portero development signer", "-days", DAYS)
        half.rename(made.certificate)
    return made
