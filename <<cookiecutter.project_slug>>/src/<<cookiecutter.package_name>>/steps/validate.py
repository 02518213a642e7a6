"""Hold the table against its contract."""

from __future__ import annotations

from ..dataset.data_report import DataReport
from ..dataset.validation import validate as check
from .workspace import Workspace


def validate(work: Workspace) -> DataReport:
    """Write `data-report.json` and return the report.

    What was made of a table stays, whichever is validated now: registration asks for the report of its own.
    """
    work.forget("data-report.json")
    report = check(work.paths, work.contract)
    work.write("data-report.json", report.document())
    return report
