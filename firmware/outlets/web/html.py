"""The page's words. Everything that comes from outside is escaped where it is put in, by `_e`, and nowhere else."""

from __future__ import annotations

import time
from html import escape as _escape
from typing import NamedTuple

from firmware.outlets.logins import Login, May
from firmware.outlets.seam import Json, KeptPicture, Names, Row, part, table

SHELL = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="/page.css">
{script}</head>
<body>
<header><h1>{title}</h1>{aside}</header>
<main>
{body}</main>
</body>
</html>
"""
STATES = {"idle": "Nobody is calling", "calling": "It rings", "offered": "Somebody calls the door", "talking": "In a call"}


class View(NamedTuple):
    """What the door's page shows, to whom, and the key of its forms."""

    names: Names
    status: Json
    rows: tuple[Row, ...]
    calls: tuple[Row, ...]
    pictures: tuple[KeptPicture, ...]
    login: Login
    form_key: str


def door(view: View) -> bytes:
    """State, locks, calls and the newest records."""
    parts = [_ills(view), _call(view), _locks(view), _pictures(view), _accounts(view), _quality(view), _records(view)]
    aside = _form(view, "/logout", f"Log out {view.login.name}", css="quiet")
    return _page(view.names.station, "".join(parts), aside=aside, script='<script src="/page.js" defer></script>\n')


def log_in(station: str, wrong: str = "") -> bytes:
    """The form for name and password."""
    alert = f'<p role="alert" class="bad">{_e(wrong)}</p>\n' if wrong else ""
    body = (
        f'<form method="post" action="/login" class="stack">\n{alert}'
        '<label>Name <input name="name" autocomplete="username" autocapitalize="none" required></label>\n'
        '<label>Password <input name="password" type="password" autocomplete="current-password" required></label>\n'
        "<button>Log in</button>\n</form>\n"
    )
    return _page(station, body)


def no_password(station: str) -> bytes:
    """There is no default password, so nobody can come in until one was set."""
    body = "<p>Nobody may log in yet. Set a password at the device:</p>\n<pre>portero logins password NAME</pre>\n"
    return _page(station, body)


def wrong(station: str, text: str) -> bytes:
    """Why something was not done."""
    return _page(station, f'<p role="alert" class="bad">{_e(text)}</p>\n<p><a href="/">Back</a></p>\n')


def _page(title: str, body: str, aside: str = "", script: str = "") -> bytes:
    return SHELL.format(title=_e(title), body=body, aside=aside, script=script).encode()


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>\n{body}</section>\n"


def _form(view: View, action: str, label: str, name: str = "", do: str = "", css: str = "") -> str:
    """A button that posts. Its label says the whole of what it does, also to who hears the page."""
    fields = {"key": view.form_key, "name": name, "do": do}
    hidden = "".join(f'<input type="hidden" name="{key}" value="{_e(value)}">' for key, value in fields.items() if value)
    shown = f' class="{css}"' if css else ""
    return f'<form method="post" action="{action}">{hidden}<button{shown}>{_e(label)}</button></form>'


def _ills(view: View) -> str:
    ills = [f"<li>{_e(name)}: {_e(str(detail))}</li>" for name, detail in table(view.status, "health").items()]
    return f'<div role="alert" class="bad"><ul>{"".join(ills)}</ul></div>\n' if ills else ""


def _call(view: View) -> str:
    state = str(part(view.status, "call", "state"))
    party = part(view.status, "call", "party")
    words = STATES.get(state, state) + (f" with {party}" if party else "")
    body = f'<p role="status" class="state">{_e(words)}</p>\n'
    if May.RING in view.login.may:
        if state == "idle":
            buttons = [_form(view, "/press", f"Ring as {name}", name=name, css="quiet") for name in view.names.buttons]
            buttons += [_form(view, "/call", f"Call {name}", name=name, css="quiet") for name in view.names.targets]
        else:
            buttons = [_form(view, "/hangup", "Hang up", css="warn")]
        body += f'<div class="row">{"".join(buttons)}</div>\n'
    return _section("Call", body)


def _locks(view: View) -> str:
    items = []
    for name in view.names.locks:
        mode = str(part(view.status, "modes", name) or "normal")
        now = "open" if part(view.status, "locks", name) else "shut"
        words = now if mode == "normal" else f"{now}, {mode}"
        items.append(f'<div class="lock"><p><strong>{_e(name)}</strong> is {_e(words)}</p>{_lock_buttons(view, name, mode)}</div>\n')
    return _section("Locks", "".join(items)) if items else ""


def _lock_buttons(view: View, name: str, mode: str) -> str:
    if May.OPEN not in view.login.may:
        return ""
    buttons = [_form(view, "/lock", f"Open {name}", name=name, do="open")]
    if mode != "normal":
        buttons.append(_form(view, "/lock", f"{name} back to normal", name=name, do="normal", css="quiet"))
    else:
        if name in view.names.held:
            buttons.append(_form(view, "/lock", f"Hold {name} open", name=name, do="hold", css="quiet"))
        buttons.append(_form(view, "/lock", f"Keep {name} shut", name=name, do="lock", css="quiet"))
    return f'<div class="row">{"".join(buttons)}</div>'


def _pictures(view: View) -> str:
    """Each is a link to itself in its full size."""
    items = []
    for each in view.pictures:
        address = f"/pictures/{_e(each.file)}"
        items.append(f'<a href="{address}"><img src="{address}" loading="lazy" alt="Who rang at {_clock(each.at_s)}"></a>')
    return _section("Who rang", f'<div class="row pictures">{"".join(items)}</div>\n') if items else ""


def _accounts(view: View) -> str:
    items = []
    for name, account in table(view.status, "accounts").items():
        good = part(account, "registered") is True
        detail = _e(str(part(account, "detail") or ""))
        items.append(f'<li class="{"good" if good else "bad"}"><strong>{_e(name)}</strong>: {detail}</li>')
    return _section("Servers", f"<ul>{''.join(items)}</ul>\n") if items else ""


def _quality(view: View) -> str:
    if not view.calls:
        return ""
    head = "<tr><th>Time</th><th>Codec</th><th>Heard</th><th>Sent</th><th>Delay</th><th>Loss</th></tr>"
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
    caption = "<caption>Scores from 1 to 4.5 of what each side heard</caption>"
    return _section("Last calls", f'<div class="wide"><table>{caption}{head}{"".join(lines)}</table></div>\n')


def _records(view: View) -> str:
    items = []
    for row in view.rows:
        words = ", ".join(f"{name} {value}" for name, value in row.fields.items() if value not in (None, "", False) and name != "press")
        items.append(f"<li><time>{_clock(row.at_s)}</time> <strong>{_e(row.kind)}</strong> {_e(words)}</li>")
    return _section("Latest", f'<ol class="log">{"".join(items)}</ol>\n') if items else ""


def _clock(at_s: float) -> str:
    return time.strftime("%d.%m. %H:%M:%S", time.localtime(at_s))


def _e(text: str) -> str:
    return _escape(text, quote=True)
