"""Builds the native modules: cffi API mode, stable ABI, one build for every Python from 3.11 on.

`_pm` is the media core. Large libraries come in modules of their own, loaded by whoever needs them: the codecs in `_opus` and `_spandsp`,
libsrtp2 in `_pm_srtp`, OpenSSL in `_pm_dtls` and `_pm_certificate`.

setuptools calls `BuildCore` through `[tool.setuptools.cmdclass]`. What the interpreter sees of the core is `include/pm_types.h`, read as it
stands, and `pm.cdef.h`; the compiler checks every declaration against the C sources.
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
# Module -> its declarations, and the header that holds them in C.
SEAMS = {
    "firmware.media._pm_srtp": ("pm_srtp.cdef.h", "pm_srtp.h"),
    "firmware.media._pm_dtls": ("pm_dtls.cdef.h", "pm_dtls.h"),
    "firmware.media._pm_certificate": ("pm_certificate.cdef.h", "pm_certificate.h"),
}
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
    elif module in SEAMS:
        cdef, header = SEAMS[module]
        ffi.cdef((NATIVE / cdef).read_text(encoding="utf-8"))
        ffi.set_source(module, f'#include "{header}"\n')
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
        """Generate the wrapper, then compile it together with the module's own sources."""
        if ext.name == CORE or ext.name in DRIVERS or ext.name in SEAMS:
            wrapper = Path(self.build_temp) / f"{ext.name.rpartition('.')[2]}.c"
            write_wrapper(ext.name, wrapper)
            ext.sources = [*ext.sources, str(wrapper)]
        super().build_extension(ext)
