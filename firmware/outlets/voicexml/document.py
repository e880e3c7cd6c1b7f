"""A VoiceXML document (2.0 and 2.1) -> `Document`: its dialogs, checked, or one DocumentError that names line and element.

What the recommendation knows and this platform does not have becomes `Unsupported` where it stands, and is thrown when it is reached; what
is no VoiceXML, or more than the limits below, is refused as a whole.
"""

from __future__ import annotations

from typing import Any, Final

from firmware.errors import RemoteProtocolError
from firmware.outlets.voicexml import grammar
from firmware.outlets.voicexml.attributes import (
    checked_name,
    count_of,
    expression_of,
    names_of,
    said_or_computed,
    time_of,
    truth_of,
    wrong,
)
from firmware.outlets.voicexml.content import SPOKEN, content, goto, prompt, speech, throw, variable
from firmware.outlets.voicexml.dialogs import (
    Block,
    Catch,
    Choices,
    Dialog,
    Document,
    Field,
    Filled,
    FormItem,
    Goto,
    ObjectItem,
    Prompt,
    Properties,
    RecordItem,
    Throw,
    TransferItem,
    Unsupported,
    UnsupportedItem,
    Var,
)
from firmware.outlets.voicexml.expression import Expression
from firmware.outlets.voicexml.faults import DocumentError
from firmware.outlets.voicexml.grammar import Part
from firmware.sip.body.xml_document import Mixed, decode_mixed

VERSIONS: Final = ("2.0", "2.1")
DIALOGS_MAX: Final = 64  # a spoken menu of a house has five
ITEMS_MAX: Final = 64  # of one dialog
PROPERTIES_MAX: Final = 32
RECORD_S: Final = 30.0  # without `maxtime`
RECORD_S_MAX: Final = 120.0
CATCHES: Final = {"catch": "", "noinput": "noinput", "nomatch": "nomatch", "help": "help", "error": "error"}
ITEMS: Final = ("field", "block", "record", "transfer", "object", "subdialog", "initial")
IGNORED: Final = ("meta", "metadata")


def read(body: bytes) -> Document:
    """The document in `body`. Raises DocumentError."""
    try:
        root = decode_mixed(body, "vxml")
    except RemoteProtocolError as error:
        raise DocumentError(0, "", str(error)) from None
    if root.attribute("version") not in VERSIONS:
        raise wrong(root, f"version is none of {', '.join(VERSIONS)}")
    if root.attribute("application") is not None:
        raise wrong(root, "a root document (application) is not known here")
    parts = _Parts(root, {})
    dialogs = tuple(
        _form(each, parts.properties) if each.name == "form" else _menu(each, parts.properties) for each in parts.others("form", "menu")
    )
    if not 1 <= len(dialogs) <= DIALOGS_MAX:
        raise wrong(root, f"there are {len(dialogs)} dialogs; give 1 to {DIALOGS_MAX}")
    _unique(root, [dialog.id for dialog in dialogs if dialog.id])
    return Document(
        dialogs=dialogs,
        variables=parts.variables,
        catches=parts.catches,
        properties=parts.properties,
        unsupported=parts.unsupported,
        language=dict(root.attributes).get("http://www.w3.org/XML/1998/namespace lang", ""),
    )


class _Parts:
    """The children of an element that many elements have; the rest by their names."""

    def __init__(self, element: Mixed, inherited: Properties) -> None:
        """`inherited`: the properties that hold around it (§6.3). Raises DocumentError."""
        self._others: list[Mixed] = []
        said: list[str | Mixed] = []
        prompts, catches, filled, variables = [], [], [], []
        properties = dict(inherited)
        for part in element.content:
            if isinstance(part, str) or part.name in SPOKEN:
                said.append(part)
            elif part.name == "prompt":
                prompts.append(prompt(part))
            elif part.name in CATCHES:
                catches.append(_catch(part))
            elif part.name == "filled":
                filled.append(_filled(part))
            elif part.name == "var":
                variables.append(variable(part))
            elif part.name == "property":
                properties[(part.attribute("name") or "").lower()[:64]] = (part.attribute("value") or "")[:64]
            elif part.name not in IGNORED:
                self._others.append(part)
        if len(properties) > PROPERTIES_MAX:
            raise wrong(element, f"more than {PROPERTIES_MAX} properties")
        loose = speech(said, element)
        if loose:
            prompts.insert(0, Prompt(line=element.line, speech=loose))
        self.prompts: tuple[Prompt, ...] = tuple(prompts)
        self.catches: tuple[Catch, ...] = tuple(catches)
        self.filled: tuple[Filled, ...] = tuple(filled)
        self.variables: tuple[Var, ...] = tuple(variables)
        self.properties: Properties = properties
        self._taken: set[str] = set()

    def others(self, *names: str) -> list[Mixed]:
        """The children of these names, which are known here."""
        self._taken.update(names)
        return [each for each in self._others if each.name in names]

    @property
    def unsupported(self) -> tuple[Unsupported, ...]:
        """The children that nobody has asked for."""
        return tuple(Unsupported(line=each.line, name=each.name[:40]) for each in self._others if each.name not in self._taken)


