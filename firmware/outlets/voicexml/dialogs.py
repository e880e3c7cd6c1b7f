"""What a document says, as frozen values: dialogs, form items, prompts, catches, and the content that is executed (VoiceXML 2.0 §2 to §5).

`line` is that of the element, for log lines and events. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firmware.outlets.voicexml.expression import Expression
from firmware.outlets.voicexml.grammar import Part

# --- what is said ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say:
    """Words, white space made single blanks."""

    text: str


@dataclass(frozen=True, slots=True)
class SayValue:
    """`<value expr>`: a value, said."""

    expr: Expression


@dataclass(frozen=True, slots=True)
class PlayFile:
    """`<audio>`: a sound by its address, and what is said when it cannot be had (§4.1.3)."""

    src: Expression
    otherwise: Speech


@dataclass(frozen=True, slots=True)
class Pause:
    """`<break>`."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """An element that is not there: when it is reached, error.unsupported and its name is thrown (§5.2.6)."""

    line: int
    name: str


Speech = tuple[Say | SayValue | PlayFile | Pause | Unsupported, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """`<prompt>`, or text and audio that stand where a prompt may (§4.1). None: as the properties say."""

    line: int
    speech: Speech
    bargein: bool | None = None
    timeout_s: float | None = None
    count: int = 1
    cond: Expression | None = None


# --- what is executed (§5.3) -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Var:
    """`<var>`: declared in the scope where it stands."""

    line: int
    name: str
    expr: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """`<assign>`: a variable that was declared."""

    line: int
    name: str
    expr: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """`<clear>`: these form items, or without names all of them, are undefined again (§5.3.3)."""

    line: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class If:
    """`<if>` with its `<elseif>` and `<else>`; the first branch whose condition (None: always) holds is executed."""

    line: int
    branches: tuple[tuple[Expression | None, Content], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goto:
    """`<goto>`: to an address, a dialog of this document (`#name`), or (`is_item`) an item of this form (§5.3.7)."""

    line: int
    target: Expression
    is_item: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """`<submit>`: fetch a document, and send the variables of `names` (None: the items of the form) with it (§5.3.8)."""

    line: int
    target: Expression
    names: tuple[str, ...] | None
    method: Literal["get", "post"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Throw:
    """`<throw>`."""

    line: int
    event: Expression
    message: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """`<exit>` and `<disconnect>`: the menu is over."""

    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprompt:
    """`<reprompt>`: the next visit says its prompts though an event was caught (§5.3.6)."""

    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """`<log>`."""

    line: int
    speech: Speech


Statement = Prompt | Var | Assign | Clear | If | Goto | Submit | Throw | Leave | Reprompt | Log | Unsupported
Content = tuple[Statement, ...]


# --- dialogs (§2) ----------------------------------------------------------------------------------------------------------

Properties = Mapping[str, str]  # names in lower case; what is not known stands there and is not read


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """`<catch>`, `<noinput>`, `<nomatch>`, `<help>`, `<error>`; no `events`: all of them (§5.2.2)."""

    line: int
    events: tuple[str, ...]
    content: Content
    count: int = 1
    cond: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """`<filled>`: of an item, or of a form, where `names` None means all items and `is_any` that one of them is enough (§2.4)."""

    line: int
    content: Content
    names: tuple[str, ...] | None = None
    is_any: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What every form item has. `name` is that of its variable, one of our own where the document gives none."""

    line: int
    name: str
    expr: Expression | None = None
    cond: Expression | None = None
    prompts: tuple[Prompt, ...] = ()
    catches: tuple[Catch, ...] = ()
    filled: tuple[Filled, ...] = ()
    properties: Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Item):
    """`<block>`: executed once."""

    content: Content = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Item):
    """`<field>`. `grammar` None: nothing that could be typed, which is thrown when it is visited."""

    grammar: Part | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices(Item):
    """The one item of a `<menu>`: each choice has keys, and does one thing (§2.2)."""

    choices: tuple[tuple[Part, Goto | Throw], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordItem(Item):
    """`<record>`: what is said is kept (§2.3.6)."""

    beep: bool = False
    seconds_max: float
    ends_by_key: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferItem(Item):
    """`<transfer>`: the caller is connected elsewhere; `is_bridge`: into this call, by a further one (§2.3.7)."""

    dest: Expression
    is_bridge: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectItem(Item):
    """`<object>`: something that only this platform can do (§2.3.5)."""

    classid: str
    params: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupportedItem(Item):
    """A form item that is not there: visited, it throws."""

    element: str


FormItem = Block | Field | Choices | RecordItem | TransferItem | ObjectItem | UnsupportedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A `<form>` or a `<menu>`; `unsupported` are elements in it that are not there, of which entering it throws the first."""

    line: int
    id: str
    items: tuple[FormItem, ...]
    variables: tuple[Var, ...] = ()
    filled: tuple[Filled, ...] = ()
    catches: tuple[Catch, ...] = ()
    properties: Properties
    unsupported: tuple[Unsupported, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole document; its first dialog is where it begins."""

    dialogs: tuple[Dialog, ...]
    variables: tuple[Var, ...] = ()
    catches: tuple[Catch, ...] = ()
    properties: Properties
    unsupported: tuple[Unsupported, ...] = ()
    language: str = ""
