"""Plots of an evaluation as small SVG files; each is named for what it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from ..errors import PipelineError
from ..judging.comparison import Comparison
from ..judging.evaluation import Curves, Evaluation
from .charts import BLUE, MUTED, ORANGE, SERIES, labels, legend, save, shorten, span, thin, unit_square
from .ranking_plots import difference, differences, importance

Array = npt.NDArray[Any]
POINTS = 150  # of a curve; more cannot be seen
DOTS = 400  # of a cloud
BINS = 10  # of the calibration curve
MOST_CLASSES = len(SERIES)  # the most frequent ones
MOST_CELLS = 12  # classes per side of a confusion matrix whose cells are labelled


def draw(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw every plot that `evaluation` allows into `folder`, whose older plots go, and return the files.

    Raises PipelineError when the folder cannot be written.
    """
    curves = evaluation.curves
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.svg"):
            old.unlink()
        kinds = _numbers(curves, folder) if curves.problem == "regression" else _classes(curves, folder)
        return [*kinds, *_common(curves, evaluation.champion, folder)]
    except OSError as error:
        raise PipelineError(f"{folder}: plots cannot be written ({error.strerror or error})") from error


def _classes(curves: Curves, folder: Path) -> Iterator[Path]:
    yield save(folder / "roc.svg", "ROC curve", lambda axes: _roc(axes, curves))
    yield save(folder / "precision_recall.svg", "Precision and recall", lambda axes: _precision_recall(axes, curves))
    yield save(folder / "calibration.svg", "Calibration", lambda axes: _calibration(axes, curves))
    left = min(0.13 + 0.013 * max(len(shorten(label, 14)) for label in curves.classes), 0.34)
    yield save(folder / "confusion_matrix.svg", "Confusion matrix", lambda axes: _confusion(axes, curves), left=left)
    yield save(folder / "scores.svg", "How sure the model is", lambda axes: _scores(axes, curves))


def _numbers(curves: Curves, folder: Path) -> Iterator[Path]:
    wide = 0.16
    yield save(
        folder / "predicted_actual.svg", "Predicted and actual", lambda axes: _predicted(axes, curves), left=wide
    )
    yield save(folder / "residuals.svg", "Residuals by prediction", lambda axes: _residuals(axes, curves), left=wide)
    yield save(folder / "errors.svg", "Distribution of errors", lambda axes: _errors(axes, curves))


def _common(curves: Curves, comparison: Comparison, folder: Path) -> Iterator[Path]:
    if curves.importances:
        path = folder / "importance.svg"
        yield save(path, "What the model relies on", lambda axes: importance(axes, curves), left=0.36)
    if bars := differences(curves, comparison):
        path = folder / "champion.svg"
        yield save(path, "Difference from the champion", lambda axes: difference(axes, curves, bars), left=0.3)


def _sides(curves: Curves) -> Iterator[tuple[str, str, str, Array, Array]]:
    """Yield label, colour, line style, truth and score of each curve: one per class, and the champion's."""
    if curves.problem == "binary":
        yield "model", BLUE, "-", curves.y == 1, curves.predicted[:, 1]
        if curves.champion is not None:
            yield "champion", ORANGE, "--", curves.y == 1, curves.champion[:, 1]
        return
    frequent = np.argsort(-np.bincount(curves.y, minlength=len(curves.classes)), kind="stable")[:MOST_CLASSES]
    for code, colour in zip(sorted(frequent), SERIES, strict=False):
        yield shorten(curves.classes[code]), colour, "-", curves.y == code, curves.predicted[:, code]


def _roc(axes: Axes, curves: Curves) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for name, colour, style, truth, score in _sides(curves):
        if truth.all() or not truth.any():
            continue
        false, true, _ = roc_curve(truth, score)
        kept = thin(len(false), POINTS)
        text = f"{name}, area {roc_auc_score(truth, score):.3f}"
        axes.plot(false[kept], true[kept], color=colour, linestyle=style, label=text)
    unit_square(axes, "false positive rate", "true positive rate")
    legend(axes, "lower right")


def _precision_recall(axes: Axes, curves: Curves) -> None:
    for name, colour, style, truth, score in _sides(curves):
        if not truth.any():
            continue
        precision, recall, _ = precision_recall_curve(truth, score)
        kept = thin(len(recall), POINTS)
        text = f"{name}, average {average_precision_score(truth, score):.3f}"
        axes.plot(recall[kept], precision[kept], color=colour, linestyle=style, label=text)
    if curves.problem == "binary":
        axes.axhline(float(np.mean(curves.y == 1)), color=MUTED, linewidth=1, linestyle=":", label="no skill")
    unit_square(axes, "recall", "precision")
    legend(axes, "best")


