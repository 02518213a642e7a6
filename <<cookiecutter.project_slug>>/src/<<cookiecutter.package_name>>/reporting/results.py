"""What a run left in its artifacts folder, however far it came, and what that means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import EvidenceError
from ..files import read_json

Document = Mapping[str, Any]
FORMATS = {
    "data-report": "data-report/1",
    "run": "run/1",
    "metrics": "metrics/1",
    "gate": "gate/1",
    "metadata": "metadata/1",
}
# Plots in the order in which a reader asks, each with how to read it.
CAPTIONS = {
    "champion": "Paired differences with their intervals: green is better, orange worse, neutral undecided.",
    "roc": "Up and left is better; the dotted line is a coin toss.",
    "precision_recall": "Up and right is better; the dotted line is what guessing would give.",
    "calibration": "On the dotted line, what is predicted comes true as often as predicted.",
    "confusion_matrix": "Rows are what was, columns what was said; shares are of each row.",
    "scores": "The less the groups overlap, the better they are told apart.",
    "predicted_actual": "On the dotted line the prediction is exact.",
    "residuals": "A shape in the cloud is something that the model has not learned.",
    "errors": "Narrow and centred on zero is better.",
    "importance": "How much the model loses when it can no longer see a column.",
}
ACTIVE = re.compile(r"<script|<foreignObject|\son\w+\s*=|javascript:", re.IGNORECASE)


@dataclass(frozen=True)
class Plot:
    """A drawing and how to read it."""

    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Verdict:
    """The one sentence that a reader in a hurry takes home."""

    state: Literal["promote", "refuse", "invalid", "open"]
    title: str
    sentence: str


@dataclass(frozen=True)
class Results:
    """Documents that could be read, the plots, and one line for each file that cannot be used."""

    documents: Mapping[str, Document]
    plots: Sequence[Plot]
    gaps: Sequence[str]

    def __getitem__(self, name: str) -> Document:
        """Return the document called `name`; empty when there is none."""
        return self.documents.get(name, {})

    @property
    def notices(self) -> list[str]:
        """Return what the steps want their reader to know, each once."""
        return list(dict.fromkeys([*self["run"].get("notices", []), *self["metrics"].get("notices", [])]))

    @property
    def verdict(self) -> Verdict:
        """Return how the run ended."""
        report, gate, metadata = self["data-report"], self["gate"], self["metadata"]
        if report.get("valid") is False:
            count = len(report["violations"])
            rules = "1 rule of the contract is" if count == 1 else f"{count} rules of the contract are"
            return Verdict("invalid", "Data invalid", f"{rules} broken, so that nothing was trained on this table")
        if not gate:
            return Verdict("open", "Not judged", "the run did not come as far as the gate")
        count = len(gate["checks"])
        if gate["promote"]:
            identity = metadata["identity"] if metadata else None
            end = f"registered as {identity['name']} {identity['version']}" if identity else "not registered yet"
            return Verdict("promote", "Promote", f"all {count} checks passed; {end}")
        failed = [check["name"] for check in gate["checks"] if not check["passed"]]
        return Verdict("refuse", "Refused", f"{len(failed)} of {count} checks failed: {', '.join(failed)}")


def collect(artifacts: Path) -> Results:
    """Return what lies in the folder `artifacts`; nothing there is an answer as well."""
    documents, gaps = {}, []
    for name, expect in FORMATS.items():
        path = artifacts / f"{name}.json"
        if path.exists():  # a run that was stopped has fewer files, which the report says where they would be
            try:
                documents[name] = read_json(path, expect=expect)
            except EvidenceError as error:
                gaps.append(str(error))
    seen, trained = (documents.get(name, {}).get("data", {}).get("sha256") for name in ("data-report", "run"))
    if seen and trained and seen != trained:
        del documents["data-report"]
        gaps.append(f"{artifacts / 'data-report.json'}: is of another table than the run; validate its table again")
    plots = [_plot(path) for path in sorted((artifacts / "plots").glob("*.svg"), key=_order)]
    return Results(documents, [plot for plot in plots if plot is not None], gaps)


def _order(path: Path) -> tuple[int, str]:
    known = list(CAPTIONS)
    return (known.index(path.stem) if path.stem in known else len(known), path.stem)


def _plot(path: Path) -> Plot | None:
    """Return the drawing in `path`, unless it could do something in a browser."""
    svg = path.read_text(encoding="utf-8", errors="replace")
    svg = svg[max(svg.find("<svg"), 0) :]
    usable = svg.startswith("<svg") and not ACTIVE.search(svg)
    return Plot(path.stem, svg, CAPTIONS.get(path.stem, "")) if usable else None