def _unique(element: Mixed, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise wrong(element, f"there are two of the name {name[:40]!r}")


def _catch(element: Mixed) -> Catch:
    events = CATCHES[element.name] or element.attribute("event") or ""
    return Catch(
        line=element.line,
        events=tuple(events.split()),
        content=content(element),
        count=count_of(element),
        cond=expression_of(element, "cond"),
    )


def _filled(element: Mixed) -> Filled:
    mode = element.attribute("mode") or "all"
    if mode not in ("all", "any"):
        raise wrong(element, f'mode="{mode[:20]}" is neither all nor any')
    return Filled(line=element.line, content=content(element), names=names_of(element), is_any=mode == "any")


# --- dialogs -----------------------------------------------------------------------------------------------------------------


def _form(element: Mixed, inherited: Properties) -> Dialog:
    parts = _Parts(element, inherited)
    items = tuple(_item(each, number, parts.properties) for number, each in enumerate(parts.others(*ITEMS)))
    if len(items) > ITEMS_MAX:
        raise wrong(element, f"{len(items)} form items; at most {ITEMS_MAX} are taken")
    if parts.prompts:
        raise wrong(element, "text and prompts stand in a block or a field")
    _unique(element, [*(item.name for item in items), *(var.name for var in parts.variables)])
    names = {item.name for item in items}
    for filled in parts.filled:
        if strange := set(filled.names or ()) - names:
            raise DocumentError(filled.line, "filled", f"there is no item {min(strange)!r}")
    return Dialog(
        line=element.line,
        id=element.attribute("id") or "",
        items=items,
        variables=parts.variables,
        filled=parts.filled,
        catches=parts.catches,
        properties=parts.properties,
        unsupported=parts.unsupported,
    )


def _menu(element: Mixed, inherited: Properties) -> Dialog:
    parts = _Parts(element, inherited)
    numbered = truth_of(element, "dtmf") or False
    choices: list[tuple[Part, Goto | Throw]] = []
    spoken = 0  # choices without keys, which nobody can choose here
    for each in parts.others("choice"):
        keys = each.attribute("dtmf")
        if keys is None and numbered and len(choices) < 9:
            keys = str(len(choices) + 1)
        if keys is None:
            spoken += 1
            continue
        does = throw(each) if each.attribute("event") is not None or each.attribute("eventexpr") is not None else goto(each)
        choices.append((grammar.keys_of(keys, line=each.line, element="choice"), does))
    if not choices or len(choices) > ITEMS_MAX:
        raise wrong(element, f"{len(choices)} choices with keys ({spoken} without); give 1 to {ITEMS_MAX} a dtmf")
    item = Choices(line=element.line, name="$menu", prompts=parts.prompts, properties=parts.properties, choices=tuple(choices))
    return Dialog(
        line=element.line,
        id=element.attribute("id") or "",
        items=(item,),
        catches=parts.catches,
        properties=parts.properties,
        unsupported=parts.unsupported,
    )


# --- form items --------------------------------------------------------------------------------------------------------------


def _item(element: Mixed, number: int, inherited: Properties) -> FormItem:
    name = element.attribute("name")
    # What every item has; each class takes it as it is.
    shared: dict[str, Any] = {
        "line": element.line,
        "name": f"${number}" if name is None else checked_name(element, name),
        "expr": expression_of(element),
        "cond": expression_of(element, "cond"),
    }
    if element.name == "block":
        return Block(**shared, content=content(element), properties=inherited)
    parts = _Parts(element, inherited)
    shared |= {"prompts": parts.prompts, "catches": parts.catches, "filled": parts.filled, "properties": parts.properties}
    found = _input_item(element, parts, shared)
    strange = parts.unsupported
    return UnsupportedItem(**(shared | {"line": strange[0].line}), element=strange[0].name) if strange else found


def _input_item(element: Mixed, parts: _Parts, shared: dict[str, Any]) -> FormItem:
    match element.name:
        case "field":
            return _field(element, parts, shared)
        case "record":
            longest_s = time_of(element, "maxtime")
            return RecordItem(
                **shared,
                beep=truth_of(element, "beep") or False,
                seconds_max=min(RECORD_S if longest_s is None else longest_s, RECORD_S_MAX),
                ends_by_key=truth_of(element, "dtmfterm") is not False,
            )
        case "transfer":
            is_bridge = _is_bridge(element)
            return TransferItem(**shared, dest=said_or_computed(element, "dest", "destexpr"), is_bridge=is_bridge)
        case "object":
            params = tuple(_param(each) for each in parts.others("param"))
            return ObjectItem(**shared, classid=element.attribute("classid") or "", params=params)
        case name:
            parts.others(*(each.name for each in element.children))  # whatever stands in it is not there either
            return UnsupportedItem(**shared, element=name)


def _is_bridge(element: Mixed) -> bool:
    kind = element.attribute("type")
    if kind not in (None, "blind", "bridge"):
        raise wrong(element, f'type="{kind[:20]}" is neither blind nor bridge')
    return kind == "bridge" or truth_of(element, "bridge") is True


def _param(element: Mixed) -> tuple[str, Expression]:
    name = element.attribute("name") or ""
    return checked_name(element, name), said_or_computed(element, "value", "expr")


def _field(element: Mixed, parts: _Parts, shared: dict[str, Any]) -> FormItem:
    found: list[Part] = []
    kind = element.attribute("type")
    for each in parts.others("grammar"):
        source = each.attribute("src")
        read_ = grammar.read(each) if source is None else grammar.builtin(source, line=each.line, element="grammar")
        if read_ is None and source is not None:
            return UnsupportedItem(**(shared | {"line": each.line}), element="grammar")
        found += [] if read_ is None else [read_]
    for each in parts.others("option"):
        keys = each.attribute("dtmf")
        if keys is not None:
            value = each.attribute("value") or " ".join(each.text.split()) or keys
            found.append(grammar.keys_of(keys, line=each.line, element="option", value=value))
    if kind is not None:
        known = grammar.builtin(kind, line=element.line, element="field")
        if known is None:
            return UnsupportedItem(**shared, element="builtin")
        found.append(known)
    return Field(**shared, grammar=grammar.any_of(tuple(found)) if found else None)
