"""A small board's tree, compiled, and the files by which a small kernel says what it can drive."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.boards import Needs
from image.devices import Drivers, check, compatible, drivers, overlay, served, start_at_once
from image.places import run

TREE = """\
/dts-v1/;
/ {
    pins: gpio@10 { compatible = "brcm,bcm7445-gpio", "brcm,brcmstb-gpio"; };
    card: mmc@20 { compatible = "brcm,bcm2712-sdhci"; status = "okay"; };
    clock: clock { compatible = "fixed-clock"; };
    spare: i2c@30 { compatible = "snps,designware-i2c"; status = "disabled"; };
    bus@40 { dev@0,0 { compatible = "pci1de4,1"; }; };
    bare: node { };
};
"""
ALIASES = """\
# Aliases extracted from modules themselves.
alias mt8183_mt6358 soc card mt8183_mt6358
alias of:N*T*Cbrcm,bcm2712-sdhci sdhci_brcmstb
alias of:N*T*Cbrcm,bcm2712-sdhciC* sdhci_brcmstb
alias pci:v00001DE4d00000001sv*sd*bc*sc*i* rp1_pci
"""
NEEDS = Needs(tree="board.dtb", card=("card", "pins", "clock"), later=("/bus@40/dev@0,0",), drivers=("snd-usb-audio", "bcm2835_wdt"))


def compiled(folder: Path, text: str, name: str = "board") -> Path:
    source, tree = folder / f"{name}.dts", folder / f"{name}.dtb"
    source.write_text(text)
    run("dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", tree, source)
    return tree


@pytest.fixture
def board(tmp_path: Path) -> Path:
    return compiled(tmp_path, TREE)


@pytest.fixture
def kernel(tmp_path: Path) -> Drivers:
    (tmp_path / "modules.dep").write_text("kernel/sound/usb/snd-usb-audio.ko: kernel/sound/core/snd.ko\nkernel/sound/core/snd.ko:\n")
    (tmp_path / "modules.alias").write_text(ALIASES)
    (tmp_path / "modules.builtin").write_text("kernel/drivers/watchdog/bcm2835_wdt.ko\n")
    (tmp_path / "modules.builtin.modinfo").write_bytes(b"gpio_brcmstb.alias=of:N*T*Cbrcm,brcmstb-gpio\0gpio_brcmstb.license=GPL\0")
    (tmp_path / "vmlinuz").write_bytes(b"\x01fixed-clock\0\x02brcm,bcm2712-pcieX")
    return drivers(tmp_path, tmp_path, tmp_path / "vmlinuz")


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("of:N*T*Craspberrypi,rp1-gpio", "raspberrypi,rp1-gpio"),
        ("of:N*T*Craspberrypi,rp1-gpioC*", "raspberrypi,rp1-gpio"),
        ("of:NcpusT*Cmarvell,armada", "marvell,armada"),
        ("pci:v000014E4d00002712sv*sd*bc*sc*i*", "pci14e4,2712"),
        ("pci:v*d*sv*sd*bc0Csc03i30*", ""),
        ("usb:v0424pEC00d*dc*dsc*dp*ic*isc*ip*in*", ""),
    ],
)
def test_an_alias_says_what_is_driven(alias: str, name: str) -> None:
    assert served(alias) == name


@pytest.mark.parametrize(
    ("node", "names"),
    [
        ("pins", ("brcm,bcm7445-gpio", "brcm,brcmstb-gpio")),
        ("/bus@40/dev@0,0", ("pci1de4,1",)),
        ("spare", ()),  # switched off
        ("bare", ()),
        ("nowhere", ()),
        ("/nowhere", ()),
    ],
)
def test_a_node_is_found_by_label_or_path(board: Path, node: str, names: tuple[str, ...]) -> None:
    assert compatible(board, node) == names


def test_a_board_passes_whose_devices_have_drivers_in_modules_and_in_the_kernel(board: Path, kernel: Drivers) -> None:
    check(NEEDS, board, kernel, kernel)


def test_what_lacks_is_named(board: Path, kernel: Drivers) -> None:
    nothing = Drivers(frozenset(), frozenset(), b"fixed-clock\0")
    needs = NEEDS._replace(card=("card", "clock"), later=(*NEEDS.later, "spare", "pins"), drivers=("macb",))
    with pytest.raises(SystemExit) as caught:
        check(needs, board, nothing, kernel._replace(serve=kernel.serve - {"pci1de4,1"}))
    assert str(caught.value).splitlines()[1:] == [
        "card: no driver for brcm,bcm2712-sdhci",
        "spare: not in board.dtb",
        "/bus@40/dev@0,0: no driver for pci1de4,1",
        "macb: no such driver",
    ]


def test_a_name_that_only_begins_so_is_no_driver(kernel: Drivers) -> None:
    assert kernel.take(("fixed-clock",))
    assert not kernel.take(("brcm,bcm2712-pcie",))


@pytest.mark.parametrize("later", ["brcm,bcm2712d0-pinctrl", "brcm,something-else"])
def test_an_overlay_must_make_the_kernels_own_tree_of_a_board(tmp_path: Path, later: str) -> None:
    text = '/dts-v1/;\n/ {{ pins: pins@1 {{ compatible = "{}"; }}; }};\n'
    base, whole = compiled(tmp_path, text.format("brcm,bcm2712c0-pinctrl")), compiled(tmp_path, text.format(later), "later")
    source, made = tmp_path / "over.dts", tmp_path / "over.dtbo"
    source.write_text('/dts-v1/;\n/plugin/;\n&{/pins@1} { compatible = "brcm,bcm2712d0-pinctrl"; };\n')
    if later == "brcm,bcm2712d0-pinctrl":
        overlay(source, made, base=base, whole=whole)
        assert made.read_bytes()[:4] == b"\xd0\x0d\xfe\xed"
    else:
        with pytest.raises(SystemExit, match=r"is another tree than later\.dtb"):
            overlay(source, made, base=base, whole=whole)


def test_u_boot_is_told_to_listen_for_no_key(tmp_path: Path) -> None:
    source, tree = tmp_path / "board.dts", tmp_path / "board.dtb"
    source.write_text('/dts-v1/; / { compatible = "a,board"; };')
    run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", tree, source)
    for _ in range(2):  # a tree that has it already keeps it
        start_at_once(tree)
    assert run("fdtget", "-t", "x", tree, "/config", "bootdelay").strip() == "fffffffe"
    assert run("fdtget", tree, "/", "compatible").strip() == "a,board"
