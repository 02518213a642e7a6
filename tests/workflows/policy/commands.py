"""The commands of a `run:` script, as far as they call scripts of the repository."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

OPERATORS = re.compile(r"^(?:&&|\|\||[;|&(){}]|;;)$")
ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
PYTHON = re.compile(r"^(?:.*/)?python(?:3(?:\.\d+)?)?$")
KEYWORDS = {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "time", "exec", "{", "}"}


@dataclass(frozen=True)
class Command:
    """One simple command with its words, where it runs, and the script that it calls if any."""

    words: tuple[str, ...]
    directory: str
    script: str | None
    arguments: tuple[str, ...] = ()

    @property
    def direct(self) -> bool:
        """Tell whether the script is called by its path, not through an interpreter."""
        return self.script == self.words[0]

    @property
    def options(self) -> list[str]:
        """Return the long options without their values."""
        return [word.partition("=")[0] for word in self.arguments if word.startswith("--") and word != "--"]

    @property
    def subcommand(self) -> str:
        """Return the first argument when it is a plain word."""
        first = self.arguments[0] if self.arguments else ""
        return first if re.fullmatch(r"[a-z][a-z-]*", first) else ""


def commands(script: str, directory: str) -> Iterator[Command]:
    """Yield the simple commands of a script."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.wordchars += "$"
        words: list[str] = []
        for token in [*lexer, ";"]:
            if not OPERATORS.match(token):
                words.append(token)
                continue
            plain = _plain(words)
            if plain:
                yield _command(plain, directory)
            words = []


def _plain(words: list[str]) -> list[str]:
    """Drop keywords, assignments and `uv run` with its options from the front."""
    rest = list(words)
    while rest and (rest[0] in KEYWORDS or ASSIGNMENT.match(rest[0])):
        rest.pop(0)
    if rest[:2] == ["uv", "run"]:
        rest = rest[2:]
        while rest and rest[0].startswith("-"):
            rest.pop(0)
    return rest


def _command(words: list[str], directory: str) -> Command:
    first, rest = words[0], words[1:]
    if PYTHON.match(first) or first in ("bash", "sh"):
        options = [word for word in rest if word.startswith("-")]
        positional = next((number for number, word in enumerate(rest) if not word.startswith("-")), None)
        if positional is not None and "-c" not in options and "-m" not in options:
            return Command(tuple(words), directory, rest[positional], tuple(rest[positional + 1 :]))
    elif "/" in first and PurePosixPath(first).suffix in (".py", ".sh"):
        return Command(tuple(words), directory, first, tuple(rest))
    return Command(tuple(words), directory, None)
