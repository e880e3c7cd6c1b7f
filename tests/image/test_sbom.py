"""The bill of materials and the comparison with known holes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from image import cve, locked
from image.sbom import Part, debian_parts, document, python_parts

OPENSSL = Part("deb", "libssl3", "3.0.15-1~deb12u1", "arm64", "openssl", "a" * 64)


def test_the_document_names_every_package_of_the_lock_with_its_hash() -> None:
    packages = json.loads(document(python_parts()))["packages"]
    named = {(each["name"], each["versionInfo"], each["checksums"][0]["checksumValue"]) for each in packages if "checksums" in each}
    assert named == {(each.name, each.version, each.sha256) for each in locked.read()}


def test_the_same_parts_make_the_same_document_in_any_order() -> None:
    parts = [*python_parts(), OPENSSL]
    assert document(parts) == document(reversed(parts))


def test_identities_are_unique_and_relations_lead_to_them() -> None:
    whole = json.loads(document([*python_parts(), OPENSSL]))
    identities = [each["SPDXID"] for each in whole["packages"]]
    assert len(set(identities)) == len(identities)
    assert {each["relatedSpdxElement"] for each in whole["relationships"]} == set(identities)


def test_a_debian_lock_becomes_parts() -> None:
    listing = f"# head\nlibssl3 3.0.15-1~deb12u1 arm64 openssl {'a' * 64}\n"
    assert debian_parts(listing, "") == [OPENSSL]
    assert debian_parts(listing) == [OPENSSL._replace(release="bookworm")]


def test_parts_come_back_from_the_document() -> None:
    assert cve.Part("deb", "libssl3", "3.0.15-1~deb12u1", "openssl") in cve.parts(document([OPENSSL]))


def test_what_is_no_spdx_document_is_refused() -> None:
    with pytest.raises(SystemExit, match="no SPDX document"):
        cve.parts('{"components": []}')


def tracker(status: str, fixed: str = "", urgency: str = "high") -> dict[str, object]:
    return {"openssl": {"CVE-2099-0001": {"releases": {"bookworm": {"status": status, "fixed_version": fixed, "urgency": urgency}}}}}


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (tracker("open"), ["CVE-2099-0001"]),
        (tracker("resolved", "3.0.16-1~deb12u1"), ["CVE-2099-0001"]),
        (tracker("resolved", "3.0.15-1~deb12u1"), []),  # this is the fixed version
        (tracker("resolved", "0"), []),  # the release never had it
        (tracker("open", urgency="unimportant"), []),
        ({"curl": {}}, []),
    ],
)
def test_a_debian_package_has_the_holes_that_the_tracker_knows(data: dict[str, object], names: list[str]) -> None:
    listed = cve.parts(document([OPENSSL]))
    assert [hole.name for hole in cve.debian_holes(listed, data, "bookworm")] == names


KERNELS = {
    "linux": {
        "CVE-2099-0003": {
            "releases": {
                "bookworm": {"status": "resolved", "fixed_version": "6.1.200-1"},
                "trixie": {"status": "resolved", "fixed_version": "6.12.100-1"},
                "sid": {"status": "resolved", "fixed_version": "7.3.4-1"},
            }
        }
    }
}


@pytest.mark.parametrize(
    ("part", "open_"),
    [
        (Part("deb", "linux-image-6.1.0-56-arm64", "6.1.192-2", "arm64", "linux-signed-arm64", release="bookworm"), True),
        (Part("deb", "linux-image-6.1.0-58-arm64", "6.1.200-1", "arm64", "linux-signed-arm64", release="bookworm"), False),
        (Part("deb", "linux-image-6.1.0-58-arm64", "6.1.200-1", "arm64", "linux-signed-arm64", release="trixie"), True),
        # A backport is what unstable had, built anew.
        (Part("deb", "linux-modules-7.3.3", "7.3.3-1~bpo13+1", "arm64", "linux", release="trixie"), True),
        (Part("deb", "linux-modules-7.3.4", "7.3.4-1~bpo13+1", "arm64", "linux", release="trixie"), False),
        (Part("deb", "linux-image-of-an-old-sbom", "6.1.192-2", "arm64", "linux"), True),
    ],
)
def test_a_kernel_has_the_holes_of_its_source_in_the_release_that_it_is_from(part: Part, open_: bool) -> None:
    listed = cve.parts(document([part]))
    assert [hole.name for hole in cve.debian_holes(listed, KERNELS, "bookworm")] == (["CVE-2099-0003"] if open_ else [])


def advisory(folder: Path, **changed: object) -> None:
    whole: dict[str, object] = {
        "id": "GHSA-xxxx",
        "aliases": ["CVE-2099-0002"],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Dnspython"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2.0"}, {"fixed": "2.6.1"}]}],
            }
        ],
        **changed,
    }
    (folder / "GHSA-xxxx.json").write_text(json.dumps(whole))


@pytest.mark.parametrize(("version", "open_"), [("1.16", False), ("2.0.0", True), ("2.6.0", True), ("2.6.1", False), ("2.10", False)])
def test_a_python_package_has_the_holes_of_its_version(tmp_path: Path, version: str, open_: bool) -> None:
    advisory(tmp_path)
    holes = list(cve.python_holes([cve.Part("pypi", "dnspython", version, "dnspython")], tmp_path))
    assert [(hole.name, hole.fixed_in) for hole in holes] == ([("CVE-2099-0002", "2.6.1")] if open_ else [])


def test_a_withdrawn_advisory_counts_for_nothing(tmp_path: Path) -> None:
    advisory(tmp_path, withdrawn="2099-01-01T00:00:00Z")
    assert list(cve.python_holes([cve.Part("pypi", "dnspython", "2.5", "dnspython")], tmp_path)) == []


def scanned(tmp_path: Path, *words: str) -> int:
    (tmp_path / "sbom.json").write_text(document([OPENSSL]))
    (tmp_path / "tracker.json").write_text(json.dumps(tracker("open")))
    return cve.main([str(tmp_path / "sbom.json"), *words])


def test_an_open_hole_fails_the_scan_until_somebody_gives_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--debian", str(tmp_path / "tracker.json"), "--ignore", str(tmp_path / "ignored"))
    (tmp_path / "ignored").write_text("CVE-2099-0001\n")
    assert scanned(tmp_path, *given) == 1
    assert "CVE-2099-0001  openssl 3.0.15-1~deb12u1  not fixed  high" in capsys.readouterr().out
    (tmp_path / "ignored").write_text("CVE-2099-0001 the door makes no such connection\n")
    assert scanned(tmp_path, *given) == 0


def test_a_scan_that_compares_nothing_says_so(tmp_path: Path) -> None:
    assert scanned(tmp_path) == 2
