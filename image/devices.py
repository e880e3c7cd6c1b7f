"""Whether a kernel can drive what a door needs of a board: by the board's device tree and by what the drivers say that they serve.

It proves no more than that: a description of each device, and a driver that calls itself the one for it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from image.boards import Needs
from image.places import run

# How a driver says what it serves (modprobe(8), alias): by a name of a device tree's `compatible`, or by two numbers of PCI Express.
TREE = re.compile(r"of:N.*?T.*?C(?P<name>.+?)(?:C\*)?")
PCI = re.compile(r"pci:v0*(?P<vendor>[0-9A-F]+)d0*(?P<device>[0-9A-F]+)sv.*")


class Drivers(NamedTuple):
    """The drivers of a kernel. `serve`: what they take, as `compatible` names it (PCI Express: pciVENDOR,DEVICE); `names`: their own."""

    serve: frozenset[str]
    names: frozenset[str]
    kernel: bytes

    def take(self, compatible: Iterable[str]) -> bool:
        """Whether one of them takes a device that is compatible with these."""
        # A driver that is built in need not say by an alias what it serves: the name stands in its table.
        return any(name in self.serve or name.encode() + b"\0" in self.kernel for name in compatible)

    def have(self, module: str) -> bool:
        """Whether there is a driver of that name."""
        return plain(module) in self.names


def plain(module: str) -> str:
    """A module's name as comparisons need it."""
    return Path(module).name.partition(".")[0].replace("-", "_")


def drivers(tree: Path, built_in: Path, kernel: Path) -> Drivers:
    """Those in the folder `tree`, /lib/modules/RELEASE after depmod(8), and in the kernel, about which the folder `built_in` knows."""
    modules = [line.partition(":")[0] for line in (tree / "modules.dep").read_text().splitlines()]
    aliases = [line.split()[1] for line in (tree / "modules.alias").read_text().splitlines() if line.startswith("alias ")]
    inside = (built_in / "modules.builtin.modinfo").read_text(errors="replace").split("\0")
    aliases += [text.partition(".alias=")[2] for text in inside]
    return Drivers(
        serve=frozenset(filter(None, map(served, aliases))),
        names=frozenset(map(plain, [*modules, *(built_in / "modules.builtin").read_text().splitlines()])),
        kernel=kernel.read_bytes(),
    )


def served(alias: str) -> str:
    """What an alias of a driver stands for, as `compatible` names it; empty when it is of another bus."""
    if match := TREE.fullmatch(alias):
        return match["name"]
    if match := PCI.fullmatch(alias):
        return f"pci{match['vendor'].lower()},{match['device'].lower()}"
    return ""


def compatible(tree: Path, node: str) -> tuple[str, ...]:
    """What a node, by its path or label, is compatible with; empty when the tree has none that is switched on."""
    path = node if node.startswith("/") else _said(tree, "/__symbols__", node)
    if not path or _said(tree, path, "status") not in ("", "okay"):
        return ()
    return tuple(_said(tree, path, "compatible").split())


def _said(tree: Path, node: str, name: str) -> str:
    done = subprocess.run(("fdtget", "-t", "s", str(tree), node, name), capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def lacking(tree: Path, nodes: Iterable[str], have: Drivers) -> list[str]:
    """What of the nodes is not described, or taken by nobody."""
    named = {node: compatible(tree, node) for node in nodes}
    absent = [f"{node}: not in {tree.name}" for node, names in named.items() if not names]
    return absent + [f"{node}: no driver for {names[0]}" for node, names in named.items() if names and not have.take(names)]


def check(needs: Needs, tree: Path, ramdisk: Drivers, root: Drivers) -> None:
    """The board reads its card by the drivers of the initial RAM disk, and has the rest by those of the root. Raises SystemExit if not."""
    missing = lacking(tree, needs.card, ramdisk) + lacking(tree, needs.later, root)
    missing += [f"{name}: no such driver" for name in needs.drivers if not root.have(name)]
    if missing:
        raise SystemExit("the kernel cannot drive what a door needs\n" + "\n".join(missing))


def overlay(source: Path, made: Path, *, base: Path, whole: Path) -> None:
    """Compile an overlay. Raises SystemExit unless `base` with it is the tree `whole`."""
    run("dtc", "-q", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", made, source)
    with tempfile.NamedTemporaryFile(suffix=".dtb") as laid:
        run("fdtoverlay", "-i", base, "-o", laid.name, made)
        if _text(Path(laid.name)) != _text(whole):
            raise SystemExit(f"{base.name} with {made.name} is another tree than {whole.name}: {source} is out of date")


def start_at_once(tree: Path) -> None:
    """Have U-Boot start without a look at its serial port and keyboard, as it finds in the board's tree (its `/config` node).

    It would listen for two seconds, and wait at its prompt for ever after anything that it hears: a card that is held at a reader on those
    pins while the power comes back, or the noise of a pin to which nothing is connected.
    """
    run("fdtput", "-p", "-t", "x", tree, "/config", "bootdelay", "fffffffe")  # -2: no delay, and no look for an abort


def _text(tree: Path) -> str:
    return run("dtc", "-q", "-s", "-I", "dtb", "-O", "dts", tree)
