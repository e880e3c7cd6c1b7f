"""The Debian package without building one: its dependencies, its unit, its scripts, its tree. Building it is tests/appliance."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from image import tree
from image.package import AROUND, HERE, package_of, placed, pythons, set_times
from image.places import ROOT
from image.targets import RELEASES


@pytest.mark.parametrize(
    ("soname", "package"),
    [
        ("libspeexdsp.so.1", "libspeexdsp1 | libspeexdsp1t64"),
        ("libasound.so.2", "libasound2 | libasound2t64"),
        ("libsrtp2.so.1", "libsrtp2-1 | libsrtp2-1t64"),
        ("libcrypto.so.3", "libssl3 | libssl3t64"),
        ("libc.so.6", ""),
        ("ld-linux-aarch64.so.1", ""),
    ],
)
def test_a_library_names_its_package(soname: str, package: str) -> None:
    assert package_of(soname) == package


def test_only_interpreters_that_the_modules_fit_are_depended_on() -> None:
    assert pythons() == ["python3 (>= 3.11~)", "python3 (<< 3.12~) | python3 (>= 3.13~)", "python3 (<< 3.14~)"]


def test_the_unit_of_the_package_names_only_its_own_places() -> None:
    unit = placed((ROOT / "systemd/portero.service").read_text())
    assert "/opt/portero" not in unit
    assert "ExecStart=/usr/lib/portero/bin/portero run" in unit


def test_every_file_around_the_program_exists() -> None:
    assert [source for source in AROUND if not (ROOT / source).is_file()] == []


@pytest.mark.parametrize("name", ["preinst", "postinst", "prerm", "postrm"])
def test_the_scripts_around_installation_are_shell(name: str) -> None:
    assert subprocess.run(["sh", "-n", str(HERE / name)], capture_output=True, check=False).stderr == b""


def test_one_folder_serves_the_python_of_every_release(tmp_path: Path) -> None:
    (tmp_path / "lib/site-packages").mkdir(parents=True)
    tree.environment(tmp_path)
    (tmp_path / "lib/site-packages/which.py").write_text("name = 'one'")
    for release in RELEASES:
        assert (tmp_path / f"lib/python{release.python}/site-packages/which.py").read_text() == "name = 'one'"
    assert (tmp_path / "bin/portero").read_text().startswith("#!/usr/lib/portero/bin/python3\n")


def test_a_wheel_is_unpacked_without_the_scripts_of_its_own(tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("some/__init__.py", "")
        file.writestr("some-1.data/scripts/some", "#!python")
    tree.unpack(wheel, tmp_path / "packages")
    assert [path.name for path in (tmp_path / "packages").rglob("*") if path.is_file()] == ["__init__.py"]


def test_tests_and_records_of_the_installer_stay_out(tmp_path: Path) -> None:
    for name in ("lib/tests/test_x.py", "lib/core.py", "lib-1.dist-info/RECORD", "lib-1.dist-info/METADATA"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    tree.prune(tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"core.py", "METADATA"}


def test_times_and_modes_do_not_depend_on_the_builder(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "program").touch(mode=0o700)
    set_times(tmp_path, 1_700_000_000)
    assert {(path.name, path.stat().st_mode & 0o777, path.stat().st_mtime) for path in tmp_path.iterdir()} == {
        ("file", 0o644, 1_700_000_000.0),
        ("program", 0o755, 1_700_000_000.0),
    }
