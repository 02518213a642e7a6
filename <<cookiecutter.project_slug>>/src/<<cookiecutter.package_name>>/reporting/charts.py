"""The look of every plot: one canvas, one palette, the same bytes for the same numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito (2008), "Color Universal Design": told apart with every common colour vision deficiency.
BLUE, ORANGE, GREEN, SKY, VERMILION, PURPLE = "#0072b2", "#e69f00", "#009e73", "#56b4e9", "#d55e00", "#cc79a7"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
# Three more that the report replaces by the reader's theme, so they occur nowhere else.
INK, MUTED, PAPER = "#1c2733", "#7d8894", "#fffffe"
SIZE = (4.8, 3.6)  # inches at 72 dots: 346 by 259 points
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small, sharp, searchable
    "svg.hashsalt": "report",  # else ids differ from run to run
    "text.parse_math": False,  # a column may be called $x$
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlepad": 10.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": MUTED,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "figure.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "savefig.facecolor": PAPER,
}


def save(path: Path, title: str, paint: Callable[[Axes], None], *, left: float = 0.13) -> Path:
    """Paint one chart into an SVG file; `left` is the share of the width that the labels of the y axis need."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=SIZE)
        axes = figure.add_axes((left, 0.14, 0.96 - left, 0.74))
        paint(axes)
        axes.set_title(title, x=-left / (0.96 - left) + 0.02)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def labels(axes: Axes, x: str, y: str) -> None:
    """Name both axes."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def unit_square(axes: Axes, x: str, y: str) -> None:
    """Show shares from 0 to 1 on both axes."""
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.02)
    labels(axes, x, y)


def legend(axes: Axes, place: Literal["best", "lower right", "upper left"]) -> None:
    """Explain the lines, when there are any with a name."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=place)


def thin(count: int, most: int) -> npt.NDArray[np.intp]:
    """Return at most `most` positions among `count`, evenly spread and with both ends."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def span(*values: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the ends of all values, a little apart."""
    low, high = min(float(part.min()) for part in values), max(float(part.max()) for part in values)
    gap = 0.03 * (high - low) or 0.5
    return low - gap, high + gap


def shorten(text: object, most: int = 22) -> str:
    """Return `text` on one line, cut to `most` characters."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
