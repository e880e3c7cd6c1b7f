"""The Form Interpretation Algorithm (VoiceXML 2.0 §2.1.6 and Appendix C), as far as keys are the only input.

A machine without time, network or sound: `start` and `receive` take what happened and return what to do (`signals`). Between two inputs it
runs to the next place where it must wait: for keys, for what is being said, for a document, or for the platform.

    select an item  ->  visit it: say its prompts, wait  ->  process what came: fill it, run <filled>, or run the catch of an event

Nothing runs for ever: a document that goes on and on without anybody pressing a key is ended after STEPS_MAX steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from firmware.outlets.voicexml import faults
from firmware.outlets.voicexml.attributes import seconds
from firmware.outlets.voicexml.catching import DEFAULTS, Default, taken_by
from firmware.outlets.voicexml.dialogs import (
    Block,
    Choices,
    Field,
    FormItem,
    Goto,
    Leave,
    ObjectItem,
    RecordItem,
    Submit,
    TransferItem,
    UnsupportedItem,
)
from firmware.outlets.voicexml.document import read
from firmware.outlets.voicexml.execution import Executor, Transition, unsupported
from firmware.outlets.voicexml.expression import Value, as_text
from firmware.outlets.voicexml.faults import DocumentError, Thrown
from firmware.outlets.voicexml.place import Place
from firmware.outlets.voicexml.scopes import Scopes
from firmware.outlets.voicexml.signals import (
    Ask,
    ClearTimer,
    Connect,
    Done,
    Effect,
    End,
    EndRecord,
    Failed,
    Fetch,
    Fetched,
    HungUp,
    Hush,
    Input,
    KeyHeard,
    Note,
    Record,
    SetTimer,
    Speak,
    Spoken,
    TimeUp,
)
from firmware.outlets.voicexml.waiting import (
    NOWHERE,
    Collecting,
    Fetching,
    Over,
    Platform,
    Playing,
    Running,
    Waiting,
    begun,
    keyed,
    settled,
    typed_ahead,
)

STEPS_MAX: Final = 200  # visits, transitions and events without a key between them
AHEAD_MAX: Final = 32  # keys that are pressed before anybody asks
TIMEOUT_S: Final = 5.0  # §6.3.3 leaves these to the platform
INTERDIGIT_S: Final = 3.0


class Interpreter:
    """One menu from its first document to its end. Each method returns what to do, in order."""

    def __init__(self, session: Mapping[str, Value]) -> None:
        """`session`: the read-only variables, without `session.` before their names."""
        self._scopes = Scopes(session)
        self._executor = Executor(self._scopes)
        self._place = Place(self._scopes)
        self._next_item = ""
        self._says_prompts = True
        self._ahead = ""
        self._steps = self._speaks = 0
        self._nobody_listens = False
        self._waiting: Waiting = NOWHERE
        self._effects: list[Effect] = []

    @property
    def is_over(self) -> bool:
        return isinstance(self._waiting, Over)

    def start(self, url: str, body: bytes) -> tuple[Effect, ...]:
        """Begin with this document."""
        return self._goes_on(lambda: self._enter_document(url, body, ""))

    def receive(self, given: Input) -> tuple[Effect, ...]:
        """Take one input; what is not waited for is passed over."""
        if isinstance(given, KeyHeard):
            return self._key(given.key)
        if isinstance(given, HungUp) and not self.is_over:
            return self._hung_up()
        match self._waiting:
            case Collecting() as collecting if isinstance(given, Spoken | TimeUp):
                return self._waited(collecting, given)
            case Playing(number=number, then=then, waiting=waiting) if isinstance(given, Spoken) and given.number == number:
                self._waiting = waiting
                return then
            case Fetching(fragment=fragment) if isinstance(given, Fetched):
                return self._goes_on(lambda: self._enter_document(given.url, given.body, fragment))
            case Platform() if isinstance(given, Done):
                return self._goes_on(lambda: self._platform_has_done(given))
            case Fetching() | Platform() if isinstance(given, Failed):
                self._nobody_listens |= given.event == faults.TRANSFERRED
                return self._goes_on(lambda: self._thrown(Thrown(given.event, given.message)))
            case _:
                return ()

    # --- keys and time ----------------------------------------------------------------------------------------------------

    def _key(self, key: str) -> tuple[Effect, ...]:
        self._steps = 0
        match self._waiting:
            case Collecting() as collecting:
                return self._take_key(collecting, key)
            case Platform(ends_by_key=True) as platform:
                self._waiting = Platform(platform.name)
                return (EndRecord(),)
            case Playing() | Fetching() | Platform() | Running():
                # §4.1.8: what is typed before it is asked for is kept until it is.
                self._ahead = (self._ahead + key)[:AHEAD_MAX]
                return ()
            case Over():
                return ()

    def _take_key(self, collecting: Collecting, key: str) -> tuple[Effect, ...]:
        if collecting.speaks and not collecting.bargein:
            return ()
        hush: tuple[Effect, ...] = (Hush(),) if collecting.speaks else ()
        after, settled_ = keyed(collecting, key)
        if settled_ is None:
            self._waiting = after
            return (*hush, SetTimer(collecting.interdigit_s))
        self._effects += hush
        return self._goes_on(lambda: self._settled(collecting, settled_.keys, settled_.value, is_match=settled_.is_match))

    def _waited(self, collecting: Collecting, given: Spoken | TimeUp) -> tuple[Effect, ...]:
        if isinstance(given, Spoken):
            if not collecting.speaks or given.number != self._speaks:
                return ()
            self._waiting = collecting.heard_out()
            return (SetTimer(collecting.timeout_s),)
        if collecting.speaks:
            return ()
        if not collecting.keys:
            return self._goes_on(lambda: self._thrown(Thrown(faults.NO_INPUT)))
        found = settled(collecting)
        return self._goes_on(lambda: self._settled(collecting, found.keys, found.value, is_match=found.is_match))

    def _hung_up(self) -> tuple[Effect, ...]:
        self._nobody_listens = True
        return self._goes_on(lambda: self._thrown(Thrown(faults.HANG_UP, "the other side has hung up")))

    # --- the loop ---------------------------------------------------------------------------------------------------------

    def _goes_on(self, step: Callable[[], None]) -> tuple[Effect, ...]:
        """Take this step, and further ones until something is waited for."""
        had_timer = isinstance(self._waiting, Collecting)
        self._waiting = NOWHERE
        while self._waiting is NOWHERE:
            self._steps += 1
            if self._steps > STEPS_MAX:
                self._effects.append(Note(f"the document goes round without asking anything, {STEPS_MAX} steps now: ended"))
                self._end()
                break
            try:
                step()
            except Thrown as thrown:
                step = self._catching(thrown)
            else:
                step = self._next
        self._effects[:0] = [Note(text) for text in self._executor.logged]
        self._executor.logged.clear()
        if had_timer and not any(isinstance(effect, SetTimer) for effect in self._effects):
            self._effects.insert(0, ClearTimer())
        effects, self._effects = tuple(self._effects), []
        return effects

    def _catching(self, thrown: Thrown) -> Callable[[], None]:
        return lambda: self._thrown(thrown)

    def _next(self) -> None:
        """§2.1.6, select: an item to visit; none leaves."""
        if self._nobody_listens:
            self._end()
            return
        wanted, self._next_item = self._next_item, ""
        item = self._place.select(wanted)
        if item is None:
            self._follow(Leave(line=self._place.dialog.line))
        else:
            self._visit(item)

    # --- collect ------------------------------------------------------------------------------------------------------------

    def _visit(self, item: FormItem) -> None:
        timeout_s = None if isinstance(item, Block) else self._say_prompts(item)
        match item:
            case Block(content=content):
                self._scopes.assign(item.name, True)  # noqa: FBT003 -- a value
                self._run(content)
            case Field(grammar=None):
                raise Thrown(f"{faults.UNSUPPORTED}grammar", f"line {item.line}: the field takes no keys")
            case Field() | Choices():
                wait_s = _seconds(item, "timeout", TIMEOUT_S) if timeout_s is None else timeout_s
                self._collect(begun(item, wait_s, _seconds(item, "interdigittimeout", INTERDIGIT_S)))
            case RecordItem(beep=beep, seconds_max=seconds_max, ends_by_key=ends_by_key):
                self._play_before(Record(item.name, seconds_max, beep), Platform(item.name, ends_by_key=ends_by_key))
            case TransferItem(dest=dest, is_bridge=is_bridge):
                self._play_before(Connect(self._scopes.text(dest), is_bridge), Platform(item.name))
            case ObjectItem(classid=classid, params=params):
                given = {name: self._scopes.value(expr) for name, expr in params}
                self._play_before(Ask(classid, given), Platform(item.name))
            case UnsupportedItem(element=element, line=line):
                raise unsupported(element, line)

    def _say_prompts(self, item: FormItem) -> float | None:
        """Queue the prompts whose turn it is; how long to wait after them, if they say so.

        After an event that was caught without `<reprompt>` nothing is said again (§5.3.6).
        """
        says, self._says_prompts = self._says_prompts, True
        if not says:
            return None
        chosen = self._place.prompts(item)
        for each in chosen:
            self._executor.say(each, item.properties)
        return next((each.timeout_s for each in reversed(chosen) if each.timeout_s is not None), None)

    def _collect(self, collecting: Collecting) -> None:
        bargein = self._executor.bargein
        queue = self._executor.take_queue()
        ahead, self._ahead = self._ahead, ""
        if queue and not (ahead and bargein):
            self._speaks += 1
            self._effects.append(Speak(self._speaks, queue))
            self._waiting = collecting.spoken_to(bargein=bargein)
            return
        self._waiting = collecting
        self._effects.append(SetTimer(collecting.timeout_s))
        collecting, found, self._ahead = typed_ahead(collecting, ahead)
        if found is not None:
            self._waiting = NOWHERE
            self._effects.append(ClearTimer())
            self._settled(collecting, found.keys, found.value, is_match=found.is_match)
        elif ahead:
            self._waiting = collecting
            self._effects.append(SetTimer(collecting.interdigit_s))

    def _play_before(self, effect: Effect, waiting: Waiting) -> None:
        """What the queue holds is heard before the platform does anything."""
        queue = self._executor.take_queue()
        if queue and not self._nobody_listens:
            self._speaks += 1
            self._effects.append(Speak(self._speaks, queue))
            self._waiting = Playing(self._speaks, (effect,), waiting)
        else:
            self._effects.append(effect)
            self._waiting = waiting

    # --- process ------------------------------------------------------------------------------------------------------------

    def _settled(self, collecting: Collecting, keys: str, value: Value, *, is_match: bool) -> None:
        """Keys are complete: an input, or none that the grammar knows."""
        item = collecting.item
        if not is_match:
            self._ahead = ""
            raise Thrown(faults.NO_MATCH, f"{len(keys)} keys that the grammar does not know")
        if isinstance(item, Choices):
            chosen = item.choices[int(as_text(value))][1]
            self._follow(chosen) if isinstance(chosen, Goto) else self._run((chosen,))
            return
        self._fill(item, value, {"$.utterance": keys, "$.inputmode": "dtmf", "$.confidence": 1})

    def _platform_has_done(self, given: Done) -> None:
        item = self._place.item
        assert item is not None, "the platform was asked by an item"
        mark = "." if isinstance(item, ObjectItem) else "$."
        self._fill(item, given.value, {f"{mark}{name}": value for name, value in given.more})

    def _fill(self, item: FormItem, value: Value, shadows: Mapping[str, Value]) -> None:
        """§2.1.6, process: the item's variable, what else is known of it, and every `<filled>` that it completes."""
        self._scopes.assign(item.name, True if value is None else value)
        for name, shadow in shadows.items():
            self._scopes.declare(item.name + name, shadow, scope="dialog")
        for content in self._place.completed(item):
            self._scopes.enter_content()
            found = self._executor.run(content, item.properties)
            self._heed_clears()
            if found is not None:
                self._follow(found)
                return

    def _run(self, content: tuple[object, ...]) -> None:
        """Content of an item: carry it out, and go where it leads."""
        self._scopes.enter_content()
        found = self._executor.run(content, self._place.properties)  # type: ignore[arg-type]  # statements all, of which a choice is one
        self._heed_clears()
        if found is not None:
            self._follow(found)

    def _heed_clears(self) -> None:
        """What was cleared is asked for again."""
        for names in self._executor.cleared:
            self._place.clear(names)
        self._executor.cleared.clear()

    def _thrown(self, thrown: Thrown) -> None:
        """An event: the catch that takes it, or what the platform does without one."""
        count = self._place.happened(thrown.event)
        self._scopes.enter_content(_event=thrown.event, _message=thrown.message)
        if thrown.event.startswith("error"):
            self._executor.log(str(thrown))
        catch = taken_by(self._place.catches, thrown.event, count, self._scopes.holds)
        self._executor.reprompts = False
        if catch is None:
            self._by_default(DEFAULTS.get(thrown.event, Default.LEAVE))
            return
        found = self._executor.run(catch.content, self._place.properties)
        self._heed_clears()
        self._says_prompts = self._executor.reprompts
        if found is not None:
            self._follow(found)

    def _by_default(self, default: Default) -> None:
        self._says_prompts = default is Default.REPROMPT
        if default is Default.LEAVE:
            self._end()

    # --- elsewhere ------------------------------------------------------------------------------------------------------------

    def _follow(self, transition: Transition) -> None:
        match transition:
            case Leave():
                self._end()
            case Goto(target=target, is_item=True):
                self._next_item = self._scopes.text(target)
                self._says_prompts = True
            case Goto(target=target):
                self._go(self._scopes.text(target))
            case Submit() as submit:
                self._fetch(self._scopes.text(submit.target), Fetch("", submit.method, self._place.fields(submit)))

    def _go(self, target: str) -> None:
        address, _, fragment = target.partition("#")
        if address:
            self._fetch(target, Fetch(""))
        else:
            self._place.enter_dialog(fragment)
            self._says_prompts = True

    def _fetch(self, target: str, wanted: Fetch) -> None:
        address, _, fragment = target.partition("#")
        self._place.item = None
        self._effects.append(Fetch(self._executor.resolved(address), wanted.method, wanted.fields))
        self._waiting = Fetching(fragment)

    def _enter_document(self, url: str, body: bytes, fragment: str) -> None:
        try:
            document = read(body)
        except DocumentError as error:
            raise Thrown(faults.BAD_FETCH, f"{url}: {error}") from None
        self._executor.url, self._executor.language = url, document.language
        self._says_prompts = True
        self._place.enter_document(document, fragment)

    def _end(self) -> None:
        self._play_before(End(), Over())


def _seconds(item: FormItem, name: str, otherwise: float) -> float:
    """A property that is a time; one that is none counts as not given."""
    given = seconds(item.properties.get(name, ""))
    return otherwise if given is None else given
