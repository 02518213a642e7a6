"""Propose a contract for any table: what each column is, what it may hold, and which column is predicted.

Every decision that a person may want to change comes with a notice. A contract is a promise about future rows, so
limits get room: see `infer_columns` for those of a cell and `infer_files` for those of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..contracts.contract import Contract, Violation, from_schema
from ..contracts.csv_cells import NULL_MARKERS
from ..contracts.expectations import parse
from ..dataset import raw_tables, tables
from ..dataset.data_report import summary
from ..dataset.validation import validate
from ..errors import DataError, did_you_mean
from . import infer_files
from .column_profile import Profile, profile
from .infer_columns import CHANGE, Proposal, propose, propose_timestamp
from .infer_files import Inferred
from .infer_target import Target, Wishes, infer_target
from .normalising import blanks_in_names, command

SHOWN = 5
LEAST_BARE = 2  # columns that a row of totals leaves empty
# A word that many tables use for a class of its own, and pandas writes for a missing value.
CLASS_WORDS = ("None",)


def infer(paths: Sequence[Path], wishes: Wishes) -> Inferred:
    """Return the contract that the table in `paths` keeps, as far as its values can tell.

    The table is read into memory as a whole. Raises DataError when there is nothing to predict, or nothing to predict
    from.
    """
    table = raw_tables.read_raw(paths, wishes.delimiter)
    _demand_columns(table, wishes)
    is_text_file = not tables.is_parquet(paths[0])
    if is_text_file:
        wishes = replace(wishes, mend=command(wishes.source or paths[0], wishes.delimiter))
    _demand_labels(table.column(wishes.target), wishes.target, is_text_file=is_text_file)
    names = [name for name in table.column_names if name != wishes.target]
    profiles = [profile(name, table.column(name), is_text_file=is_text_file) for name in names]
    target = infer_target(_target_profile(table, wishes.target, is_text_file=is_text_file), wishes)
    proposals = propose_timestamp([propose(each, wishes.ids, wishes.mend) for each in profiles], wishes.timestamp)
    proposals = _without_leaks(paths, proposals, target, wishes)
    if not any(proposal.role == "feature" for proposal in proposals):
        raise DataError(f"no column is left to predict {wishes.target!r} from: {_reasons(proposals)}")
    made = infer_files.render(paths, proposals, target, wishes.delimiter, order=table.column_names)
    notices = (*made.notices, *blanks_in_names(table.column_names, wishes.mend), *_maybe_totals(table))
    return replace(made, notices=notices)


def _demand_columns(table: pa.Table, wishes: Wishes) -> None:
    if not table.num_rows:
        raise DataError("the table has no rows, wanted some to infer a contract from")
    named = [("--target", wishes.target), *(("--id", name) for name in wishes.ids)]
    named += [("--timestamp", wishes.timestamp)] if wishes.timestamp else []
    uses: dict[str, str] = {}
    for option, name in named:
        if name not in table.column_names:
            near = did_you_mean(name, table.column_names) or f"; columns are {', '.join(table.column_names[:20])}"
            raise DataError(f"{option} {name!r}: the table has no such column{near}")
        if (other := uses.setdefault(name, option)) != option:
            raise DataError(f"column {name!r} is named by {other} and by {option}, wanted one use of it")


def _demand_labels(column: pa.ChunkedArray, name: str, *, is_text_file: bool) -> None:
    empty = pc.is_null(column, nan_is_null=True)
    if is_text_file:
        words = [marker for marker in NULL_MARKERS if marker not in CLASS_WORDS]
        empty = pc.or_(empty, pc.is_in(column, pa.array(words)))
    rows = pc.indices_nonzero(empty).to_pylist()
    if rows:
        first, more = ", ".join(str(row + 1) for row in rows[:SHOWN]), " …" if len(rows) > SHOWN else ""
        raise DataError(
            f"target {name!r} is empty in {len(rows)} of {len(column)} rows (row {first}{more}); "
            "drop these rows or fill them, a label is needed in every row"
        )


def _maybe_totals(table: pa.Table) -> Iterator[str]:
    """Yield that the last row may be one of totals: it lacks what every row before it has."""
    rows, last = table.slice(0, table.num_rows - 1), table.slice(table.num_rows - 1)
    bare = [name for name in table.column_names if last[name].null_count and not rows[name].null_count]
    if len(bare) >= LEAST_BARE:
        shown, more = ", ".join(map(repr, bare[:SHOWN])), " …" if len(bare) > SHOWN else ""
        yield (
            f"row {table.num_rows}, the last, is the only one that lacks {shown}{more}; if it holds totals, "
            "delete it and run this again"
        )


def _target_profile(table: pa.Table, name: str, *, is_text_file: bool) -> Profile:
    return profile(name, table.column(name), is_text_file=is_text_file, keep=CLASS_WORDS)


def _without_leaks(
    paths: Sequence[Path], proposals: Sequence[Proposal], target: Target, wishes: Wishes
) -> list[Proposal]:
    """Return `proposals` with the features that give the target away ignored; the table must keep all the rest."""
    leaks = {violation.column for violation in _violations(paths, proposals, target, wishes)}
    return [
        _ignored_leak(proposal, wishes.target) if proposal.profile.name in leaks else proposal for proposal in proposals
    ]


def _ignored_leak(proposal: Proposal, target: str) -> Proposal:
    notice = f"ignored, because it tells {target!r} exactly; such a column is seldom known before the outcome"
    return replace(proposal, role="ignored", notice=notice)


def _violations(
    paths: Sequence[Path], proposals: Sequence[Proposal], target: Target, wishes: Wishes
) -> list[Violation]:
    if not any(proposal.role == "feature" for proposal in proposals):
        return []
    contract = _contract(infer_files.render(paths, proposals, target, wishes.delimiter, order=()))
    found = validate(paths, contract).violations
    broken = [violation for violation in found if violation.rule != "leakage.identical"]
    if broken:
        raise DataError(f"the table does not keep the contract inferred from it ({summary(broken)}); mend these cells")
    return list(found)


def _contract(inferred: Inferred) -> Contract:
    demands, _ = parse(inferred.expectations, "dataset.toml")
    return from_schema(inferred.schema, "data.schema.json", demands)


def _reasons(proposals: Sequence[Proposal]) -> str:
    parts = [f"{each.profile.name!r} is {_reason(each)}" for each in proposals]
    return "; ".join(parts) or "it is the only one"


def _reason(proposal: Proposal) -> str:
    if not proposal.notice.startswith(proposal.role):
        return proposal.role
    return proposal.notice.replace(f"; {CHANGE}", "")  # no contract is written that could be changed
