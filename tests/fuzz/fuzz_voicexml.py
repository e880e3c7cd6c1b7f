"""Fuzz what a server can send as a menu: a VoiceXML document, and what its caller does meanwhile."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.outlets.voicexml.form import STEPS_MAX, Interpreter
    from firmware.outlets.voicexml.signals import (
        Done,
        Effect,
        End,
        Failed,
        Fetched,
        HungUp,
        Input,
        KeyHeard,
        Speak,
        Spoken,
        TimeUp,
    )

from tests.fuzz.runner import DATA, run

URL = "https://menus.example/menu.vxml"
DOING = 8  # octets in front of the document: what happens, one after the other
KEYS = "0123456789*#AB"


def one_input(data: bytes) -> None:
    """The document as the first one, as an answer to each fetch, and all that a caller and the platform can do with it."""
    doing, document = data[:DOING], data[DOING:]
    interpreter = Interpreter({"connection.remote.uri": "sip:anna@pbx"})
    effects = interpreter.start(URL, document)
    spoken = 0
    for octet in doing:
        look_at(effects)
        spoken = next((each.number for each in effects if isinstance(each, Speak)), spoken)
        effects = interpreter.receive(happening(octet, document, spoken))
    look_at(effects)
    interpreter.receive(HungUp())
    interpreter.receive(Fetched(URL, document))
    assert interpreter.is_over or interpreter.receive(Spoken(spoken + 1)) is not None


def happening(octet: int, document: bytes, spoken: int) -> Input:
    """What this octet means."""
    match octet >> 5:
        case 0 | 1 | 2:
            return KeyHeard(KEYS[octet % len(KEYS)])
        case 3:
            return TimeUp()
        case 4:
            return Spoken(spoken)
        case 5:
            return Fetched(URL, document)
        case 6:
            return Done("opened", (("reason", "wrong"), ("duration", octet)))
        case _:
            return Failed("error.badfetch.http.404" if octet & 1 else "noinput", "fuzzed")


def look_at(effects: tuple[Effect, ...]) -> None:
    """Bounded, and nothing after the end."""
    assert len(effects) <= 4 * STEPS_MAX
    assert not any(isinstance(each, End) for each in effects[:-1])


def main() -> None:
    """Run the fuzzer."""
    examples = [path.read_bytes() for path in sorted((DATA / "voicexml").glob("*.vxml"))]
    keys = (b"12345\x60\xc0\xa0", b"\x80\x60\x80\x60\xc1\x05\xe1\xa1", b"\x09\x02\xc0\x80\x80\x05\xc0\xa0")
    run("voicexml", one_input, [doing + document for doing in keys for document in examples])


if __name__ == "__main__":
    main()
