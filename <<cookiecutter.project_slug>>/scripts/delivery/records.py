"""What a delivery did: `artifacts/deployment.json` for later steps, Markdown for the page of the workflow run."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import DeliveryError, MisuseError

DEPLOYMENT = Path("artifacts/deployment.json")
SMOKE = Path("artifacts/smoke.json")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was seen and what was wanted, in words."""

    name: str
    passed: bool
    seen: str
    wanted: str


@dataclass(frozen=True)
class Pinned:
    """A release that can be had again: its image by digest, and the model inside when that is known."""

    image: str
    model_version: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Record:
    """A delivery and its outcome.

    started: nothing more is known, it was killed; deployed: the environment runs what was asked for; rolled-back: that
    failed, and what was good before is back; failed: what it runs is not known; refused: nothing was changed.
    `image`, `model_version` and `run_id` are the release that was asked for; `previous` is what was good before.
    """

    environment: str
    namespace: str
    action: str
    image: str
    model_version: str | None = None
    run_id: str | None = None
    previous: Pinned | None = None
    running: Pinned | None = None
    outcome: str = "started"
    reason: str = ""
    error: str | None = None
    actor: str = ""
    git_sha: str | None = None
    run_url: str | None = None
    started: str = ""
    finished: str | None = None
    checks: Sequence[Check] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def ended(self, outcome: str, **changes: Any) -> Record:
        """Return the record of the same delivery with its outcome, the time and other `changes`."""
        return replace(self, outcome=outcome, finished=now(), **changes)

    def write(self, path: Path = DEPLOYMENT) -> None:
        """Write the record as `deployment/1`."""
        write_json(path, {"format": "deployment/1", **asdict(self)})


def begin(environment: str, namespace: str, action: str, image: str, reason: str = "") -> Record:
    """Return the record of a delivery that starts now, with who started it from where."""
    return Record(
        environment,
        namespace,
        action,
        image,
        reason=reason,
        actor=actor(),
        git_sha=commit(),
        run_url=run_url(),
        started=now(),
    )


def commit() -> str | None:
    """Return the commit whose files are at work: that of the checkout, which is not always the one of the run."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return os.environ.get("GITHUB_SHA")
    return done.stdout.strip() or os.environ.get("GITHUB_SHA")


def actor() -> str:
    """Return who started this: the account on GitHub, or the user of this machine."""
    try:
        return os.environ.get("GITHUB_ACTOR") or f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}@{socket.gethostname()}"


def run_url() -> str | None:
    """Return the address of the workflow run that this process belongs to; None outside of one."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server or 'https://github.com'}/{repository}/actions/runs/{run}" if repository and run else None


def now() -> str:
    """Return the time as in `2026-11-21T04:07:00Z`."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_json(path: Path, expect: str, writer: str) -> dict[str, Any]:
    """Return the document at `path`, whose format must be `expect`. Raises MisuseError naming what writes it."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise MisuseError(f"{path}: not found; run {writer} first") from error
    except (OSError, ValueError) as error:
        raise MisuseError(f"{path}: cannot be read as JSON ({error}); run {writer} again") from error
    seen = document.get("format") if isinstance(document, dict) else None
    if seen != expect:
        raise MisuseError(f"{path}: format is {seen!r}, wanted {expect!r}; run {writer} again")
    return dict(document)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write `document` so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
    ) as draft:
        try:
            draft.write(text)
            draft.flush()
            os.chmod(draft.name, 0o644)  # temporary files are private; what steps hand on is not
            os.replace(draft.name, path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise


def summarise(markdown: str) -> None:
    """Append to the page of the workflow run; outside of one, do nothing."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(markdown.rstrip("\n") + "\n\n")


def output(name: str, value: str) -> None:
    """Hand `name=value` to later steps of the workflow; outside of one, do nothing.

    Raises DeliveryError when the value has a line break: what follows it would be another output.
    """
    if len(value.splitlines()) > 1 or value != value.rstrip("\r\n"):
        raise DeliveryError(f"the output {name} is {value!r}, wanted one line")
    if path := os.environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{name}={value}\n")


def carry_out(record: Record, attempt: Callable[[Record], Record]) -> Record:
    """Return what `attempt` makes of `record`; file and page say how it ended, whichever way it does."""
    record.write()
    try:
        record = attempt(record)
    except (DeliveryError, KeyboardInterrupt) as error:
        record = record.ended("refused", error=str(error))
        raise
    finally:
        record.write()
        summarise(as_markdown(record))
    return record


def as_markdown(record: Record) -> str:
    """Return the record as a section for people."""
    facts = [
        ("Release", code(record.image)),
        ("Model", cell(record.model_version or "not known")),
        ("Before", code(record.previous.image) if record.previous else "nothing"),
        ("Running now", code(record.running.image) if record.running else "not known"),
        ("Reason", cell(record.reason or "-")),
    ]
    lines = [f"## {record.action.capitalize()} to {record.environment}: {record.outcome}", ""]
    lines += [f"**{cell(record.error)}**", ""] if record.error else []
    lines += ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in facts), ""]
    return "\n".join(lines) + ("\n" + check_table(record.checks) if record.checks else "")


def check_table(checks: Iterable[Check]) -> str:
    """Return checks as a Markdown table."""
    rows = (f"| {mark(check)} {cell(check.name)} | {cell(check.seen)} | {cell(check.wanted)} |" for check in checks)
    return "\n".join(["| check | seen | wanted |", "| --- | --- | --- |", *rows]) + "\n"


def mark(check: Check) -> str:
    """Return ✓ for a check that passed, ✗ for one that did not."""
    return "✓" if check.passed else "✗"


def cell(value: object) -> str:
    """Return `value` so that it can neither leave its Markdown cell nor be read as markup."""
    flat = " ".join(str(value).split())
    return "".join("\\" + letter if letter in "\\|`*_<>[]~#@&" else letter for letter in flat)


def code(value: object) -> str:
    """Return `value` as a Markdown code span that can stand in a table."""
    return "`" + " ".join(str(value).split()).replace("`", "'").replace("|", "\\|") + "`"


def fenced(text: str, language: str = "") -> str:
    """Return `text` as a Markdown block that nothing inside can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
