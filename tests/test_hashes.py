"""The interpreter's own hashes say what OpenSSL's say."""

from __future__ import annotations

import hashlib

import pytest

from firmware.hashes import compare_digest, md5, sha256


@pytest.mark.parametrize("text", [b"", b"abc", b"a" * 55, b"a" * 56, b"a" * 64, bytes(range(256)) * 40])
def test_the_hashes_agree_with_hashlib_around_every_block_edge(text: bytes) -> None:
    assert md5(text, usedforsecurity=False).digest() == hashlib.new("md5", text, usedforsecurity=False).digest()
    assert sha256(text).digest() == hashlib.new("sha256", text).digest()


def test_comparison_tells_equal_from_different_and_refuses_texts_beyond_ascii() -> None:
    assert compare_digest(b"7305", b"7305")
    assert not compare_digest(b"7305", b"7306")
    assert not compare_digest(b"7305", b"73050")
    with pytest.raises(TypeError):
        compare_digest("grün", "grün")
