"""Rules in words: "on" what happens, "do" what; and the checks of them. The words are those of the door's own triggers and deeds."""

from __future__ import annotations

import re

from firmware.config.checks import URI_PATTERN, suggestion
from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.references import refer
from firmware.config.schema import Settings

RULES_MAX = 64  # each is looked at for every record
DEEDS_MAX = 16  # of one rule
WAIT_S_MAX = 3600.0
URL_PATTERN = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)
ANY_PART = "part"  # of the station: an account, the sound card, a lock; not a list that a configuration could hold

# What may happen, and what the word after it names. Nothing after it means: whoever it was.
TRIGGERS = {
    "pressed": "button",
    "pictured": "button",
    "answered": "target",
    "ended": "target",
    "unanswered": "",
    "opened": "lock",
    "shut": "lock",
    "refused": "",
    "duress": "",
    "card-held": "reader",
    "active": "contact",
    "inactive": "contact",
    "forced": "contact",
    "open-too-long": "contact",
    "tampered": "contact",
    "failed": ANY_PART,
    "works": ANY_PART,
    "begins": "profile",
    "ends": "profile",
}
# What may be done, and what the word after it names.
DEEDS = {
    "open": "lock",
    "hold": "lock",
    "lock": "lock",
    "normal": "lock",
    "call": "target",
    "message": "person",
    "hang-up": "",
    "play": "sound",
    "request": "webhook",
    "wait": "seconds",
}
HEARD = ("play", "call", "hang-up")  # at the panel: a sound, the ringback, a call that ends
TEXT_LENGTH_MAX = 200  # characters; with the largest headers still one datagram (RFC 3428 §8: at most 1300 bytes)
SOUNDS = ("beep", "error", "opened", "ended", "chime", "nobody", "speak", "wrong", "unknown")


def parse_trigger(text: str) -> tuple[str, str]:
    """What happens, and to whom (empty: anybody). The rest of the text is the name: parts of the station have names of several words."""
    word, _, subject = text.strip().partition(" ")
    return word, subject.strip()


def parse_deed(text: str) -> tuple[str, str]:
    """What to do, and with what."""
    return parse_trigger(text)


def parse_message(text: str) -> tuple[str, str]:
    """Whom to write, and what."""
    return parse_trigger(text)


def check_reactions(settings: Settings, report: Report) -> None:
    """Complain about rules that name what does not exist, and about webhooks."""
    for index, hook in enumerate(settings.webhook):
        if not URL_PATTERN.fullmatch(hook.url):
            report.complain(("webhook", index, "url"), f'"{hook.url}" is no web address', "write https://server/path, without a password")
        elif hook.token is not None and not hook.url.lower().startswith("https:"):
            report.warnings.append(f"{report.shown(('webhook', index))}: the token travels readable; use https")
    if len(settings.rule) > RULES_MAX:
        report.complain(("rule",), f"there are {len(settings.rule)} of them", f"keep to {RULES_MAX}")
    for index, rule in enumerate(settings.rule):
        _check_trigger(settings, report, ("rule", index, "on"), rule.on)
        path: Path = ("rule", index, "do")
        if not rule.do and report.sound(path):
            report.complain(path, "nothing is done", 'say what: do = ["call anna"]')
        if len(rule.do) > DEEDS_MAX:
            report.complain(path, f"there are {len(rule.do)} things to do", f"keep to {DEEDS_MAX}")
        for number, deed in enumerate(rule.do):
            _check_deed(settings, report, (*path, number), deed)
            if parse_trigger(rule.on)[0] == "duress" and parse_deed(deed)[0] in HEARD:
                report.complain((*path, number), "the door would betray the call for help", 'use "message", "request" or "open"')


def _check_trigger(settings: Settings, report: Report, path: Path, text: str) -> None:
    word, subject = parse_trigger(text)
    if word not in TRIGGERS:
        report.complain(path, f'"{word}" is nothing that happens', suggestion(word, TRIGGERS))
    elif subject and not TRIGGERS[word]:
        report.complain(path, f'"{word}" concerns everybody', f'write only "{word}"')
    elif subject and TRIGGERS[word] != ANY_PART:
        refer(report, path, subject, _names(settings, TRIGGERS[word]), TRIGGERS[word])


def _check_deed(settings: Settings, report: Report, path: Path, text: str) -> None:
    word, name = parse_deed(text)
    wanted = DEEDS.get(word)
    if wanted is None:
        report.complain(path, f'"{word}" is nothing that a rule can do', suggestion(word, DEEDS))
    elif not wanted:
        if name:
            report.complain(path, f'"{word}" needs no more words', f'write only "{word}"')
    elif not name:
        report.complain(path, f'"{word}" needs to know with what', f'write "{word}" and the {wanted}')
    elif wanted == "person":
        _check_message(settings, report, path, name)
    elif wanted == "seconds":
        if not re.fullmatch(r"\d{1,5}(?:\.\d{1,3})?", name) or not 0 < float(name) <= WAIT_S_MAX:
            report.complain(path, f'"{name}" is no time to wait', f"give seconds, more than 0 and at most {WAIT_S_MAX:g}")
    elif word != "call" or not URI_PATTERN.fullmatch(name):
        refer(report, path, name, _names(settings, wanted), wanted)
        if word == "hold" and not any(lock.may_hold for lock in settings.lock if lock.name == name):
            report.complain(path, f'the lock "{name}" may not be held open', "add may_hold = true, if its strike bears current all day")


def _check_message(settings: Settings, report: Report, path: Path, words: str) -> None:
    person, text = parse_message(words)
    if not URI_PATTERN.fullmatch(person):
        refer(report, path, person, [each.name for each in settings.target], "target")
    if not text:
        report.complain(path, f'there is nothing to tell "{person}"', f'write "message {person}" and the text')
    elif len(text) > TEXT_LENGTH_MAX or not text.isprintable():
        report.complain(path, "the text is too long, or has more than one line", f"keep to {TEXT_LENGTH_MAX} characters")


def _names(settings: Settings, what: str) -> list[str]:
    """Every name that a word may mean."""
    return {
        "button": [*(each.name for each in settings.button), *settings.flats.keypads],
        "target": [*(each.name for each in settings.target), *dict.fromkeys(each.plan for each in settings.step)],
        "lock": [each.name for each in settings.lock],
        "contact": [each.name for each in settings.contact],
        "reader": [*(each.name for each in settings.reader), *(each.name for each in settings.wiegand)],
        "profile": [each.name for each in settings.profile],
        "webhook": [each.name for each in settings.webhook],
        "sound": list(SOUNDS),
    }[what]
