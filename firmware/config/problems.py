"""What is wrong with a configuration: every mistake with its line, its key and the remedy, all at once."""

from __future__ import annotations

from typing import NamedTuple

from firmware.config.path import Path
from firmware.errors import ConfigError

PROBLEMS_SHOWN_MAX = 100  # a file of another format must not flood the terminal


class Problem(NamedTuple):
    """One mistake. `line` is 0 when it concerns the file as a whole."""

    line: int
    key: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        where = ", ".join(part for part in (f"line {self.line}" if self.line else "", self.key) if part)
        return f"{where}: {self.wrong}; {self.remedy}" if where else f"{self.wrong}; {self.remedy}"


class ConfigErrors(ConfigError):  # noqa: N818 - the plural says what it is: every mistake of one file
    """The configuration cannot be used. `problems` holds every mistake, in the order of their lines."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        shown = [f"  {problem}" for problem in problems[:PROBLEMS_SHOWN_MAX]]
        hidden = len(problems) - len(shown)
        more = [f"  … and {hidden} more"] if hidden else []
        super().__init__("\n".join([f"{file}: {len(problems)} mistake{'s' if len(problems) != 1 else ''}", *shown, *more]))
        self.problems = problems


class Report:
    """Collects mistakes and warnings while one file is read. A key is complained about once: its first mistake explains the others."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Path, int] | None = None
        self._secrets: dict[Path, Path] = {}
        self._complained: set[Path] = set()
        self._names: dict[Path, str] = {}
        self._problems: list[Problem] = []
        self.warnings: list[str] = []

    def call(self, path: Path, name: str) -> None:
        """Let messages about the table at `path` use its name instead of its number."""
        self._names[path] = name

    def complain(self, path: Path, wrong: str, remedy: str) -> None:
        """Note a mistake at `path`."""
        if path in self._complained:
            return
        self._complained.add(path)
        self._problems.append(Problem(line=self.line(path), key=self.shown(path), wrong=wrong, remedy=remedy))

    def complain_of(self, path: Path, place: str, wrong: str, remedy: str) -> None:
        """Note a mistake in another file, which the key at `path` names; `place` says where in it. There may be many."""
        self._complained.add(path)
        self._problems.append(Problem(line=self.line(path), key=f"{self.shown(path)}, {place}", wrong=wrong, remedy=remedy))

    def sound(self, path: Path) -> bool:
        """Whether the value at `path` is what the file says, and not a replacement after a complaint."""
        return path not in self._complained

    def secret_stands(self, table: Path, key: str) -> None:
        """Remember under which of its three keys the table's secret is written."""
        self._secrets[table] = (*table, key)

    def secret_of(self, table: Path) -> Path:
        """The key under which the table's secret is written; the table itself when there is none."""
        return self._secrets.get(table, table)

    def leave(self, path: Path, warning: str) -> None:
        """Let nobody complain about the value at `path`, which could not be looked at; the warning says so."""
        self._complained.add(path)
        self.warnings.append(f"{self.shown(path)}: {warning}")

    def line(self, path: Path) -> int:
        """The line of the key, or of the nearest table around it. The text is searched only for a mistake."""
        if self._lines is None:
            from firmware.config.locate import lines_of

            self._lines = lines_of(self._text)
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def shown(self, path: Path) -> str:
        """The key as people write it: `button[front].targets`."""
        text = ""
        for depth, part in enumerate(path):
            if isinstance(part, int):
                text += f"[{self._names.get(path[: depth + 1], part + 1)}]"
            else:
                text += f".{part}" if text else part
        return text

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(sorted(self._problems, key=lambda problem: problem.line))
