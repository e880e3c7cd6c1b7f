"""Other systems for the flashed door: one that works, a stranger's, one cut off, one that reaches nobody; and the button inside.

The tests follow each other on one board, as the updates of a door do.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from image.bundle import make
from image.keys import development
from tests.appliance.bundles import BETTER, DEAF, GOOD, Bundles
from tests.appliance.emulator import edit, erase_data, read
from tests.appliance.figures import Figures
from tests.appliance.wall import BOOT_S, CODE, HOST, STEP_S, Wall
from tests.interop.kamailio import SECRET
from tests.net.authority import Authority

INSTALL_S, TRIAL_S = 600.0, 600.0  # a busy machine emulates slowly; each wait ends with its event
BUNDLE = "/data/trial.raucb"
ADDRESS = (HOST, 8443)
RESET = 6  # the line of the button inside the case
RESET_S = 60.0  # RuntimeWatchdogSec is 15 s
MORE = f"""
[update]
url = "https://{HOST}:{ADDRESS[1]}/door.raucb"
ca = "/boot/firmware/updates.pem"
"""
pytestmark = pytest.mark.timeout(1800)


def status(door: Wall, *lines: str, limit_s: float) -> float:
    """Until `portero update status` says all of this; how long it took, in seconds."""
    wanted = " && ".join(f"grep -q '{line}' /run/status" for line in lines)
    return door.until(f"it does not say {lines}", limit_s, f"portero update status > /run/status && {wanted}")


def slots(door: Wall) -> str:
    return read(door.card, "slots.env", door.folder)


def test_a_system_that_works_is_installed_beside_the_one_that_runs(door: Wall, made: Bundles, figures: Figures) -> None:
    bundle = made.good
    begun = time.monotonic()
    door.shell(f"cat > {BUNDLE}", INSTALL_S, given=bundle)
    figures.note("bundle copied to the door", time.monotonic() - begun, "s", f"{bundle.stat().st_size / 1e6:.0f} MB")
    begun = time.monotonic()
    door.shell(f"portero update install {BUNDLE} --no-reboot; sync", INSTALL_S)
    figures.note("bundle written into the other slot", time.monotonic() - begun, "s")
    assert slots(door).startswith("order=b a\nleft_a=9\nleft_b=3")


def test_a_kernel_that_stands_still_is_started_anew_by_the_hardware_watchdog(door: Wall, figures: Figures) -> None:
    """The next boot, whenever it comes, is the first one of the system that was installed."""
    starts = door.board.said("U-Boot 20")
    door.shell("echo 0 >/proc/sys/kernel/panic; (sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
    begun = time.monotonic()
    door.board.wait_console("U-Boot 20", RESET_S, times=starts + 1)
    assert door.board.watchdog_bites == 1
    figures.note("kernel frozen to boot loader", time.monotonic() - begun, "s", "the watchdog counts to 15 s")


def test_it_is_tried_and_confirmed(door: Wall, figures: Figures) -> None:
    begun = time.monotonic()
    status(door, f"runs *{GOOD}, slot b, confirmed", limit_s=BOOT_S + TRIAL_S)
    figures.note("boot loader to a confirmed system", time.monotonic() - begun, "s")
    assert "left_b=9" in slots(door)
    door.until("the journal does not tell", STEP_S, "portero log --kind DeviceChanged | grep -q confirmed")
    rows = door.shell("portero log --kind DeviceChanged")
    assert rows.index("installed") < rows.index("confirmed")


def test_a_bundle_of_a_stranger_and_an_old_one_are_refused(door: Wall, made: Bundles) -> None:
    small = made.folder / "small"
    small.write_bytes(bytes(range(256)) * 1024)
    for name, by, said in (
        ("stranger", development(made.folder / "strangers keys"), "its signature is not one that this device trusts"),
        ("old", development(), f"is older than {GOOD}"),
    ):
        bundle = make(made.parts._replace(root=small), made.folder / f"{name}.raucb", by)
        door.shell(f"cat > {BUNDLE}", given=bundle)
        assert said in door.shell(f"! portero update install {BUNDLE} 2>&1")
    assert slots(door).startswith("order=b a\nleft_a=9\nleft_b=9")


def test_power_that_fails_while_a_system_is_written_leaves_the_one_that_runs(door: Wall, made: Bundles, figures: Figures) -> None:
    door.shell(f"cat > {BUNDLE}", INSTALL_S, given=made.better)
    door.shell(f"systemd-run --quiet --unit=cut portero update install {BUNDLE} --no-reboot")
    until = time.monotonic() + INSTALL_S
    while "left_a=0" not in slots(door):
        assert time.monotonic() < until, "the other slot was never marked"
        time.sleep(0.2)
    time.sleep(3)  # into the writing of the root
    door.board.cut()
    text = read(door.card, "portero.toml", door.folder).replace("[system]", f"[system]\nreset_gpio = {RESET}")
    edit(door.card, "portero.toml", text + MORE, door.folder)  # for what comes next
    authority = Authority(made.folder / "authority")
    edit(door.card, "updates.pem", Path(authority.pem).read_text(), door.folder)
    authority.issue("web", f"IP:{HOST}")
    door.board.start()
    begun = time.monotonic()
    status(door, f"runs *{GOOD}, slot b, confirmed", "beside it *nothing", limit_s=BOOT_S)
    door.registered(BOOT_S)
    figures.note("cut while a system was written to registered", time.monotonic() - begun, "s")
    assert BETTER not in door.shell("portero update status")  # neither on trial nor rejected
    assert "portero-update.timer" in door.shell("systemctl list-timers --no-pager")


def test_a_system_that_reaches_nobody_gives_way_and_is_not_taken_again(door: Wall, made: Bundles, figures: Figures) -> None:
    with web(made.deaf, made.folder / "authority"):
        door.shell("systemctl start --no-block portero-update")  # as the timer does; it ends with a new start
        door.until("it was not installed", INSTALL_S, "portero log --kind DeviceChanged | grep -q 'installed version=9.3'")
        begun = time.monotonic()
        status(door, f"runs *{GOOD}, slot b, confirmed", f"rejected *{DEAF}", limit_s=2 * BOOT_S + TRIAL_S)
        door.registered(BOOT_S)
        figures.note("start of a deaf system to registered with the old one", time.monotonic() - begun, "s")
        door.until("the journal does not tell", STEP_S, "portero log --kind DeviceChanged | grep 'version=9.3' | grep -q rejected")
        assert "is not registered, which it was before the update" in door.shell("portero log --kind DeviceChanged")
        assert "the server has nothing new" in door.shell("portero update fetch", INSTALL_S)


def test_the_button_inside_makes_the_device_forget(door: Wall) -> None:
    door.board.cut()
    before = read(door.card, "portero.toml", door.folder)
    door.board.start()
    door.board.lines.set(RESET, high=False)
    door.board.wait_console("the button inside the case was held: let go of it", BOOT_S)
    door.board.lines.set(RESET, high=True)
    door.board.wait_console("the device has forgotten everything but its boot partition", BOOT_S)
    (door.folder / "known").unlink()  # it has a new key, as any new device
    door.until("the journal does not tell", BOOT_S, "portero log --kind DeviceChanged | grep -q 'change=reset'")
    assert "confirmed" not in door.shell("portero log --kind DeviceChanged")
    assert read(door.card, "portero.toml", door.folder) == before
    missing = read(door.card, "portero-mistakes.txt", door.folder)
    assert "the device does not have account.pbx.password, code.family.code" in missing


def test_a_data_partition_beyond_repair_is_made_anew(door: Wall, figures: Figures) -> None:
    """And the installer, who has read which secrets are missing, has written them into the file once more."""
    door.board.cut()
    text, moved = read(door.card, "portero.toml", door.folder), "moved to the device; write a new one here to change it"
    whole = text.replace(f'password = "{moved}"', f'password = "{SECRET}"').replace(f'code = "{moved}"', f'code = "{CODE}"')
    edit(door.card, "portero.toml", whole, door.folder)
    erase_data(door.card)
    door.board.start()
    begun = time.monotonic()
    (door.folder / "known").unlink()
    door.registered()
    figures.note("power to registered with a new data partition", time.monotonic() - begun, "s")
    door.until("the journal does not tell", STEP_S, "portero log --kind DeviceChanged | grep -q 'change=data_lost'")
    assert "reset" not in door.shell("portero log --kind DeviceChanged")
    assert not door.shell("systemctl --failed --no-legend").strip()


@contextmanager
def web(bundle: Path, keys: Path) -> Iterator[None]:
    """A web server with one bundle."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("If-None-Match") == '"one"'
            self.send_response(304 if known else 200)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(0 if known else bundle.stat().st_size))
            self.end_headers()
            if not known:
                with bundle.open("rb") as file:
                    while chunk := file.read(1 << 20):
                        self.wfile.write(chunk)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing between the figures."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "web.pem", keys / "web.key")
    with ThreadingHTTPServer(ADDRESS, Server) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
