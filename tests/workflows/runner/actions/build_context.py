"""What a build sees: the context without what .dockerignore leaves out, and the digests that follow from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

GLOB = re.compile(r"\*\*/|\*\*|\*|\?")
MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def image_digest(folder: Path, options: Mapping[str, str]) -> str:
    """Return a digest that changes with any file of the build context and with any option."""
    digest = hashlib.sha256(json.dumps(dict(options), sort_keys=True).encode())
    for path in context_files(folder):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def context_files(folder: Path) -> Iterator[Path]:
    """Yield the files of the build context; of the lines of .dockerignore that match a path the last one decides."""
    file = folder / ".dockerignore"
    lines = [line.strip() for line in file.read_text().splitlines()] if file.is_file() else []
    rules = [(_pattern(line.removeprefix("!")), line.startswith("!")) for line in lines if line and line[0] != "#"]
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts):
        name = str(path.relative_to(folder))
        if next((kept for pattern, kept in reversed(rules) if pattern.fullmatch(name)), True):
            yield path


def _pattern(line: str) -> re.Pattern[str]:
    """Translate a line, which also means everything below the folder that it names."""
    parts, place = [], 0
    for found in GLOB.finditer(line):
        parts += [re.escape(line[place : found.start()]), MEANING[found[0]]]
        place = found.end()
    return re.compile("".join([*parts, re.escape(line[place:])]).strip("/") + "(?:/.*)?")
