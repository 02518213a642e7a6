"""Show what is known about the run so far."""

from __future__ import annotations

from pathlib import Path

from .. import files
from ..reporting import report
from .workspace import Workspace


def build_report(work: Workspace) -> Path:
    """Write `report.html` and `report.md` from whatever results lie in the artifacts, and return the page."""
    page = work.artifacts / "report.html"
    files.write_text(page, report.html(work.artifacts))
    files.write_text(work.artifacts / "report.md", report.markdown(work.artifacts))
    return page
