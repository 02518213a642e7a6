"""The programs that tests put in place of real ones, and the record of how they were called."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RECORDER = """\
#!{python} -SE
import json, os, sys
call = {{"name": {name!r}, "args": sys.argv[1:], "cwd": os.getcwd(), "job": os.environ.get("GITHUB_JOB", ""),
        "run_id": int(os.environ.get("GITHUB_RUN_ID") or 0)}}
with open({record!r}, "a") as record:
    record.write(json.dumps(call) + "\\n")
if {script!r}:
    os.execv({script!r}, [{name!r}, *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Call:
    """One call of a replaced program."""

    name: str
    args: tuple[str, ...]
    cwd: Path
    job: str
    run_id: int


class Executables:
    """A folder that comes first on every job's PATH."""

    def __init__(self, folder: Path, scripts: Mapping[str, Path | None], tools: Path | None) -> None:
        """Replace each name by its script; `None` is a program that does nothing and succeeds."""
        self.folder = folder / "bin"
        self.folder.mkdir()
        self._tools = tools
        self._record = folder / "calls.jsonl"
        for name, script in scripts.items():
            text = RECORDER.format(
                python=sys.executable, name=name, record=str(self._record), script=str(script) if script else ""
            )
            self._install(name, text)
        cli = Path(__file__).with_name("gh")
        self._install("gh", f'#!/bin/sh\nexec "{sys.executable}" -ES "{cli}" "$@"\n')

    def path(self, added: list[str]) -> str:
        """Return PATH for a step; `added` came through `$GITHUB_PATH`, the newest last."""
        tools = [str(self._tools)] if self._tools else []
        # The python3 of a version manager takes longer to find an interpreter than most scripts take to run.
        python = str(Path(sys.executable).resolve().parent)
        return os.pathsep.join([str(self.folder), *reversed(added), *tools, python, os.environ["PATH"]])

    def calls(self, name: str) -> list[Call]:
        """Return every call of a replaced program, in order."""
        lines = self._record.read_text().splitlines() if self._record.exists() else []
        records = [json.loads(line) for line in lines]
        return [
            Call(item["name"], tuple(item["args"]), Path(item["cwd"]), item["job"], item["run_id"])
            for item in records
            if item["name"] == name
        ]

    def _install(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
