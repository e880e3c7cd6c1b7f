"""`portero.toml` -> Settings: the schema's classes are read as the description of what may stand in the file.

Every mistake is reported, not the first: a value that does not fit is replaced by a harmless one, so that the checks of the whole can still
look at the others.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeGuard, TypeVar, Union, get_args, get_origin

from firmware.config.checks import suggestion
from firmware.config.path import Path
from firmware.config.problems import ConfigErrors, Problem, Report
from firmware.config.rules import check_rules
from firmware.config.schema import Settings
from firmware.config.secrets import Secret, read_credential, read_secret
from firmware.errors import ConfigError

FILE_BYTES_MAX = 1 << 20  # a station with 10 000 codes has half of this
TABLES_MAX = 10_000  # of one kind; bounds the work that a file can ask for
SECRET_WAYS = ("", "_file", "_credential")
PLAIN_TYPES = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}

T = TypeVar("T")


def load(path: FilePath, *, credentials: str | None = None, outside_service: bool = False, flats: FilePath | None = None) -> Settings:
    """The settings in the file at `path`. Raises ConfigErrors with every mistake.

    `credentials` is the directory of systemd credentials, by default that of this process. Where there is none, a secret that comes from
    one is a mistake, or with `outside_service` a warning and an empty secret: for checking a file that only the service can use. `flats`:
    a file of flats to read in place of the configuration's.
    """
    text = _text(path, _read(path))
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _broken(path, text, error) from error
    reader = _Reader(path.parent, credentials or os.environ.get("CREDENTIALS_DIRECTORY"), Report(text), outside_service=outside_service)
    settings = reader.settings(tree, flats)
    if reader.inline_secrets and path.stat().st_mode & 0o004:
        reader.report.warnings.append(f"{path} holds secrets and every user of this machine may read it; run: chmod o-rwx {path}")
    if reader.report.problems:
        raise ConfigErrors(str(path), reader.report.problems)
    return settings._replace(warnings=tuple(reader.report.warnings))


def _read(path: FilePath) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise _only(path, 0, f"the file cannot be read ({error.strerror})", "check its name and who may read it") from error
    if len(data) > FILE_BYTES_MAX:
        raise _only(path, 0, f"the file is larger than {FILE_BYTES_MAX} bytes", "check that this is the configuration")
    return data


def _text(path: FilePath, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # the editor of Windows begins a file with a byte order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _only(path, line, "this is not UTF-8 text", "save the file as UTF-8") from error


def _only(path: FilePath, line: int, wrong: str, remedy: str) -> ConfigErrors:
    return ConfigErrors(str(path), (Problem(line=line, key="", wrong=wrong, remedy=remedy),))


def _broken(path: FilePath, text: str, error: tomllib.TOMLDecodeError) -> ConfigErrors:
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
    what = str(error)[: place.start()] if place else str(error)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    from firmware.config.broken_toml import remedy_for  # for a mistake alone

    there = text.split("\n")[line - 1]
    return _only(path, line, f"this is not TOML: {what[:1].lower()}{what[1:]}", remedy_for(there, what))


class _Reader:
    def __init__(self, directory: FilePath, credentials: str | None, report: Report, *, outside_service: bool) -> None:
        self._outside_service = outside_service
        self._directory = directory
        self._credentials = credentials
        self.report = report
        self.inline_secrets = False

    def settings(self, tree: Mapping[str, object], flats: FilePath | None = None) -> Settings:
        sections = {name: kind for name, kind in Settings.__annotations__.items() if name != "warnings"}
        self._refuse_unknown((), tree, sections)
        found: dict[str, object] = {}
        for name, kind in sections.items():
            if name not in tree:
                continue
            if get_origin(kind) is tuple:
                found[name] = self._tables(get_args(kind)[0], tree[name], name)
            else:
                found[name] = self._table(kind, tree[name], (name,))
        settings = _made(Settings, found)
        if settings.flat or settings.flats.keypads:
            from firmware.config.flats import check_flats, with_flats_of_file  # reads CSV, which most doors are spared

            check_flats(settings, self.report)
            settings = with_flats_of_file(settings, flats or self._directory / settings.flats.file, self.report)
        check_rules(settings, self.report)
        return settings

    def _refuse_unknown(self, path: Path, given: Mapping[str, object], known: Mapping[str, object]) -> None:
        for key in given:
            if key not in known:
                self.report.complain((*path, key), "there is no such key" if path else "there is no such section", suggestion(key, known))

    def _tables(self, kind: Callable[..., object], raw: object, name: str) -> tuple[object, ...]:
        if not isinstance(raw, list) or not all(isinstance(table, dict) for table in raw):
            self.report.complain((name,), "this section may stand several times", f"write [[{name}]] with two brackets")
            return ()
        if len(raw) > TABLES_MAX:
            self.report.complain((name,), f"there are {len(raw)} of them", f"keep to {TABLES_MAX}")
            return ()
        return tuple(self._table(kind, table, (name, index)) for index, table in enumerate(raw))

    def _table(self, kind: Callable[..., T], raw: object, path: Path) -> T:
        known = kind.__annotations__
        ways = {name + way: name for name, type_ in known.items() for way in (SECRET_WAYS if _is_secret(type_) else ("",))}
        if not isinstance(raw, dict):
            self.report.complain(path, "this is a section, not a value", f"write [{path[0]}] on a line of its own")
            raw = {}
        if isinstance(raw.get("name"), str) and len(path) == 2:
            self.report.call(path, raw["name"])
        self._refuse_unknown(path, raw, ways)
        defaults: Mapping[str, object] = getattr(kind, "_field_defaults", {})
        values: dict[str, object] = {}
        for name, type_ in known.items():
            written = [name + way for way in SECRET_WAYS if ways.get(name + way) == name and name + way in raw]
            if written:
                values[name] = self._value(type_, raw, path, written)
            elif name not in defaults:
                self.report.complain((*path, name), "this key is missing", f"add: {name} = …")
                values[name] = _harmless(type_)
        return _made(kind, values)

    def _value(self, kind: object, raw: Mapping[str, object], path: Path, written: list[str]) -> object:
        key = written[0]
        if len(written) > 1:
            self.report.complain((*path, written[1]), f"{key} says the same", "keep one of them")
        if not _is_secret(kind):
            return self._fitted(kind, raw[key], (*path, key))
        self.report.secret_stands(path, key)
        if key.endswith("_credential") and self._outside_service and not self._credentials:
            self.report.leave((*path, key), f"credential {_written(raw[key])} is known to the service only, and was not checked")
            return Secret("")
        try:
            return self._secret(key, raw[key])
        except ConfigError as error:
            wrong, _, remedy = str(error).partition("; ")
            self.report.complain((*path, key), wrong, remedy)
            return Secret("")

    def _secret(self, key: str, raw: object) -> Secret:
        if not isinstance(raw, str) or not raw:
            raise ConfigError("this is not a text; give a text in quotes")
        if key.endswith("_file"):
            return read_secret(self._directory / raw)
        if key.endswith("_credential"):
            return read_credential(raw, self._credentials)
        self.inline_secrets = True
        return Secret(raw)

    def _fitted(self, kind: object, raw: object, path: Path) -> object:
        """`raw` as a value of type `kind`, or after a complaint something harmless of that type."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            value = self._fitted(arguments[0], raw, path)
            for check in arguments[1:]:
                if (complaint := check(value)) is not None:
                    self.report.complain(path, *complaint)
            return value
        if origin is tuple:
            if not isinstance(raw, list):
                self.report.complain(path, f"{_written(raw)} is not a list", "put it into brackets: [ … ]")
                return ()
            return tuple(self._fitted(arguments[0], element, (*path, index)) for index, element in enumerate(raw))
        if origin in (Union, UnionType):
            return self._fitted_to_one_of(arguments, raw, path)
        if origin is Literal:
            if raw in arguments and type(raw) is type(arguments[0]):
                return raw
            self.report.complain(path, f"{_written(raw)} is not known here", "give " + " or ".join(_written(each) for each in arguments))
            return arguments[0]
        return self._plain(kind, raw, path)

    def _fitted_to_one_of(self, kinds: tuple[object, ...], raw: object, path: Path) -> object:
        """A union: a text is read as its word if there is one, everything else as its main type."""
        main = next(kind for kind in kinds if kind is not NoneType)
        words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
        if raw in words:
            return raw
        if words and isinstance(raw, str):
            number = "" if get_origin(main) is Literal else "a number or "
            self.report.complain(path, f"{_written(raw)} is not known here", f"give {number}{' or '.join(map(_written, words))}")
            return words[0]
        return self._fitted(main, raw, path)

    def _plain(self, kind: object, raw: object, path: Path) -> object:
        if kind is float and type(raw) is int:
            return float(raw)
        if type(raw) is kind:
            return raw
        wanted = next(text for plain, text in PLAIN_TYPES.items() if plain is kind)
        remedy = f"write it without quotes: {path[-1]} = {raw.strip()}" if _is_quoted(raw, kind) else f"give {wanted}"
        self.report.complain(path, f"{_written(raw)} is not {wanted}", remedy)
        return _harmless(kind)


def _made(kind: Callable[..., T], values: Mapping[str, object]) -> T:
    return kind(**values)


def _is_secret(kind: object) -> bool:
    return kind is Secret or Secret in get_args(kind)


def _is_quoted(raw: object, kind: object) -> TypeGuard[str]:
    """Whether a text would be the value that is wanted, were it not for its quotes."""
    looks = {int: r"-?\d{1,9}", float: r"-?\d{1,9}(\.\d{1,9})?", bool: "true|false"}.get(kind)  # type: ignore[call-overload]  # any object
    return looks is not None and isinstance(raw, str) and re.fullmatch(looks, raw.strip()) is not None


def _harmless(kind: object) -> object:
    """Something of the type, in place of a value about which a complaint was made."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_origin(kind) is tuple:
        return ()
    return {str: "", int: 0, float: 0.0, bool: False, Secret: Secret("")}[kind]  # type: ignore[index]  # a plain type of the schema


def _written(raw: object) -> str:
    """A value as it may stand in the file, shortened."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    text = f'"{raw}"' if isinstance(raw, str) else str(raw)
    return text if len(text) <= 40 else text[:39] + "…"
