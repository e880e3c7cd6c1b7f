"""The page's words. Everything that comes from outside is escaped where it is put in, by `_e`, and nowhere else."""

from __future__ import annotations

import time
from html import escape as _escape
from typing import NamedTuple

from firmware.outlets.logins import Login, May
from firmware.outlets.seam import Json, KeptPicture, Names, Row, part, table
from firmware.outlets.web.words import Words

SHELL = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">
{script}</head>
<body>
<header><h1>{title}</h1>{aside}</header>
<main>
{body}</main>
</body>
</html>
"""
FLATS_SHOWN = 500  # that the browser offers as one types; every other number is taken as well
STATES = ("idle", "calling", "offered", "talking")


class View(NamedTuple):
    """What the door's page shows, to whom, and the key of its forms."""

    names: Names
    status: Json
    rows: tuple[Row, ...]
    calls: tuple[Row, ...]
    pictures: tuple[KeptPicture, ...]
    quiet: frozenset[str]  # targets that do not want to be disturbed
    login: Login
    form_key: str
    words: Words


def door(view: View) -> bytes:
    """State, locks, calls and the newest records."""
    above = [_ills(view), _call(view), _flats(view), _locks(view), _quiet(view)]
    parts = [*above, _pictures(view), _accounts(view), _quality(view), _records(view)]
    aside = _form(view, "/logout", view.words("log_out", name=view.login.name), css="quiet")
    return _page(view.words, view.names.station, "".join(parts), aside=aside, script='<script src="/page.js" defer></script>\n')


def log_in(words: Words, station: str, wrong: str = "") -> bytes:
    """The form for name and password."""
    alert = f'<p role="alert" class="bad">{_e(wrong)}</p>\n' if wrong else ""
    who = 'name="name" autocomplete="username" autocapitalize="none" required'
    proof = 'name="password" type="password" autocomplete="current-password" required'
    body = (
        f'<form method="post" action="/login" class="stack">\n{alert}'
        f"<label>{_e(words('name'))} <input {who}></label>\n"
        f"<label>{_e(words('password'))} <input {proof}></label>\n"
        f"<button>{_e(words('log_in'))}</button>\n</form>\n"
    )
    return _page(words, station, body)


def no_password(words: Words, station: str) -> bytes:
    """There is no default password, so nobody can come in until one was set."""
    body = f"<p>{_e(words('no_password'))}</p>\n<pre>{_e(words('set_password'))}</pre>\n"
    return _page(words, station, body)


def wrong(words: Words, station: str, text: str) -> bytes:
    """Why something was not done."""
    return _page(words, station, f'<p role="alert" class="bad">{_e(text)}</p>\n<p><a href="/">{_e(words("back"))}</a></p>\n')


def _page(words: Words, title: str, body: str, aside: str = "", script: str = "") -> bytes:
    return SHELL.format(language=words.language, title=_e(title), body=body, aside=aside, script=script).encode()


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_e(title)}</h2>\n{body}</section>\n"


def _form(view: View, action: str, label: str, name: str = "", do: str = "", css: str = "") -> str:
    """A button that posts. Its label says the whole of what it does, also to who hears the page."""
    fields = {"key": view.form_key, "name": name, "do": do}
    hidden = "".join(f'<input type="hidden" name="{key}" value="{_e(value)}">' for key, value in fields.items() if value)
    shown = f' class="{css}"' if css else ""
    return f'<form method="post" action="{action}">{hidden}<button{shown}>{_e(label)}</button></form>'


def _ills(view: View) -> str:
    ills = [f"<li>{_e(name)}: {_e(str(detail))}</li>" for name, detail in table(view.status, "health").items()]
    title = f"<h2>{_e(view.words('ills'))}</h2>"
    return f'<div role="alert" class="bad">{title}<ul>{"".join(ills)}</ul></div>\n' if ills else ""


def _call(view: View) -> str:
    state = str(part(view.status, "call", "state"))
    party = part(view.status, "call", "party")
    told = view.words(f"state.{state}") if state in STATES else state
    told += f" {view.words('with', party=party)}" if party else ""
    body = f'<p role="status" class="state">{_e(told)}</p>\n'
    if May.RING in view.login.may:
        if state == "idle":
            buttons = [_form(view, "/press", view.words("ring_as", name=name), name=name, css="quiet") for name in view.names.buttons]
            buttons += [_form(view, "/call", view.words("call_target", name=name), name=name, css="quiet") for name in view.names.targets]
        else:
            buttons = [_form(view, "/hangup", view.words("hang_up"), css="warn")]
        body += f'<div class="row">{"".join(buttons)}</div>\n'
    return _section(view.words("call"), body)