def _calibration(axes: Axes, curves: Curves) -> None:
    """Compare what is said with what comes true, in bins of equal size; of several classes, the most likely."""
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":", label="perfect")
    for name, colour, style, predicted in _models(curves):
        if curves.problem == "binary":
            said, true = predicted[:, 1], curves.y == 1
        else:
            said, true = predicted.max(axis=1), curves.y == predicted.argmax(axis=1)
        parts = [part for part in np.array_split(np.argsort(said, kind="stable"), BINS) if len(part)]
        points = [(said[part].mean(), true[part].mean()) for part in parts]
        axes.plot(*zip(*points, strict=True), color=colour, linestyle=style, marker="o", markersize=4, label=name)
    what = "positive" if curves.problem == "binary" else "most likely class"
    unit_square(axes, f"predicted probability ({what})", "share that came true")
    legend(axes, "upper left")


def _models(curves: Curves) -> Iterator[tuple[str, str, str, Array]]:
    yield "model", BLUE, "-", curves.predicted
    if curves.champion is not None:
        yield "champion", ORANGE, "--", curves.champion


def _confusion(axes: Axes, curves: Curves) -> None:
    count = len(curves.classes)
    table = np.zeros((count, count), dtype=int)
    np.add.at(table, (curves.y, curves.predicted.argmax(axis=1)), 1)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.grid(visible=False)
    # Cells as shapes: an image would be a bitmap inside the vector file.
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1.15, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    if count <= MOST_CELLS:
        for (row, column), cases in np.ndenumerate(table):
            text = f"{cases:,}" if count > MOST_CLASSES else f"{cases:,}\n{shares[row, column]:.0%}"
            # Ink that does not follow the theme: it stands on the cell's own colour.
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=colour)
    names = [shorten(label, 14) for label in curves.classes]
    ticks = np.arange(0, count, max(1, math.ceil(count / MOST_CELLS)))
    axes.set_xticks(ticks + 0.5, [shorten(names[tick], 8) if count > 4 else names[tick] for tick in ticks])
    axes.set_yticks(ticks + 0.5, [names[tick] for tick in ticks])
    labels(axes, "predicted", "actual")


def _scores(axes: Axes, curves: Curves) -> None:
    edges = np.linspace(0, 1, 26)
    if curves.problem == "binary":
        groups = [(f"actually {shorten(label)}", curves.y == code) for code, label in enumerate(curves.classes)]
        values, name = curves.predicted[:, 1], "predicted probability of the positive class"
    else:
        right = curves.y == curves.predicted.argmax(axis=1)
        groups = [("wrong", ~right), ("right", right)]
        values, name = curves.predicted.max(axis=1), "probability of the most likely class"
    for (label, rows), colour in zip(groups, (ORANGE, BLUE), strict=True):
        counts = np.histogram(values[rows], edges)[0]
        axes.stairs(counts / max(counts.sum(), 1), edges, fill=True, color=colour, alpha=0.4, label=label)
        axes.stairs(counts / max(counts.sum(), 1), edges, color=colour, linewidth=1.2)
    axes.set_xlim(0, 1)
    labels(axes, name, "share of the group's rows")
    legend(axes, "best")


def _predicted(axes: Axes, curves: Curves) -> None:
    dots = thin(len(curves.y), DOTS)
    low, high = span(curves.y, curves.predicted)
    axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=":")
    axes.scatter(curves.y[dots], curves.predicted[dots], s=9, color=BLUE, alpha=0.45, linewidths=0)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    labels(axes, "actual", "predicted")


def _residuals(axes: Axes, curves: Curves) -> None:
    dots = thin(len(curves.y), DOTS)
    axes.axhline(0, color=MUTED, linewidth=1)
    axes.scatter(curves.predicted[dots], (curves.y - curves.predicted)[dots], s=9, color=BLUE, alpha=0.45, linewidths=0)
    labels(axes, "predicted", "actual - predicted")


def _errors(axes: Axes, curves: Curves) -> None:
    errors = {name: (colour, curves.y - predicted) for name, colour, _, predicted in _models(curves)}
    # A few far-off rows would press all others into one bar.
    edges = np.linspace(*span(*(np.quantile(values, [0.005, 0.995]) for _, values in errors.values())), 31)
    for name, (colour, values) in errors.items():
        counts, ours = np.histogram(values, edges)[0], name == "model"
        axes.stairs(counts, edges, fill=ours, color=colour, alpha=0.6 if ours else 1, linewidth=1.4, label=name)
    axes.axvline(0, color=MUTED, linewidth=1)
    labels(axes, "actual - predicted", "rows")
    legend(axes, "best")
