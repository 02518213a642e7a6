"""The steps of the pipeline on a folder of their own: what they write, what they refuse, what they say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import compare_runs
import pipeline as pipeline_script
import predict
import promote_model
import pytest

from << cookiecutter.package_name >> import cli
from << cookiecutter.package_name >>.errors import EvidenceError, RegistryError
from << cookiecutter.package_name >>.steps.evaluate import evaluate
from << cookiecutter.package_name >>.steps.gate import gate
from << cookiecutter.package_name >>.steps.register import promote, register
from << cookiecutter.package_name >>.steps.train import train
from << cookiecutter.package_name >>.steps.workspace import RESULTS, Workspace

from tests.example import ROOT, make_frame

CONFIG = """
[data]
path = "table.csv"
[training]
folds = 0
[evaluation]
resamples = 100
[tracking]
experiment = "example"
model = "example"
"""
GATES = """
[metrics]
skill = {{ min = {least} }}
[champion]
metric = "roc_auc"
max_regression = 0.01
must_improve = false
[limits]
latency_ms = 10000.0
model_mb = 20.0
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pristine_store: Path, contract_folder: Path) -> Path:
    """Work in a small project: contract, config, table and an empty store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copyfile(pristine_store, tmp_path / "mlflow.db")
    shutil.copytree(contract_folder, tmp_path / "contract")
    shutil.copyfile(ROOT / "contract/metadata.schema.json", tmp_path / "contract/metadata.schema.json")
    (tmp_path / "config").mkdir()
    for name in ("pipeline.schema.json", "gates.schema.json"):
        shutil.copyfile(ROOT / "config" / name, tmp_path / "config" / name)
    (tmp_path / "config/pipeline.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "config/gates.toml").write_text(GATES.format(least=0.0), encoding="utf-8")
    make_frame().to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


def run(*arguments: str) -> int:
    return pipeline_script.main(arguments)


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path("artifacts", name).read_text(encoding="utf-8"))
    return loaded


def test_a_good_table_ends_as_challenger(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert sorted(path.name for path in Path("artifacts").iterdir()) == sorted(RESULTS)
    said = capsys.readouterr()
    assert "decision   promote: 4 of 4 checks passed" in said.out
    assert "version    example 1.0.0, challenger" in said.out
    assert [line.split()[0] for line in said.err.splitlines()] == ["validate", "train", "evaluate", "gate", "register"]


@pytest.mark.slow
def test_the_second_run_meets_the_champion(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    promote(Workspace(), "challenger", reason="tried")
    assert document("metadata.json")["governance"]["stage"] == "Production"
    assert "Stage: Production" in Path("artifacts/MODEL_CARD.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run() == 0
    assert document("metrics.json")["champion"]["status"] == "compared"
    assert document("metrics.json")["champion"]["difference"]["roc_auc"]["value"] == 0.0
    assert "champion" in capsys.readouterr().out
    assert document("metadata.json")["identity"]["version"] == "1.0.1"


@pytest.mark.slow
def test_a_registered_model_is_promoted_asked_and_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert predict.main(["--data", "table.csv"]) == 2
    assert "has no version 'champion'" in capsys.readouterr().err
    assert promote_model.main(["--reason", "tried"]) == 0
    assert predict.main(["--data", "table.csv", "--out", "answers.csv"]) == 0
    answers = Path("answers.csv").read_text(encoding="utf-8").splitlines()
    assert answers[0] == "row,prediction,probability_no,probability_yes"
    assert len(answers) == 1 + len(make_frame())
    capsys.readouterr()
    assert compare_runs.main([]) == 0
    assert "1.0.0" in capsys.readouterr().out


@pytest.mark.slow
def test_broken_rows_stop_everything_and_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    frame = make_frame()
    frame.loc[[3, 5], "kind"] = "z"
    frame.to_csv("table.csv", index=False)
    assert run() == 1
    said = capsys.readouterr().out
    assert "data invalid, nothing was trained" in said
    assert "kind               enum              2 x  row 4: 'z', row 6: 'z'" in said
    left = {path.name for path in Path("artifacts").iterdir()}
    assert left == {"data-report.json", "report.html", "report.md"}, "no result of the run before may stay"


def test_a_useless_model_is_refused_and_not_registered(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config/gates.toml").write_text(GATES.format(least=0.99), encoding="utf-8")
    assert run() == 1
    assert "refused, nothing was registered" in capsys.readouterr().out
    assert document("gate.json")["promote"] is False
    assert not Path("artifacts/metadata.json").exists()
    with pytest.raises(RegistryError, match="the gate refused this model"):
        register(Workspace())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: make_frame(seed=1).to_csv("table.csv", index=False), "data"),
        (lambda: Path("config/pipeline.toml").write_text("seed = 8\n" + CONFIG, encoding="utf-8"), "config"),
        (lambda: Path("contract/data.schema.json").write_text(_described(), encoding="utf-8"), "contract"),
    ],
    ids=["data", "config", "contract"],
)
def test_what_changed_after_training_is_not_evaluated(project: Path, change: Callable[[], object], named: str) -> None:
    train(Workspace())
    change()
    with pytest.raises(EvidenceError, match=f"{named} changed since the training; run scripts/train.py again"):
        evaluate(Workspace())


def _described() -> str:
    schema = json.loads(Path("contract/data.schema.json").read_text(encoding="utf-8"))
    return json.dumps(schema | {"description": "Said otherwise."})


def test_the_gate_writes_its_refusal_when_there_is_nothing_to_judge(project: Path) -> None:
    with pytest.raises(EvidenceError, match="run scripts/evaluate.py first"):
        gate(Workspace())
    assert document("gate.json")["promote"] is False
    assert "not found" in document("gate.json")["checks"][0]["why"]


def test_an_error_is_one_line_and_leaves_a_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", "elsewhere.csv") == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("error: elsewhere.csv: ")] == said[-1:]
    assert Path("artifacts/report.html").is_file()


def test_a_folder_that_cannot_be_written_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("blocked").write_text("a file where a folder is wanted", encoding="utf-8")
    assert run("--artifacts", "blocked") == 2
    assert "error: blocked" in capsys.readouterr().err


def test_an_interruption_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert cli.run(interrupted) == 2
    assert capsys.readouterr().err.startswith("error: interrupted")