def _flats(view: View) -> str:
    """One field for all numbers: a browser finds them by the names as well."""
    if May.RING not in view.login.may or not view.names.flats:
        return ""
    offered = "".join(f'<option value="{_e(number)}">{_e(name)}</option>' for number, name in view.names.flats[:FLATS_SHOWN])
    field = f'<label>{_e(view.words("flat"))} <input name="name" list="flats" required maxlength="8" autocomplete="off"></label>'
    key = f'<input type="hidden" name="key" value="{_e(view.form_key)}">'
    button = f'<button class="quiet">{_e(view.words("ring_flat"))}</button>'
    form = f'<form method="post" action="/flat">{key}{field} {button}<datalist id="flats">{offered}</datalist></form>\n'
    return _section(view.words("flats"), form)


def _locks(view: View) -> str:
    items = []
    for name in view.names.locks:
        mode = str(part(view.status, "modes", name) or "normal")
        now = view.words("lock.open" if part(view.status, "locks", name) else "lock.shut")
        told = f"{now}, {view.words(f'lock.{mode}')}" if mode in ("held", "locked") else now
        items.append(f'<div class="lock"><p><strong>{_e(name)}</strong>: {_e(told)}</p>{_lock_buttons(view, name, mode)}</div>\n')
    return _section(view.words("locks"), "".join(items)) if items else ""


def _lock_buttons(view: View, name: str, mode: str) -> str:
    if May.OPEN not in view.login.may:
        return ""
    buttons = [_form(view, "/lock", view.words("do.open", name=name), name=name, do="open")]
    if mode != "normal":
        buttons.append(_form(view, "/lock", view.words("do.normal", name=name), name=name, do="normal", css="quiet"))
    else:
        if name in view.names.held:
            buttons.append(_form(view, "/lock", view.words("do.hold", name=name), name=name, do="hold", css="quiet"))
        buttons.append(_form(view, "/lock", view.words("do.lock", name=name), name=name, do="lock", css="quiet"))
    return f'<div class="row">{"".join(buttons)}</div>'


def _quiet(view: View) -> str:
    """Who is away, or asleep: folded where nobody is, for a house has many flats."""
    if May.RING not in view.login.may or not view.names.targets:
        return ""
    items = []
    for name in view.names.targets:
        rests = name in view.quiet
        label = view.words("quiet.off" if rests else "quiet.on", name=name)
        items.append(_form(view, "/quiet", label, name=name, do="off" if rests else "on", css="" if rests else "quiet"))
    shown = " open" if view.quiet else ""
    title = f"<summary><h2>{_e(view.words('quiet'))}</h2></summary>"
    return f'<section><details{shown}>{title}\n<div class="row">{"".join(items)}</div></details></section>\n'


def _pictures(view: View) -> str:
    """Each is a link to itself in its full size."""
    items = []
    for each in view.pictures:
        address = f"/pictures/{_e(each.file)}"
        alt = _e(view.words("rang_at", time=_clock(each.at_s)))
        image = f'<img src="{address}" loading="lazy" alt="{alt}">'
        items.append(f'<a href="{address}">{image}<span aria-hidden="true">{_clock(each.at_s)}</span></a>')
    return _section(view.words("who_rang"), f'<div class="pictures">{"".join(items)}</div>\n') if items else ""


def _accounts(view: View) -> str:
    items = []
    for name, account in table(view.status, "accounts").items():
        good = part(account, "registered") is True
        detail = _e(str(part(account, "detail") or ""))
        items.append(f'<li class="{"good" if good else "bad"}"><strong>{_e(name)}</strong>: {detail}</li>')
    return _section(view.words("servers"), f"<ul>{''.join(items)}</ul>\n") if items else ""


def _quality(view: View) -> str:
    if not view.calls:
        return ""
    columns = ("time", "codec", "heard", "sent", "delay", "loss")
    head = "".join(f'<th scope="col">{_e(view.words(column))}</th>' for column in columns)
    lines = []
    for row in view.calls:
        sent = row.fields.get("sent")
        cells = (
            _clock(row.at_s),
            row.fields.get("codec"),
            row.fields.get("heard"),
            "–" if sent is None else sent,
            f"{row.fields.get('delay_ms')} ms",
            f"{row.fields.get('loss_percent')} %",
        )
        lines.append(f"<tr>{''.join(f'<td>{_e(str(cell))}</td>' for cell in cells)}</tr>")
    caption = f"<caption>{_e(view.words('scores'))}</caption>"
    return _section(view.words("last_calls"), f'<div class="wide"><table>{caption}<tr>{head}</tr>{"".join(lines)}</table></div>\n')


def _records(view: View) -> str:
    items = []
    for row in view.rows:
        items.append(f"<li>{_time(row.at_s)} {_e(view.words.record(row))}</li>")
    return _section(view.words("latest"), f'<ol class="log">{"".join(items)}</ol>\n') if items else ""


def _time(at_s: float) -> str:
    """For people, and for machines as well."""
    stated = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at_s))
    return f'<time datetime="{stated}">{_clock(at_s)}</time>'


def _clock(at_s: float) -> str:
    return time.strftime("%d.%m. %H:%M:%S", time.localtime(at_s))


def _e(text: str) -> str:
    return _escape(text, quote=True)
