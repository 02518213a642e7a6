from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from <<cookiecutter.package_name>>.errors import PipelineError
from <<cookiecutter.package_name>>.judging.bootstrap import Estimate
from <<cookiecutter.package_name>>.judging.comparison import Comparison
from <<cookiecutter.package_name>>.judging.evaluation import Evaluation
from <<cookiecutter.package_name>>.reporting import plots

from tests.example import evaluated

pytestmark = pytest.mark.slow  # a set of drawings takes about half a second

CLASSES = {"roc", "precision_recall", "calibration", "confusion_matrix", "scores", "importance", "champion"}
NUMBERS = {"predicted_actual", "residuals", "errors", "importance", "champion"}


def with_champion(kind: str) -> Evaluation:
    """Return the example's evaluation beside a champion that is as good."""
    found = evaluated(kind)
    difference = {name: Estimate(0.01, -0.01, 0.03) for name in found.metrics}
    comparison = Comparison("compared", "1.0.0", "1.0.0", metrics=found.metrics, difference=difference)
    return replace(found, champion=comparison, curves=replace(found.curves, champion=found.curves.predicted))


def texts(path: Path) -> set[str]:
    return {
        (element.text or "").strip() for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    }


@pytest.mark.parametrize(
    ("kind", "names"),
    [("binary", CLASSES), ("multiclass", CLASSES), ("regression", NUMBERS)],
    ids=["binary", "multiclass", "regression"],
)
def test_every_plot_is_drawn_the_same_way_twice(kind: str, names: set[str], tmp_path: Path) -> None:
    first = {path.stem: path.read_bytes() for path in plots.draw(with_champion(kind), tmp_path)}
    assert set(first) == names
    assert max(map(len, first.values())) < 100_000
    assert {path.stem: path.read_bytes() for path in plots.draw(with_champion(kind), tmp_path)} == first
    assert {path.stem for path in tmp_path.iterdir()} == names


def test_old_plots_go(tmp_path: Path) -> None:
    (tmp_path / "residuals.svg").write_text("<svg/>")
    drawn = plots.draw(evaluated(), tmp_path)
    assert set(tmp_path.iterdir()) == set(drawn)
    assert "champion" not in {path.stem for path in drawn}


def test_names_of_columns_are_text_and_nothing_else(tmp_path: Path) -> None:
    found = evaluated()
    hostile = {"<b>&$x^$": 0.2, "数" * 40: 0.1, "two\nlines": -0.1}
    plots.draw(replace(found, curves=replace(found.curves, importances=hostile)), tmp_path)
    assert {"<b>&$x^$", "数" * 21 + "…", "two lines"} <= texts(tmp_path / "importance.svg")


def test_many_classes_are_thinned_out(tmp_path: Path) -> None:
    found, count = evaluated("multiclass"), 40
    rng = np.random.default_rng(0)
    predicted = rng.dirichlet(np.ones(count), 200)
    classes = tuple(f"class {number}" for number in range(count))
    curves = replace(found.curves, classes=classes, y=rng.integers(0, count, 200), predicted=predicted)
    plots.draw(replace(found, curves=curves), tmp_path)
    assert len([text for text in texts(tmp_path / "roc.svg") if "area" in text]) == plots.MOST_CLASSES


def test_one_class_alone_is_drawn_without_its_roc_curve(tmp_path: Path) -> None:
    found = evaluated()
    curves = replace(found.curves, y=np.zeros_like(found.curves.y))
    plots.draw(replace(found, curves=curves), tmp_path)
    assert not [text for text in texts(tmp_path / "roc.svg") if "area" in text]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "plots").touch()
    with pytest.raises(PipelineError, match="plots cannot be written"):
        plots.draw(evaluated(), tmp_path / "plots")
