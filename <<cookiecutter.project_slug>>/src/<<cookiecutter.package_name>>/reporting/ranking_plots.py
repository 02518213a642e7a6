"""Plots of names in rows: what the model relies on, and how far each metric is from the champion's."""

from __future__ import annotations

from matplotlib.axes import Axes

from ..judging.comparison import Comparison
from ..judging.evaluation import Curves
from ..learning.metrics import LOWER_IS_BETTER
from .charts import BLUE, GREEN, INK, MUTED, VERMILION, shorten

MOST_FEATURES = 15
Bar = tuple[str, float, float, float]


def importance(axes: Axes, curves: Curves) -> None:
    """Show the features whose loss costs most."""
    ranked = sorted(curves.importances.items(), key=lambda item: (-item[1], item[0]))[:MOST_FEATURES][::-1]
    names, values = [shorten(name) for name, _ in ranked], [value for _, value in ranked]
    axes.barh(range(len(ranked)), values, color=[BLUE if value > 0 else MUTED for value in values], height=0.62)
    axes.set_yticks(range(len(ranked)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_xlabel("skill lost when the column is shuffled")


def differences(curves: Curves, comparison: Comparison) -> list[Bar]:
    """Return name, low, value and high of each difference; of numbers, whose units differ, in percent."""
    bars = []
    for name, found in comparison.difference.items():
        unit = 1.0
        if curves.problem == "regression":
            theirs = comparison.metrics[name].value if name in comparison.metrics else None
            unit = abs(theirs or 0.0) / 100
        if found.value is not None and unit > 0 and name != "bias":
            low, high = (found.value if end is None else end for end in (found.low, found.high))
            bars.append((name, low / unit, found.value / unit, high / unit))
    return bars[::-1]


def difference(axes: Axes, curves: Curves, bars: list[Bar]) -> None:
    """Show each metric's paired difference with its interval: green is better, vermilion worse, ink undecided."""
    axes.axvline(0, color=MUTED, linewidth=1)
    for row, (name, low, value, high) in enumerate(bars):
        better = (value < 0) == (name in LOWER_IS_BETTER)
        colour = INK if low <= 0 <= high else GREEN if better else VERMILION
        axes.plot([low, high], [row, row], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot([value], [row], color=colour, marker="o", markersize=5)
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
    axes.set_ylim(-0.7, len(bars) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("model - champion" + (", % of the champion's value" if curves.problem == "regression" else ""))
