"""The report of a run: one self-contained page, and the short form for job summaries and pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from .. import text
from ..dataset import data_report
from ..learning.metrics import LOWER_IS_BETTER, MEANING
from .results import Document, Plot, Results, collect

MARKER = "<!-- model-report -->"  # by this line a job finds its own comment again
SIGNS = {"promote": "✅", "refuse": "❌", "invalid": "❌", "open": "⏳"}
MOST_ROWS = 25  # of a table in the short form, which GitHub limits to 65 536 characters
# The plots' inks, replaced by the page's, which follow the reader's theme.
INKS = {"#1c2733": "var(--ink)", "#7d8894": "var(--muted)", "#fffffe": "none", "#0072b2": "var(--series)"}


def html(artifacts: Path) -> str:
    """Return the report of the results in `artifacts`, whatever is there, as one page without scripts."""
    results = collect(artifacts)
    return _page().render(
        results=results,
        verdict=results.verdict,
        data=results["data-report"],
        run=results["run"],
        metrics=results["metrics"],
        gate=results["gate"],
        metadata=results["metadata"],
        title=_title(results),
        rows=list(_metric_rows(results["metrics"])),
        slice_names=_slice_names(results["metrics"]),
        meanings=MEANING,
    )


@cache
def _page() -> Template:
    """Return the compiled page, which takes longer than filling it."""
    environment = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        name: getattr(text, name) for name in ("number", "interval", "size", "digest", "moment", "plain")
    }
    environment.filters["drawing"] = _drawing
    return environment.get_template("report.html.j2")


def markdown(artifacts: Path) -> str:
    """Return the short form of the report; its first line marks the comment that the next run replaces."""
    results = collect(artifacts)
    verdict = results.verdict
    parts = [
        MARKER,
        f"## {SIGNS[verdict.state]} {verdict.title}: {text.cell(_title(results))}",
        f"{text.cell(verdict.sentence[:1].upper() + verdict.sentence[1:])}.",
        "\n".join(f"- ⚠️ {text.cell(notice)}" for notice in results.notices),
        *_gate(results["gate"]),
        *_metrics(results["metrics"]),
        *_slices(results["metrics"]),
        *_data(results["data-report"]),
        *_lineage(results["run"]),
        *(f"Unreadable: {text.cell(gap)}" for gap in results.gaps),
    ]
    return "\n\n".join(filter(None, map(str.strip, parts))) + "\n"


def _title(results: Results) -> str:
    run, metadata = results["run"], results["metadata"]
    if metadata:
        return f"{metadata['identity']['name']} {metadata['identity']['version']}"
    return str(run["experiment"]) if run else "model pipeline"


def _metric_rows(metrics: Document) -> Iterator[Mapping[str, Any]]:
    """Yield one row per metric: ours, the champion's, the difference and what to think of it."""
    champion = metrics.get("champion", {})
    for name, found in metrics.get("metrics", {}).items():
        difference = champion.get("difference", {}).get(name, {})
        yield {
            "name": name,
            "found": found,
            "champion": champion.get("metrics", {}).get(name, {}).get("value"),
            "difference": difference,
            "judgement": _judgement(name, difference),
        }


def _judgement(name: str, difference: Document) -> str:
    low, high = difference.get("low"), difference.get("high")
    if low is None or high is None or low <= 0 <= high or name == "bias":
        return "same"
    return "better" if (high < 0) == (name in LOWER_IS_BETTER) else "worse"


def _slice_names(metrics: Document) -> list[str]:
    """Return the three metrics that tell most about a group."""
    groups = metrics.get("slices", [])
    return list(groups[0]["metrics"])[:3] if groups else []


def _drawing(plot: Plot) -> Markup:
    """Return the plot for the page: in the page's colours, with ids that no other plot has."""
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg_without_height(plot.svg), count=1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{plot.name}-", svg)
    for ink, ours in INKS.items():
        svg = svg.replace(ink, ours)
    return Markup(svg)  # drawings that could act were left out by `collect`


def svg_without_height(svg: str) -> str:
    """Return `svg` without the height of its root, so that it scales with its width."""
    return re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)


def _gate(gate: Document) -> list[str]:
    if not gate:
        return []
    checks = sorted(gate["checks"], key=lambda check: bool(check["passed"]))
    rows = (("✅" if c["passed"] else "❌", c["name"], c["seen"], c["wanted"], c["why"]) for c in checks)
    return [text.table(("", "Check", "Seen", "Wanted", "Why"), rows)]


def _metrics(metrics: Document) -> list[str]:
    if not metrics:
        return []
    compared = metrics["champion"]["status"] == "compared"
    header = ["Metric", "Value", f"{metrics['confidence']:.0%} interval"]
    header += [f"Champion {metrics['champion']['version']}", "Difference"] if compared else []
    rows = []
    for row in _metric_rows(metrics):
        line = [row["name"], text.number(row["found"]["value"]), text.interval(row["found"])]
        if compared:
            sign = {"better": " ▲", "worse": " ▼", "same": ""}[row["judgement"]]
            line += [text.number(row["champion"]), text.number(row["difference"].get("value"), signed=True) + sign]
        rows.append(line)
    return [text.table(header, rows, right=range(1, len(header)))]


def _slices(metrics: Document) -> list[str]:
    groups = metrics.get("slices", [])
    if not groups:
        return []
    names = _slice_names(metrics)
    rows = [
        [group["column"], "missing" if group["value"] is None else group["value"], f"{group['rows']:,}"]
        + [text.number(group["metrics"].get(name, {}).get("value")) for name in names]
        for group in groups[:MOST_ROWS]
    ]
    shown = text.table(["Column", "Value", "Rows", *names], rows, right=range(2, 3 + len(names)))
    left = f"\n\n{len(groups) - MOST_ROWS} more in the report." if len(groups) > MOST_ROWS else ""
    return [f"<details><summary>Groups</summary>\n\n{shown}{left}\n</details>"]


def _data(report: Document) -> list[str]:
    if not report:
        return []
    broken = report["violations"]
    left = f"\n{len(broken) - MOST_ROWS} more in the report.\n" if len(broken) > MOST_ROWS else ""
    return [data_report.markdown({**report, "violations": broken[:MOST_ROWS]}) + left]


def _lineage(run: Document) -> list[str]:
    if not run:
        return []
    dirty = " with local changes" if run["git"]["dirty"] else ""
    facts = (
        f"run {text.digest(run.get('run_id'))}",
        f"{run['estimator']}, {run['split']['train_rows']:,} training rows",
        f"commit {text.digest(run['git']['commit'])}{dirty}",
        f"data {text.digest(run['data']['sha256'])}",
        f"contract {run['contract']['version']}",
    )
    return [f"<sub>{text.cell(' · '.join(facts))}</sub>"]
