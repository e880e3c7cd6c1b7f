"""Builds the media core as the extension module `firmware.media._pm`: cffi API mode, stable ABI, one build for every Python from 3.11 on.

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
MODULE = "firmware.media._pm"
CONDITIONALS = re.compile(r"^#(ifndef|define \w+$|endif|include).*$", re.MULTILINE)


def declarations() -> str:
    """What cffi parses: the shared values without their preprocessor conditionals, then the functions."""
    values = (NATIVE / "include" / "pm_types.h").read_text(encoding="utf-8")
    return CONDITIONALS.sub("", values) + (NATIVE / "pm.cdef.h").read_text(encoding="utf-8")


def write_wrapper(path: Path) -> None:
    """Write cffi's C file, which defines the module, to `path`."""
    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source(MODULE, '#include <malloc.h>\n#include <sys/mman.h>\n#include "pm_g711.h"\n#include "pm_pump.h"\n#include "pm_seq.h"\n')
    path.parent.mkdir(parents=True, exist_ok=True)
    ffi.emit_c_code(str(path))


class BuildCore(build_ext):  # type: ignore[misc]  # setuptools ships no types for its commands
    """The stock command, with cffi's wrapper generated into the build directory first."""

    def build_extension(self, ext: Extension) -> None:
        """Generate the wrapper, then compile it together with the core."""
        if ext.name == MODULE:
            wrapper = Path(self.build_temp) / "_pm.c"
            write_wrapper(wrapper)
            ext.sources = [*ext.sources, str(wrapper)]
        super().build_extension(ext)
