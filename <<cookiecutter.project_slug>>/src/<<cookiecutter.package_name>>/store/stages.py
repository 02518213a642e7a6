"""The life of a model version, None → Staging → Production → Archived, as a history that is kept in its tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

Stage = Literal["None", "Staging", "Production", "Archived"]
STAGE, HISTORY = "stage", "stage.history"


@dataclass(frozen=True)
class Transition:
    """A step of a version's life: when (UTC, ISO 8601), by whom and why."""

    before: Stage
    after: Stage
    at: str
    by: str
    why: str


def history(tags: Mapping[str, str]) -> list[Transition]:
    """Return the transitions in `tags`, oldest first."""
    return [Transition(**step) for step in json.loads(tags.get(HISTORY, "[]"))]


def current(tags: Mapping[str, str]) -> Stage:
    """Return the stage after the last transition in `tags`."""
    steps = history(tags)
    return steps[-1].after if steps else "None"


def move(tags: Mapping[str, str], stage: Stage, *, by: str, why: str) -> dict[str, str]:
    """Return the tags to set so that the version is in `stage`; nothing new is noted when it already is."""
    steps = history(tags)
    if current(tags) != stage:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        steps.append(Transition(current(tags), stage, now, by, why))
    return {HISTORY: json.dumps([asdict(step) for step in steps], ensure_ascii=False), STAGE: stage}
