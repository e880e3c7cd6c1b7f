"""A certificate authority of the test's own, by the `openssl` program."""

from __future__ import annotations

import subprocess
from pathlib import Path

CA_CONFIG = """\
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
rand_serial = yes
copy_extensions = copy
[any]
commonName = supplied
"""


class Authority:
    """Issues certificates below `folder`; `pem` is its own, what those who trust it name as `ca`."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self.folder = folder
        self.pem = str(folder / "ca.pem")
        self._key = str(folder / "ca.key")
        folder.mkdir(parents=True, exist_ok=True)
        self._openssl("req", "-x509", *NEW_KEY, "-keyout", self._key, "-out", self.pem, "-days", "2", "-subj", f"/CN={name}")

    def issue(self, file: str, *alternatives: str, common_name: str = "nobody", expired: bool = False) -> tuple[str, str]:
        """The files of a new certificate and its key; `alternatives` such as "DNS:pbx.example"."""
        certificate, key = str(self.folder / f"{file}.pem"), str(self.folder / f"{file}.key")
        names = ("-addext", "subjectAltName=" + ",".join(alternatives)) if alternatives else ()
        subject = ("-subj", f"/CN={common_name}", *names)
        if expired:
            self._openssl("req", *NEW_KEY, "-keyout", key, "-out", f"{certificate}.csr", *subject)
            (self.folder / "index.txt").write_text("")
            (self.folder / "ca.cnf").write_text(CA_CONFIG)
            self._openssl(
                "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", self.pem, "-keyfile", self._key, "-in", f"{certificate}.csr",
                "-out", certificate, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
            )  # fmt: skip
        else:
            by = ("-x509", "-CA", self.pem, "-CAkey", self._key, "-days", "1", "-addext", "basicConstraints=CA:FALSE")
            self._openssl("req", *by, *NEW_KEY, "-keyout", key, "-out", certificate, *subject)
        return certificate, key

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
