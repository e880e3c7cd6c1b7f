"""XML bodies: bytes to a small tree of elements and back. The only file here that touches an XML parser.

The parser is expat, which does no more than tell what it reads. A document type declaration is refused, and with it every entity that a
sender could define: no expansion (billion laughs), no file or address that the parser would open (external entities). What is left is
bounded by the limits below. No body that RFCs 3680, 3863, 3994, 4235, 4575 and 5168 define needs a declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar
from xml.parsers import expat

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar

BYTES_MAX = 65535  # no SIP message that we take is larger
DEPTH_MAX = 16  # the deepest of these formats, conference-info, has 7 levels
ELEMENTS_MAX = 4096  # a reginfo or conference-info with a hundred entries has about a thousand
ATTRIBUTES_MAX = 32  # of one element, RFC 3680's contact has 12

Attributes = tuple[tuple[str, str], ...]

T = TypeVar("T")
_Make = Callable[[str, str, Attributes, tuple["str | T", ...], int], T]  # namespace, local name, attributes, content, line

_REPLACEMENT = "\ufffd"


class Element(NamedTuple):
    """One element. `text` is all its own character data, that of its children left out.

    Attributes of no namespace bear their name alone, others `namespace name` with a blank between.
    """

    namespace: str
    name: str
    attributes: Attributes = ()
    text: str = ""
    children: tuple[Element, ...] = ()

    def attribute(self, name: str) -> str | None:
        """The value of an attribute without namespace, white space round it removed; None when absent."""
        for key, value in self.attributes:
            if key == name:
                return value.strip()
        return None

    def all(self, name: str) -> tuple[Element, ...]:
        """The children of that local name; namespaces do not count, since devices forget to declare them."""
        return tuple([child for child in self.children if child.name == name])

    def child(self, name: str) -> Element | None:
        """The first child of that local name, None when there is none."""
        for child in self.children:
            if child.name == name:
                return child
        return None

    def child_text(self, name: str) -> str | None:
        """The text of that child without white space round it, None when there is no such child."""
        child = self.child(name)
        return None if child is None else child.text.strip()


class Mixed(NamedTuple):
    """One element of a document in which text and elements stand side by side, in their order; `line` is where it begins.

    Attributes are named as in `Element`.
    """

    namespace: str
    name: str
    attributes: Attributes
    content: tuple[str | Mixed, ...]
    line: int

    def attribute(self, name: str) -> str | None:
        """The value of an attribute without namespace, white space round it removed; None when absent."""
        return next((value.strip() for key, value in self.attributes if key == name), None)

    @property
    def children(self) -> tuple[Mixed, ...]:
        """The elements among the content."""
        return tuple([part for part in self.content if not isinstance(part, str)])

    @property
    def text(self) -> str:
        """Its own text, that of its children left out."""
        return "".join([part for part in self.content if isinstance(part, str)])


def given(*pairs: tuple[str, str | int | None]) -> Attributes:
    """Attributes out of the pairs that have a value."""
    return tuple([(name, str(value)) for name, value in pairs if value is not None])


def texts(namespace: str, *pairs: tuple[str, str | int | None]) -> tuple[Element, ...]:
    """Elements that hold text alone, out of the pairs that have a value."""
    return tuple([Element(namespace, name, (), str(value)) for name, value in pairs if value is not None])


def whole(text: str | None, what: str, most: int = 2**31 - 1) -> int | None:
    """A whole number from 0, `most` for a larger one; None stays None. Raises RemoteProtocolError for what is no number."""
    return None if text is None else min(grammar.number(text.strip(), what), most)


def truth(text: str | None) -> bool | None:
    """An XML boolean; None for anything else."""
    return {"true": True, "1": True, "false": False, "0": False}.get((text or "").strip())


def one_of(text: str | None, allowed: tuple[str, ...], what: str) -> str:
    """`text` in lower case. Raises RemoteProtocolError when it is not among `allowed`, or absent."""
    word = (text or "").strip().lower()
    if word not in allowed:
        raise RemoteProtocolError(f"{what} is not one of {', '.join(allowed)}: {word[:40]!r}")
    return word


def decode(body: bytes, root: str) -> Element:
    """Read a document whose outermost element has the local name `root`. Raises RemoteProtocolError.

    The text is UTF-8, or else taken for ISO 8859-1; what the XML declaration says of it does not count.
    """
    return _document(body, root, _element)


def decode_mixed(body: bytes, root: str) -> Mixed:
    """The same with the order of text and elements kept, and their lines. Raises RemoteProtocolError."""
    return _document(body, root, Mixed)


def _element(namespace: str, name: str, attributes: Attributes, content: tuple[str | Element, ...], _line: int) -> Element:
    text = "".join([part for part in content if isinstance(part, str)])
    return Element(namespace, name, attributes, text, tuple([part for part in content if not isinstance(part, str)]))


def _document(body: bytes, root: str, make: _Make[T]) -> T:
    if len(body) > BYTES_MAX:
        raise RemoteProtocolError(f"XML of {len(body)} bytes", status=513)
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode("latin-1").encode()
    reader = _Reader(make)
    try:
        reader.parser.Parse(body.strip(), True)  # noqa: FBT003 (expat takes no keywords; this says that the document is whole)
    except expat.ExpatError as error:
        raise RemoteProtocolError(f"not XML: {error}") from None
    name, document = reader.document()
    if name != root:
        raise RemoteProtocolError(f"XML of another kind: {name[:40]!r} where {root!r} is meant")
    return document


class _Reader(Generic[T]):
    """Builds the tree from what expat tells; one stack of open elements, each a list of its parts."""

    def __init__(self, make: _Make[T]) -> None:
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.ordered_attributes = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._make = make
        self._open: list[tuple[str, Attributes, list[str | T], int]] = []
        self._count = 0
        self._root: tuple[str, T] | None = None

    def document(self) -> tuple[str, T]:
        """The local name of the outermost element, and that element."""
        assert self._root is not None, "expat accepts no document without an element"
        return self._root

    def _start(self, name: str, attributes: list[str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX or len(self._open) >= DEPTH_MAX or len(attributes) > 2 * ATTRIBUTES_MAX:
            raise RemoteProtocolError("XML too large: elements, depth or attributes", status=513)
        pairs = tuple(zip(attributes[::2], attributes[1::2], strict=True))
        self._open.append((name, pairs, [], self.parser.CurrentLineNumber))

    def _characters(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, _name: str) -> None:
        name, attributes, content, line = self._open.pop()
        namespace, _, local = name.rpartition(" ")
        element = self._make(namespace, local, attributes, tuple(content), line)
        if self._open:
            self._open[-1][2].append(element)
        else:
            self._root = local, element

    def _doctype(self, *_: object) -> None:
        raise RemoteProtocolError("XML with a document type declaration")


def encode(root: Element, prefixes: Attributes = ()) -> bytes:
    """The document in UTF-8, one element a line where elements hold only elements.

    The namespace of `root` is the default one; every other that is used must stand in `prefixes` as (prefix, namespace), all declared at
    the root. An element of no namespace inherits the default. Characters that XML cannot carry become U+FFFD.
    """
    names = {namespace: f"{prefix}:" for prefix, namespace in prefixes}
    names |= {"http://www.w3.org/XML/1998/namespace": "xml:", root.namespace: "", "": ""}
    declared = [("xmlns", root.namespace)] if root.namespace else []
    declared += [(f"xmlns:{prefix}", namespace) for prefix, namespace in prefixes]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write(root, names, "".join([f' {name}="{_escaped(value)}"' for name, value in declared]), "", lines)
    return ("\n".join(lines) + "\n").encode()


def _write(element: Element, names: dict[str, str], declared: str, indent: str, lines: list[str]) -> None:
    tag = names[element.namespace] + element.name
    written = [f' {_attribute_name(name, names)}="{_escaped(value)}"' for name, value in element.attributes]
    start = f"{indent}<{tag}{declared}{''.join(written)}"
    text = _escaped(element.text, in_text=True)
    if not element.children:
        lines.append(f"{start}>{text}</{tag}>" if text else f"{start}/>")
        return
    lines.append(f"{start}>{text}")
    for child in element.children:
        _write(child, names, "", indent + "  ", lines)
    lines.append(f"{indent}</{tag}>")


def _attribute_name(name: str, names: dict[str, str]) -> str:
    namespace, _, local = name.rpartition(" ")
    return names[namespace] + local


def _escaped(text: str, *, in_text: bool = False) -> str:
    if not text.isalnum():
        text = "".join([char if _is_char(char) else _REPLACEMENT for char in text])
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
        if not in_text:
            # An attribute's line ends and tabs would be read back as blanks (XML 1.0 §3.3.3).
            text = text.replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return text


def _is_char(char: str) -> bool:
    """Whether XML 1.0 §2.2 knows the character."""
    if char < " ":
        return char in "\t\n\r"
    return not ("\ud800" <= char <= "\udfff" or char in "\ufffe\uffff")
