"""The house plan as a test: who may import whom, what the pure rooms may not touch, and the sizes that keep files readable."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 500
FUNCTION_LINES_MAX = 60
BANNED_FILE_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}

# A room may import the rooms and third-party packages named here, and the standard library unless it is pure.
MATRIX: dict[str, set[str]] = {
    "firmware.csv_rows": set(),
    "firmware.deadline": set(),
    "firmware.errors": set(),
    "firmware.hashes": set(),
    "firmware.ids": set(),
    "firmware.kernel_file": set(),
    "firmware.kind": set(),
    "firmware.listening": set(),
    "firmware.service_file": set(),
    "firmware.stun": {"firmware.hashes"},
    "firmware.sdp": {"firmware.errors", "firmware.ids", "firmware.kind"},
    "firmware.sip": {"firmware.errors", "firmware.hashes", "firmware.ids", "firmware.kind", "firmware.sdp", "firmware.stun"},
    "firmware.net": {
        "firmware.errors",
        "firmware.ids",
        "firmware.kind",
        "firmware.listening",
        "firmware.sip.agent",
        "firmware.sip.events",
        "firmware.sip.framing",
        "firmware.sip.uri",
        "dns",
    },
    "firmware.ice": {"firmware.errors", "firmware.sdp", "firmware.stun"},
    "firmware.media": {"firmware.errors", "firmware.ids", "firmware.kind", "firmware.sdp", "firmware.stun", "hw.api"},
    "firmware.door": {"firmware.errors", "firmware.hashes", "firmware.ids", "firmware.kind"},
    "firmware.config": {"firmware.csv_rows", "firmware.errors", "firmware.hashes", "firmware.ids"},
    "firmware.outlets": {
        "firmware.deadline",
        "firmware.errors",
        "firmware.hashes",
        "firmware.ids",
        "firmware.kernel_file",
        "firmware.listening",
        "firmware.service_file",
        "firmware.door.access",
        "firmware.door.directory",
        "firmware.door.events",
        "firmware.config",
        "firmware.sip.body.xml_document",  # the one XML parser
    },
    "firmware.app": {"firmware", "hw"},
    "firmware.demo": {"firmware", "hw"},
    "firmware.cli": {"firmware", "hw"},
    "firmware.__main__": {"firmware.cli"},
    "hw": {"hw"},
    "native": {"native", "cffi", "setuptools"},
    "image": {"image"},
}
# One third-party library a file.
THIRD_PARTY_FILES = {
    "firmware/hashes.py": {"_sha256", "_sha2"},  # of the interpreter itself, until Python 3.11 and since 3.12
    "firmware/media/binding.py": {"cffi", "firmware.media._pm"},
    "firmware/media/core_structs.py": {"firmware.media._pm"},
    "firmware/media/echo_canceller.py": {"firmware.media._pm"},
    "firmware/media/playout.py": {"firmware.media._pm"},
    "firmware/media/codec_libraries.py": {"firmware.media._opus", "firmware.media._spandsp"},
    "firmware/media/srtp.py": {"firmware.media._pm_srtp"},
    "firmware/media/dtls.py": {"firmware.media._pm_dtls"},
    "firmware/media/certificate.py": {"firmware.media._pm_certificate"},
    "firmware/outlets/mqtt/link.py": {"aiomqtt"},
    "firmware/outlets/web/exchange.py": {"h11"},
    "hw/pins.py": {"gpiozero"},
    "hw/alsa.py": {"alsaaudio"},
    "hw/serial_port.py": {"serial"},
}
PURE = ("firmware/sip", "firmware/sdp", "firmware/stun", "firmware/ice", "firmware/door", "firmware/outlets/voicexml", "hw/decode")
IMPURE_MODULES = {
    "asyncio", "socket", "time", "random", "secrets", "threading", "logging", "os", "select", "ssl", "subprocess", "queue",
    "multiprocessing", "concurrent", "signal", "sqlite3", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "datetime.now", "datetime.utcnow", "date.today", "datetime.datetime.now"}


def sources(*tops: str) -> list[Path]:
    return sorted(path for top in tops for path in (ROOT / top).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PLANNED = sources("firmware", "hw", "native", "image")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Whatever the file imports, calls, defines and catches: all that the tests here ask about. Each file is read once."""
    kinds = ast.Import | ast.ImportFrom | ast.Call | ast.FunctionDef | ast.AsyncFunctionDef | ast.ExceptHandler
    return tuple(node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that the file imports, with its line; also inside functions and under TYPE_CHECKING."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                is_module = (ROOT / (whole.replace(".", "/") + ".py")).exists() or (ROOT / whole.replace(".", "/")).is_dir()
                yield node.lineno, whole if is_module or alias.name.startswith("_") else node.module or ""


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def room_of(module: str) -> str:
    """The narrowest room around the module; "" for one that stands in none."""
    return max((room for room in MATRIX if within(module, room)), key=len, default="")


def allowed(path: Path, room: str, imported: str) -> bool:
    if imported.split(".")[0] in sys.stdlib_module_names or within(imported, room):
        return True
    permitted = MATRIX[room] | THIRD_PARTY_FILES.get(str(path.relative_to(ROOT)), set())
    return any(within(imported, other) for other in permitted)


def test_every_file_that_imports_anything_stands_in_a_room_of_the_plan() -> None:
    assert {str(path.relative_to(ROOT)) for path in PLANNED if room_of(name_of(path)) == "" for _ in imports(path)} == set()


@pytest.mark.parametrize("room", MATRIX)
def test_a_room_imports_only_what_the_matrix_allows(room: str) -> None:
    files = [path for path in PLANNED if room_of(name_of(path)) == room]
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {imported}"
        for path in files
        for line, imported in imports(path)
        if not allowed(path, room, imported)
    ]
    assert files
    assert wrong == []


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_touches_no_clock_socket_thread_or_chance(room: str) -> None:
    files = sources(room)
    modules = [
        f"{path.relative_to(ROOT)}:{line}: {name}" for path in files for line, name in imports(path) if name.split(".")[0] in IMPURE_MODULES
    ]
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node.func)}"
        for path in files
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in IMPURE_CALLS
    ]
    assert files
    assert modules + calls == []


@pytest.mark.parametrize("library", ["cffi", "gpiozero", "alsaaudio", "serial"])
def test_a_hardware_library_is_imported_in_one_file_only(library: str) -> None:
    users = {str(path.relative_to(ROOT)) for path in sources("firmware", "hw") for _, name in imports(path) if within(name, library)}
    assert users <= {file for file, libraries in THIRD_PARTY_FILES.items() if library in libraries}


def test_files_stay_within_their_size() -> None:
    code = PLANNED + sources("tests") + [p for ext in ("*.c", "*.h") for p in (ROOT / "native").rglob(ext)]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in code}
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def test_functions_stay_within_their_size() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in PLANNED
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in [*PLANNED, *sources("tests")] if path.stem in BANNED_FILE_NAMES] == []


def test_broad_except_lives_in_the_supervisor_alone() -> None:
    broad = {
        str(path.relative_to(ROOT))
        for path in sources("firmware", "hw")
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    }
    assert broad <= {"firmware/app/supervise.py"}
