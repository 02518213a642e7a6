"""Write what was inferred as the files of a contract.

The table may shrink to half its rows, a column may hold one and a half times the nulls plus five points of the rows,
and the rarest class may halve its share, before `dataset.toml` refuses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contracts.semantics import Json
from .infer_columns import Proposal
from .infer_target import Target

GATES = """\
# Written by scripts/infer_contract.py: what any useful model shows. Raise these once you know what is possible.

# Each metric must be present and inside its limits on the hold-out rows.
[metrics]
skill = { min = 0.01 } # better than always predicting the average of the training rows, whose skill is 0

# On the same hold-out rows, resampled together: the lower end of the interval of (new - champion).
[champion]
metric = "skill"
max_regression = 0.02
must_improve = false

[limits]
latency_ms = 100.0 # processor time of the slowest of several rows, each asked alone, at its quickest call
model_mb = 50.0
"""


@dataclass(frozen=True)
class Inferred:
    """A proposed contract: the row schema, `dataset.toml`, `gates.toml`, and what a person should know."""

    schema: dict[str, Json]
    expectations: str
    gates: str
    notices: tuple[str, ...]


def render(
    paths: Sequence[Path], proposals: Sequence[Proposal], target: Target, delimiter: str, *, order: Sequence[str]
) -> Inferred:
    """Return the files of the contract, with columns in the `order` of the table."""
    rules = {each.profile.name: {**each.rules, "x-role": each.role} for each in proposals}
    rules[target.name] = {**target.rules, "x-role": "target"}
    names = list(order) or list(rules)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": paths[0].name.split(".")[0],
        "description": _description(paths, proposals),
        "x-version": "1.0.0",
        "type": "object",
        "properties": {name: rules[name] for name in names},
        "required": names,
        "additionalProperties": False,
    }
    notices = tuple(f"column {each.profile.name!r}: {each.notice}" for each in proposals if each.notice)
    return Inferred(schema, _expectations(proposals, target, delimiter), GATES, target.notices + notices)


def _description(paths: Sequence[Path], proposals: Sequence[Proposal]) -> str:
    rows = max((each.profile.rows for each in proposals), default=0)
    return (
        f"Inferred by scripts/infer_contract.py from {', '.join(path.name for path in paths[:3])} ({rows} rows). "
        "Limits of numbers are the range seen, widened by half of it on either side, without a change of sign. "
        "Read it, correct it, and describe each column."
    )


def _expectations(proposals: Sequence[Proposal], target: Target, delimiter: str) -> str:
    rows = max((each.profile.rows for each in proposals), default=1)
    lines = [
        "# Written by scripts/infer_contract.py: what must hold for the whole table, with room for the next one.",
        "",
        "[rows]",
        f"min = {max(rows // 2, 1)}",
    ]
    gaps = [each.profile for each in proposals if each.profile.nulls]
    if gaps:
        lines += ["", "# Largest share of missing cells per column.", "[nulls]"]
        lines += [f"{_quoted(gap.name)} = {_room(gap.nulls / gap.rows)}" for gap in gaps]
    keys = [each.profile.name for each in proposals if each.role == "id" and each.profile.unique]
    if keys:
        lines += ["", "[unique]", f"keys = [{', '.join(f'[{_quoted(key)}]' for key in keys)}]"]
    if target.rarest is not None:
        lines += ["", "# The rarest class has at least this share of the rows.", "[target]"]
        lines += [f"min_class_share = {math.floor(target.rarest / 2 * 1000) / 1000}"]
    lines += ["", "# A feature that says the same as the target.", "[leakage]", 'identical = "refuse"']
    if delimiter != ",":
        lines += ["", "[csv]", f"delimiter = {_quoted(delimiter)}"]
    return "\n".join(lines) + "\n"


def _room(share: float) -> float:
    return min(math.ceil((share * 1.5 + 0.05) * 100) / 100, 1.0)


def _quoted(text: str) -> str:
    """Return `text` as a TOML string; JSON's are the same but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
