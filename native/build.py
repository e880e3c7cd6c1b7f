"""Builds the media core as the extension module `firmware.media._pm`: cffi API mode, stable ABI, one build for every Python from 3.11 on.

Codecs with a large library are modules of their own, `_opus` and `_spandsp`: who does not speak them loads neither.

setuptools calls `BuildCore` through `[tool.setuptools.cmdclass]`. The declarations that the interpreter sees are `include/pm_types.h`, read
as it stands, and `pm.cdef.h`; the compiler checks both against the C sources.
"""

from __future__ import annotations

import re
from pathlib import Path

from cffi import FFI
from setuptools import Extension
from setuptools.command.build_ext import build_ext

NATIVE = Path(__file__).parent
CORE = "firmware.media._pm"
CORE_HEADERS = ("<malloc.h>", "<sys/mman.h>", '"pm_g711.h"', '"pm_pump.h"', '"pm_seq.h"')
# Module -> the drivers that it brings, see include/pm_codec.h.
DRIVERS = {"firmware.media._opus": ("pm_opus_driver",), "firmware.media._spandsp": ("pm_g722_driver", "pm_dtmf_finder")}
CONDITIONALS = re.compile(r"^#(ifndef|define \w+$|endif|include).*$", re.MULTILINE)


def declarations() -> str:
    """What cffi parses: the shared values without their preprocessor conditionals, then the functions."""
    values = (NATIVE / "include" / "pm_types.h").read_text(encoding="utf-8")
    return CONDITIONALS.sub("", values) + (NATIVE / "pm.cdef.h").read_text(encoding="utf-8")


def write_wrapper(module: str, path: Path) -> None:
    """Write cffi's C file, which defines `module`, to `path`."""
    ffi = FFI()
    if module == CORE:
        ffi.cdef(declarations())
        ffi.set_source(module, "".join(f"#include {header}\n" for header in CORE_HEADERS))
    else:
        functions = [f"uintptr_t {driver}_address(void)" for driver in DRIVERS[module]]
        ffi.cdef("".join(f"{function};" for function in functions))
        bodies = (f"static {f} {{ return (uintptr_t)&{driver}; }}\n" for f, driver in zip(functions, DRIVERS[module], strict=True))
        ffi.set_source(module, '#include "pm_codec.h"\n#include "pm_inband.h"\n' + "".join(bodies))
    path.parent.mkdir(parents=True, exist_ok=True)
    ffi.emit_c_code(str(path))


class BuildCore(build_ext):  # type: ignore[misc]  # setuptools ships no types for its commands
    """The stock command, with cffi's wrapper generated into the build directory first."""

    def build_extension(self, ext: Extension) -> None:
        """Generate the wrapper, then compile it together with the sources."""
        if ext.name == CORE or ext.name in DRIVERS:
            wrapper = Path(self.build_temp) / f"{ext.name.rpartition('.')[2]}.c"
            write_wrapper(ext.name, wrapper)
            ext.sources = [*ext.sources, str(wrapper)]
        super().build_extension(ext)
