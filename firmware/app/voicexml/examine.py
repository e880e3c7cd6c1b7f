"""`portero check` looks at the documents of menus that lie on the device: whether they can be read, and what in them is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from firmware.app.voicexml.documents import DOCUMENT_BYTES_MAX
from firmware.config.schema import Menu
from firmware.outlets.voicexml.dialogs import Unsupported, UnsupportedItem
from firmware.outlets.voicexml.document import read
from firmware.outlets.voicexml.faults import DocumentError


def mistake_in(menu: Menu) -> str:
    """What keeps the menu's document from being used; '' when nothing does, or when it lies on a server."""
    if "://" in menu.document:
        return ""
    try:
        with Path(menu.document).open("rb") as file:
            read(file.read(DOCUMENT_BYTES_MAX + 1))
    except (OSError, DocumentError) as error:
        return f"{menu.document}: {error.strerror if isinstance(error, OSError) else error}"
    return ""


def gaps_in(menu: Menu) -> Iterator[str]:
    """What the document of a menu without mistake wants and is not there: it is thrown as an event when it is reached."""
    if "://" not in menu.document:
        for line, name in _unsupported(read(Path(menu.document).read_bytes())):
            yield f"{menu.document}: line {line}: <{name}> is not known here"


def _unsupported(value: object) -> Iterator[tuple[int, str]]:
    match value:
        case Unsupported(line=line, name=name) | UnsupportedItem(line=line, element=name):
            yield line, name
        case tuple():
            for each in value:
                yield from _unsupported(each)
        case _ if is_dataclass(value):
            for field in fields(value):
                yield from _unsupported(getattr(value, field.name))
        case _:
            pass
