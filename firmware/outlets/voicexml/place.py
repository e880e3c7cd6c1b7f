"""Where an interpreter is: in which document, dialog and item, with what variables, and how often it was there (VoiceXML 2.0 §2.1.6)."""

from __future__ import annotations

from collections.abc import Sequence

from firmware.outlets.voicexml import faults
from firmware.outlets.voicexml.dialogs import Block, Catch, Content, Dialog, Document, FormItem, Prompt, Properties, Submit
from firmware.outlets.voicexml.execution import unsupported
from firmware.outlets.voicexml.expression import as_text
from firmware.outlets.voicexml.faults import Thrown
from firmware.outlets.voicexml.scopes import Scopes


class Place:
    """One at a time; each `enter` leaves what was before. The variables are those of `scopes`."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._document = Document(dialogs=(), properties={})
        self.dialog = Dialog(line=0, id="", items=(), properties={})
        self.item: FormItem | None = None  # that is visited
        self._prompt_counts: dict[str, int] = {}
        self._event_counts: dict[tuple[str, str], int] = {}

    # --- entering -----------------------------------------------------------------------------------------------------------

    def enter_document(self, document: Document, dialog: str) -> None:
        """Its variables, then the dialog of this name ('' the first). Raises Thrown when it is not there, or for what is not known here."""
        self._document = document
        self._scopes.enter_document()
        for each in document.variables:
            self._scopes.declare(each.name, self._scopes.value(each.expr), scope="document")
        self.enter_dialog(dialog)
        if document.unsupported:
            raise unsupported(document.unsupported[0].name, document.unsupported[0].line)

    def enter_dialog(self, name: str) -> None:
        """§2.1.6.1, initialize: variables in document order, counters from their beginning. Raises as `enter_document`."""
        dialog = next((each for each in self._document.dialogs if not name or each.id == name), None)
        if dialog is None:
            raise Thrown(faults.BAD_FETCH, f"there is no dialog {name[:40]!r}")
        self.dialog, self.item = dialog, None
        self._scopes.enter_dialog()
        self._prompt_counts, self._event_counts = {}, {}
        for each in (*dialog.variables, *dialog.items):
            self._scopes.declare(each.name, self._scopes.value(each.expr), scope="dialog")
        if dialog.unsupported:
            raise unsupported(dialog.unsupported[0].name, dialog.unsupported[0].line)

    def select(self, wanted: str) -> FormItem | None:
        """§2.1.6, select: the item that a goto names, else ('') the first that is undefined and whose condition holds; None when none is
        left. It is visited from now on. Raises Thrown when there is none of that name.
        """
        for item in self.dialog.items:
            if item.name == wanted or (not wanted and self._is_open(item)):
                self.item = item
                return item
        if wanted:
            raise Thrown(faults.SEMANTIC, f"there is no item {wanted[:40]}")
        return None

    def _is_open(self, item: FormItem) -> bool:
        return self._scopes.lookup(f"dialog.{item.name}") is None and self._scopes.holds(item.cond)

    # --- what holds here ----------------------------------------------------------------------------------------------------

    @property
    def properties(self) -> Properties:
        """Those of the item that is visited, else of the dialog."""
        return self.dialog.properties if self.item is None else self.item.properties

    @property
    def catches(self) -> Sequence[tuple[Catch, ...]]:
        """From the innermost outwards."""
        return (() if self.item is None else self.item.catches, self.dialog.catches, self._document.catches)

    def happened(self, event: str) -> int:
        """How often this event has come here, this time included."""
        key = ("" if self.item is None else self.item.name, event)
        count = self._event_counts[key] = self._event_counts.get(key, 0) + 1
        return count

    def prompts(self, item: FormItem) -> list[Prompt]:
        """§4.1.6: those with the highest count that is not above the visits so far, this one included."""
        visits = self._prompt_counts[item.name] = self._prompt_counts.get(item.name, 0) + 1
        fitting = [each for each in item.prompts if each.count <= visits and self._scopes.holds(each.cond)]
        highest = max((each.count for each in fitting), default=0)
        return [each for each in fitting if each.count == highest]

    def clear(self, names: tuple[str, ...]) -> None:
        """§5.3.3: cleared items (of no names, all) are undefined, and their prompts and events count anew."""
        for name in names or tuple(item.name for item in self.dialog.items):
            self._scopes.assign(name, None)
            self._prompt_counts.pop(name, None)
            self._event_counts = {key: count for key, count in self._event_counts.items() if key[0] != name}

    def completed(self, item: FormItem) -> list[Content]:
        """§2.1.6, process: what every `<filled>` wants done that this item, which has a value now, completes."""
        contents = [each.content for each in item.filled]
        items = [each.name for each in self.dialog.items if not isinstance(each, Block)]
        for filled in self.dialog.filled:
            names = items if filled.names is None else list(filled.names)
            known = [self._scopes.lookup(f"dialog.{name}") is not None for name in names]
            if item.name in names and (any(known) if filled.is_any else all(known)):
                contents.append(filled.content)
        return contents

    def fields(self, submit: Submit) -> tuple[tuple[str, str], ...]:
        """What a `<submit>` sends: the variables that it names, else those of the items that have a name of their own."""
        own = tuple(item.name for item in self.dialog.items if not item.name.startswith("$") and not isinstance(item, Block))
        values = [(name, self._scopes.lookup(name)) for name in (own if submit.names is None else submit.names)]
        return tuple((name, as_text(value)) for name, value in values if value is not None)
