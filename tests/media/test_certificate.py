"""The door's own certificate as Python's TLS sees it; what stands in it, the tests of the C core look at."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from firmware.errors import MediaError
from firmware.media.certificate import self_signed


def test_it_is_a_pair_that_a_server_can_use(tmp_path: Path) -> None:
    file = tmp_path / "door.pem"
    file.write_bytes(self_signed("portero.local"))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)


@pytest.mark.parametrize("name", ["", "a b", "über", "x" * 64])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(MediaError, match="no certificate could be made"):
        self_signed(name)
