from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from <<cookiecutter.package_name>> import config
from <<cookiecutter.package_name>>.errors import ConfigError
from <<cookiecutter.package_name>>.learning import estimators, metrics

from tests.example import ROOT

MINIMAL = '[data]\npath = "a.csv"\n[tracking]\nexperiment = "e"\nmodel = "m"\n'
GATES = """
[metrics]
skill = { min = 0.1 }
[champion]
metric = "skill"
max_regression = 0.01
[limits]
latency_ms = 50
model_mb = 20
"""


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_files_load() -> None:
    assert config.load_config().training.estimator in estimators.CLASSIFIERS
    assert config.load_gates().metrics


def test_what_a_file_leaves_out_comes_from_the_schema(tmp_path: Path) -> None:
    loaded = config.load_config(write(tmp_path, MINIMAL))
    assert (loaded.seed, loaded.split.holdout, loaded.training.folds) == (7, 0.25, 5)
    assert loaded.training.search == config.Search(trials=0, space={})


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    assert config.load_config(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("sed = 1\n" + MINIMAL, r"unknown key sed; did you mean 'seed'\?", id="unknown-key"),
        pytest.param(MINIMAL + "[split]\nholdout = 1.5", r"split.holdout is 1.5, wanted at most 0.9", id="range"),
        pytest.param(MINIMAL + "[split]\nholdout = nan", "split.holdout is nan, wanted a finite number", id="nan"),
        pytest.param("seed = true\n" + MINIMAL, "seed is True, wanted an integer", id="boolean-is-no-number"),
        pytest.param('[data]\npath = "a.csv"', "tracking is missing", id="missing-section"),
        pytest.param(
            MINIMAL + '[training]\nestimator = "randomforest"',
            r"wanted one of linear, .*; did you mean 'random_forest'\?",
            id="near-miss",
        ),
        pytest.param(MINIMAL + "[training]\nfolds = 1", r"training.folds is 1, wanted 0 .* or 2 to 50", id="one-fold"),
        pytest.param(
            MINIMAL + "[training.search]\ntrials = 2", "training.search.space is empty, wanted what", id="no-space"
        ),
        pytest.param(
            MINIMAL + "[training.search.space]\nC = { low = 2, high = 1 }", "C: low is 2, wanted less", id="empty-range"
        ),
        pytest.param(
            MINIMAL + "[training.search.space]\nC = { low = 0, high = 1, log = true }",
            "C: low is 0, wanted more than 0 with log",
            id="log-of-zero",
        ),
        pytest.param(
            MINIMAL + "[training]\nfolds = 0\n[training.search]\ntrials = 2\nspace = { C = [1] }",
            "training.folds is 0, wanted at least 2",
            id="search-without-folds",
        ),
        pytest.param("[data\n", r"not valid TOML: .* \(at line 1, column", id="syntax"),
    ],
)
def test_bad_settings_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load_config(write(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("skill = {", "skil = {", r"unknown key metrics.skil; did you mean 'skill'\?", id="metric-name"),
        pytest.param("{ min = 0.1 }", "{}", r"metrics.skill is \{\}, wanted \{ min = number \}", id="no-limit"),
        pytest.param("{ min = 0.1 }", "{ min = 2, max = 1 }", "min 2 is above max 1", id="impossible"),
        pytest.param('"skill"', '"bias"', "champion.metric is 'bias', wanted a metric with a better", id="bias"),
        pytest.param("max_regression = 0.01", "", "champion.max_regression is missing", id="missing"),
        pytest.param("= 0.01", "= -1", "max_regression is -1, wanted at least 0", id="negative"),
        pytest.param("= 50", "= 0", "limits.latency_ms is 0, wanted more than 0", id="zero"),
        pytest.param(
            "[limits]", '[slices]\nmetric = "skill"\nmin_rows = 3\n[limits]', "wanted 'min' or 'max'", id="open-slices"
        ),
    ],
)
def test_bad_gates_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GATES
    with pytest.raises(ConfigError, match=message):
        config.load_gates(write(tmp_path, GATES.replace(old, new)))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load_config(write(tmp_path, "sed = 1\nseed = -1\n[split]\nmethod = 3\n"))
    first, *faults = str(caught.value).splitlines()
    assert first.endswith(".toml has 5 faults:")
    for fault in ("unknown key sed", "data is missing", "tracking is missing", "seed is -1", "split.method is 3"):
        assert sum(fault in line for line in faults) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "not found; run from the root", id="missing"),
        pytest.param(b"\xff", "not UTF-8 text", id="encoding"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(path)) + ": " + message):
        config.load_config(path)


def test_a_missing_or_broken_schema_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, MINIMAL)
    (tmp_path / "pipeline.schema.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="pipeline.schema.json: not valid JSON"):
        config.load_config(path)
    (tmp_path / "pipeline.schema.json").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="pipeline.schema.json: not found; .* restore it from Git"):
        config.load_config(path)


def test_schema_and_code_name_the_same_metrics_and_estimators() -> None:
    gates = json.loads(Path("config/gates.schema.json").read_text(encoding="utf-8"))
    pipeline = json.loads(Path("config/pipeline.schema.json").read_text(encoding="utf-8"))
    named = pipeline["properties"]["training"]["properties"]["estimator"]["enum"]
    assert set(gates["$defs"]["metric"]["enum"]) == set(metrics.MEANING)
    assert list(estimators.CLASSIFIERS) == list(estimators.REGRESSORS) == list(estimators.NUMBERS) == named
