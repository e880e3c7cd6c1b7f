"""The unit as systemd itself judges it, and the installer in a staged root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
EXPOSURE_MAX = 1.7  # stated in systemd/README.md with the reason for each open line; 10 is a naked service
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environ})


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    # `verify` wants the programs to exist, and exits 0 on unknown keys: only silence is approval
    program, document, unit = tmp_path / "portero", tmp_path / "README.md", tmp_path / "portero.service"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    document.touch()
    text = (SYSTEMD / "portero.service").read_text()
    unit.write_text(text.replace("/opt/portero/bin/portero", str(program)).replace("/opt/portero/share/doc/README.md", str(document)))
    verdict = run("systemd-analyze", "verify", str(unit))
    assert (verdict.stdout + verdict.stderr, verdict.returncode) == ("", 0)


@needs_systemd
def test_the_firewall_unit_is_closed_as_well(tmp_path: Path) -> None:
    unit = tmp_path / "portero-firewall.service"
    shutil.copyfile(SYSTEMD / unit.name, unit)
    verdict = run("systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for portero-firewall\.service: ([\d.]+)", verdict.stdout)
    assert found is not None, verdict.stdout + verdict.stderr
    assert float(found[1]) <= EXPOSURE_MAX


def test_apparmor_understands_the_profile() -> None:
    parser = shutil.which("apparmor_parser", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    assert parser is not None, "install apparmor"
    verdict = run(parser, "--skip-kernel-load", "--skip-cache", str(SYSTEMD / "apparmor/portero"))
    # what the kernel of the build machine cannot enforce is a warning; a mistake in the profile is an error
    assert verdict.returncode == 0, verdict.stderr


@needs_systemd
def test_the_unit_is_as_closed_as_its_readme_says() -> None:
    verdict = run("systemd-analyze", "security", "--offline=yes", "--no-pager", str(SYSTEMD / "portero.service"))
    found = re.search(r"Overall exposure level for portero\.service: ([\d.]+)", verdict.stdout)
    assert found is not None, verdict.stdout + verdict.stderr
    assert float(found[1]) <= EXPOSURE_MAX
    assert f"**{found[1]}**" in (SYSTEMD / "README.md").read_text()


@needs_systemd
def test_the_readme_gives_a_reason_for_every_open_line() -> None:
    verdict = run("systemd-analyze", "security", "--offline=yes", "--no-pager", str(SYSTEMD / "portero.service"))
    opened = [line.split()[1] for line in verdict.stdout.splitlines() if line.startswith("✗")]
    readme = (SYSTEMD / "README.md").read_text().replace("\\|", "|")  # a bar inside a table cell
    assert opened
    assert [name for name in opened if f"`{name}`" not in readme] == []


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_the_user_is_made_and_belongs_to_the_device_groups(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    verdict = run(
        "systemd-sysusers", f"--root={tmp_path}", "--replace=/usr/lib/sysusers.d/portero.conf", str(SYSTEMD / "sysusers/portero.conf")
    )
    assert verdict.returncode == 0, verdict.stderr
    groups = (tmp_path / "etc/group").read_text()
    assert all(re.search(rf"^{group}:.*\bportero$", groups, re.MULTILINE) for group in ("gpio", "audio", "dialout"))


def staged(root: Path) -> subprocess.CompletedProcess[str]:
    return run("sh", str(SYSTEMD / "install.sh"), DESTDIR=str(root), PORTERO_SKIP_VENV="1")


def test_installing_twice_changes_nothing_that_was_edited(tmp_path: Path) -> None:
    assert staged(tmp_path).returncode == 0
    config = tmp_path / "etc/portero/portero.toml"
    assert config.stat().st_mode & 0o777 == 0o640
    config.write_text("# mine\n")
    second = staged(tmp_path)
    assert (second.returncode, second.stderr) == (0, "")
    assert config.read_text() == "# mine\n"


def test_everything_lands_where_systemd_looks(tmp_path: Path) -> None:
    staged(tmp_path)
    lib = tmp_path / "usr/local/lib"
    names = {str(path.relative_to(lib)) for path in lib.rglob("*") if path.is_file()}
    assert names == {
        "systemd/system/portero.service",
        "systemd/system/portero-firewall.service",
        "sysusers.d/portero.conf",
        "tmpfiles.d/portero.conf",
        "udev/rules.d/60-portero.rules",
    }
