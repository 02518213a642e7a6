from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from <<cookiecutter.package_name>> import config
from <<cookiecutter.package_name>>.contracts import contract
from <<cookiecutter.package_name>>.dataset import data, splitting, validation
from <<cookiecutter.package_name>>.learning import metrics, outcomes, training

from tests.example import ROOT, make_config

SCRIPT, TABLE = (ROOT / "data" / name for name in ("make_sample.py", "customers.csv"))


def is_described() -> bool:
    """Tell whether the contract has the columns of the sample, and not those of somebody's own table."""
    columns = json.loads((ROOT / "contract" / "data.schema.json").read_text(encoding="utf-8"))["properties"]
    return TABLE.exists() and list(columns) == TABLE.read_text(encoding="utf-8").splitlines()[0].split(",")


pytestmark = [
    pytest.mark.skipif(not SCRIPT.exists(), reason="the sample was deleted"),
    pytest.mark.skipif(SCRIPT.exists() and not is_described(), reason="the contract describes another table"),
]


@pytest.fixture(scope="module")
def sample() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def described() -> contract.Contract:
    return contract.load_contract(ROOT / "contract")


def made(sample: ModuleType, path: Path, *options: str) -> Path:
    assert sample.main(["--out", str(path), *options]) == 0
    return path


def test_the_script_writes_the_same_bytes_again(sample: ModuleType, tmp_path: Path) -> None:
    assert made(sample, tmp_path / "again.csv").read_bytes() == (ROOT / "data" / "customers.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--seed", "1"], ["--seed", "2"], ["--drifted"]], ids=" ".join)
def test_what_it_makes_satisfies_the_contract(
    sample: ModuleType, described: contract.Contract, tmp_path: Path, options: list[str]
) -> None:
    report = validation.validate([made(sample, tmp_path / "table.csv", *options)], described)
    assert report.valid, report.violations


def test_a_corrupted_table_breaks_each_rule_that_it_names(
    sample: ModuleType, described: contract.Contract, tmp_path: Path
) -> None:
    report = validation.validate([made(sample, tmp_path / "broken.csv", "--corrupted")], described)
    broken = {found.column for found in report.violations}
    assert broken == {column for column, _, _ in sample.CORRUPTIONS.values()} | {"customer_id"}


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_no_score_beats_the_best_and_the_truth_reaches_it(sample: ModuleType, problem: str) -> None:
    frame = sample.sample(40_000, 5, problem)
    _, best = sample.best(problem, rows=40_000)
    if problem == "classification":
        reached = roc_auc_score(frame["churned"], sample.churn_probability(frame))
    else:
        reached = r2_score(frame["yearly_value"], sample.expected_value(frame))
    assert reached == pytest.approx(best, abs=0.01)


@pytest.mark.slow
def test_the_model_comes_close_to_the_best(sample: ModuleType, described: contract.Contract) -> None:
    settings = make_config()
    frame = data.read_table([ROOT / "data" / "customers.csv"], described)
    rows, holdout = splitting.split(frame, described, settings.split, settings.seed)
    pipeline = training.fit(rows, described, settings).pipeline
    predicted = outcomes.predict(pipeline, holdout, described)
    truth, naive = outcomes.truth(holdout, described), outcomes.naive(rows, described)
    found = metrics.values(outcomes.outcome(truth, predicted, naive))
    name, best = sample.best(sample.PROBLEM, rows=40_000)
    assert best - 0.04 < found[name] < best + 0.03


def test_drifted_rows_differ_where_readme_says(sample: ModuleType) -> None:
    usual, drifted = (sample.customers(4000, np.random.default_rng(0), drifted=flag) for flag in (False, True))
    assert drifted["weekly_hours"].mean() < 0.7 * usual["weekly_hours"].mean()
    assert drifted["plan"].eq("pro").mean() > 1.5 * usual["plan"].eq("pro").mean()
    assert drifted["satisfaction"].isna().mean() > 1.5 * usual["satisfaction"].isna().mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--rows", "3"], "3 is too few, wanted at least", id="rows"),
        pytest.param(["--rows", "many"], "invalid", id="no-number"),
        pytest.param(["--drifted", "--corrupted"], "not allowed with", id="both"),
    ],
)
def test_bad_options_are_refused(
    sample: ModuleType, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        sample.main(options)
    assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(
    sample: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert sample.main(["--out", str(tmp_path / "file" / "table.csv")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.slow
def test_the_best_score_is_printed(sample: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample.main(["--best", "--problem", "classification"]) == 0
    assert capsys.readouterr().out == "roc_auc 0.838\n"


def test_the_config_points_at_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert Path(config.load_config().data.path) == Path("data/customers.csv")
