"""The steps of the pipeline on a folder of their own: what they write, what they refuse, what they say."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import compare_runs
import pandas as pd
import pipeline as pipeline_script
import predict
import promote_model
import pytest

from <<cookiecutter.package_name>> import cli, console
from <<cookiecutter.package_name>>.errors import DataError, EvidenceError, PipelineError, RegistryError
from <<cookiecutter.package_name>>.steps.evaluate import evaluate
from <<cookiecutter.package_name>>.steps.gate import gate
from <<cookiecutter.package_name>>.steps.register import promote, register
from <<cookiecutter.package_name>>.steps.train import train
from <<cookiecutter.package_name>>.steps.validate import validate
from <<cookiecutter.package_name>>.steps.workspace import RESULTS, Workspace
from <<cookiecutter.package_name>>.store import registry
from <<cookiecutter.package_name>>.store.registry import Version
from <<cookiecutter.package_name>>.store.tracking import Store

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
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contract_folder: Path) -> Path:
    """Work in a small project: contract, config and table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(contract_folder, tmp_path / "contract")
    shutil.copyfile(ROOT / "contract/metadata.schema.json", tmp_path / "contract/metadata.schema.json")
    (tmp_path / "config").mkdir()
    for name in ("pipeline.schema.json", "gates.schema.json"):
        shutil.copyfile(ROOT / "config" / name, tmp_path / "config" / name)
    (tmp_path / "config/pipeline.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "config/gates.toml").write_text(GATES.format(least=0.0), encoding="utf-8")
    make_frame().to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


@pytest.fixture
def tracked(project: Path, pristine_store: Path) -> Path:
    """Work in the project with an empty store."""
    shutil.copyfile(pristine_store, project / "mlflow.db")
    return project


def run(*arguments: str) -> int:
    return pipeline_script.main(arguments)


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path("artifacts", name).read_text(encoding="utf-8"))
    return loaded


def test_a_good_table_ends_as_challenger(tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert sorted(path.name for path in Path("artifacts").iterdir()) == sorted(set(RESULTS) - {"serving"})
    said = capsys.readouterr()
    assert "decision   promote: 4 of 4 checks passed" in said.out
    assert "version    example 1.0.0, challenger" in said.out
    assert [line.split()[0] for line in said.err.splitlines()] == ["validate", "train", "evaluate", "gate", "register"]


def test_the_second_run_meets_the_champion(tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_a_champion_of_another_split_is_compared_with_a_warning(
    tracked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    promote(Workspace(), "challenger", reason="tried")
    Path("config/pipeline.toml").write_text("seed = 8\n" + CONFIG, encoding="utf-8")
    capsys.readouterr()
    run()
    told = "the champion saw part of these rows in training (seed 7, hold-out 0.25), which flatters it"
    assert f"\nnotice     {told}\n" in capsys.readouterr().out
    champion = document("metrics.json")["champion"]
    assert (champion["status"], champion["notice"]) == ("compared", told)
    check = next(check for check in document("gate.json")["checks"] if check["name"] == "champion roc_auc")
    assert told in check["why"]
    assert told in Path("artifacts/report.html").read_text(encoding="utf-8").replace("The champion", "the champion")
    assert "- ⚠️ the champion saw part of these rows" in Path("artifacts/report.md").read_text(encoding="utf-8")


def test_a_champion_by_time_is_compared_with_a_warning_when_older_rows_came(
    tracked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config/pipeline.toml").write_text(CONFIG + '[split]\nmethod = "time"\n', encoding="utf-8")
    run()
    promote(Workspace(), "challenger", reason="tried")
    older = make_frame(seed=1).assign(day="2020-01-01", row=[f"old{number}" for number in range(400)])
    pd.concat([make_frame(), older]).to_csv("table.csv", index=False)
    run()
    told = document("metrics.json")["champion"]["notice"]
    assert told.startswith("the champion may have seen part of these rows in training: it learned from rows until 2025")


def test_a_champion_that_lost_its_alias_stops_evaluation_and_registration(tracked: Path) -> None:
    run()
    work = Workspace()
    promote(work, "challenger", reason="tried")
    train(Workspace())
    work.store.client.delete_registered_model_alias("example", "champion")
    with pytest.raises(RegistryError, match=r"1\.0\.0 is in Production, but no version has the alias champion"):
        evaluate(Workspace())
    promote(work, "1.0.0", reason="given back")
    evaluate(Workspace())
    gate(Workspace())
    work.store.client.delete_registered_model_alias("example", "champion")
    with pytest.raises(RegistryError, match="no version has the alias champion"):
        register(Workspace())


def test_a_registered_model_is_promoted_asked_and_listed(tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert predict.main(["--data", "table.csv"]) == 2
    assert "has no version 'champion'; there are challenger, 1.0.0; run make promote" in capsys.readouterr().err
    assert promote_model.main(["--reason", "tried"]) == 0
    assert predict.main(["--data", "table.csv", "--out", "answers.csv"]) == 0
    frame = make_frame(rows=30)
    frame.loc[3, "kind"] = "z"
    frame.to_csv("bad.csv", index=False)
    capsys.readouterr()
    assert predict.main(["--data", "bad.csv", "--out", "bad/answers.csv"]) == 1, "refused rows are no misuse"
    said = capsys.readouterr().err
    assert said.startswith("error: bad.csv: the rows break the model's contract")
    assert "make predict DATA=" not in said, "a table was named"
    shutil.copy("bad.csv", "table.csv")
    assert predict.main(["--out", "bad/answers.csv"]) == 1
    assert "this is data.path of config/pipeline.toml; name one: make predict DATA=path" in capsys.readouterr().err
    assert not Path("bad").exists()
    answers = Path("answers.csv").read_text(encoding="utf-8").splitlines()
    assert answers[0] == "row,prediction,probability_no,probability_yes"
    assert len(answers) == 1 + len(make_frame())
    capsys.readouterr()
    assert compare_runs.main([]) == 0
    assert re.search(r"1\.0\.0 champion .* passed", capsys.readouterr().out)


def test_broken_rows_stop_everything_and_are_named(tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    frame = make_frame()
    frame.loc[[3, 5], "kind"] = "z"
    frame.to_csv("table.csv", index=False)
    assert run() == 1
    said = capsys.readouterr().out
    assert "data invalid, nothing was trained" in said
    assert "kind               enum                2 x  row 4: 'z', row 6: 'z'" in said
    left = {path.name for path in Path("artifacts").iterdir()}
    assert left == {"data-report.json", "report.html", "report.md"}, "no result of the run before may stay"


def test_a_broken_limit_is_told_beside_what_was_seen() -> None:
    broken = {"column": "", "rule": "rows.min", "limit": 500, "count": 20, "examples": [], "hint": "20 rows"}
    assert list(console.violations({"violations": [broken]})) == [
        "  (row)              rows.min 500       20 x    20 rows"
    ]


def test_a_fault_of_the_gates_is_told_before_a_model_is_trained(
    tracked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config/gates.toml").write_text("[metrics]\nskil = { min = 0.1 }\n", encoding="utf-8")
    assert run() == 2
    assert "did you mean 'skill'?" in capsys.readouterr().err
    assert document("gate.json")["promote"] is False
    assert not Path("artifacts/run.json").exists()


def test_results_of_two_runs_in_one_folder_are_told_apart(tracked: Path) -> None:
    work = Workspace()
    for step in (validate, train, evaluate, gate):
        step(work)
    metrics = document("metrics.json")
    Path("artifacts/metrics.json").write_text(json.dumps(metrics | {"run_id": "another"}), encoding="utf-8")
    with pytest.raises(EvidenceError, match="metrics.json is of run another, .* two runs wrote into the same folder"):
        register(Workspace())


def test_each_fault_of_the_settings_has_a_line_of_its_own(tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config/pipeline.toml").write_text("seed = -1\n" + CONFIG + '\n"a\\n::error::b" = -2\n', encoding="utf-8")
    assert run() == 2
    first, *faults = capsys.readouterr().err.splitlines()
    assert first == "error: config/pipeline.toml has 2 faults:"
    assert [line[:6] for line in faults] == ["  (1) ", "  (2) "], "GitHub would obey a line that begins with ::error"


def test_each_parameter_that_the_estimator_does_not_have_has_a_line_of_its_own(
    tracked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = CONFIG.replace("[training]", "[training]\nparameters = { c = 1, depth = 2 }")
    Path("config/pipeline.toml").write_text(unknown, encoding="utf-8")
    assert run() == 2
    said = capsys.readouterr().err.splitlines()[-3:]
    assert [line[:9] for line in said] == ["error: tr", "  (1) 'c'", "  (2) 'de"]


def test_a_value_of_several_lines_is_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    with pytest.raises(PipelineError, match="the output version is '1.0.0.*, wanted one line"):
        cli.output("version", "1.0.0\ndigest=sha256:2")
    assert not (tmp_path / "out").exists()


def test_a_useless_model_is_refused_and_not_registered(tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config/gates.toml").write_text(GATES.format(least=0.99), encoding="utf-8")
    assert run() == 1
    assert "refused, nothing was registered" in capsys.readouterr().out
    assert document("gate.json")["promote"] is False
    assert not Path("artifacts/metadata.json").exists()
    with pytest.raises(RegistryError, match="the gate refused this model"):
        register(Workspace())
    assert compare_runs.main([]) == 0
    assert "refused: skill" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: make_frame(seed=1).to_csv("table.csv", index=False), "data"),
        (lambda: Path("config/pipeline.toml").write_text("seed = 8\n" + CONFIG, encoding="utf-8"), "config"),
        (lambda: Path("contract/data.schema.json").write_text(_described(), encoding="utf-8"), "contract"),
    ],
    ids=["data", "config", "contract"],
)
def test_what_changed_after_training_is_not_evaluated(tracked: Path, change: Callable[[], object], named: str) -> None:
    train(Workspace())
    change()
    with pytest.raises(EvidenceError, match=f"{named} changed since the training; run make pipeline again"):
        evaluate(Workspace())


@pytest.mark.parametrize("named", ["contract", "config"])
def test_what_changed_after_the_gate_is_not_registered(tracked: Path, named: str) -> None:
    _judged()
    if named == "contract":
        Path("contract/data.schema.json").write_text(_described(), encoding="utf-8")
    else:
        Path("config/pipeline.toml").write_text("seed = 8\n" + CONFIG, encoding="utf-8")
    with pytest.raises(EvidenceError, match=f"{named} changed since the training; run make pipeline again"):
        register(Workspace())
    assert registry.versions(Workspace().store) == []
    assert not Path("artifacts/metadata.json").exists()


def test_a_model_is_registered_where_its_table_is_not(tracked: Path) -> None:
    _judged()
    Path("table.csv").unlink()
    assert register(Workspace())[0].version == "1.0.0"


def test_a_table_validated_by_another_contract_does_not_count(tracked: Path) -> None:
    _judged()
    written = Path("contract/data.schema.json").read_text(encoding="utf-8")
    Path("contract/data.schema.json").write_text(_described(), encoding="utf-8")
    validate(Workspace())
    Path("contract/data.schema.json").write_text(written, encoding="utf-8")
    with pytest.raises(EvidenceError, match="does not say that the data of this run is valid by its contract"):
        register(Workspace())


def test_validation_of_another_table_keeps_the_model_and_stops_its_registration(tracked: Path) -> None:
    _judged()
    before = {path: path.read_bytes() for path in Path("artifacts").rglob("*") if path.is_file()}
    del before[Path("artifacts/data-report.json")]
    make_frame(seed=1).to_csv("other.csv", index=False)
    validate(Workspace(table="other.csv"))
    assert {path: path.read_bytes() for path in before} == before
    with pytest.raises(EvidenceError, match="does not say that the data of this run is valid"):
        register(Workspace())
    validate(Workspace())
    assert register(Workspace())[0].version == "1.0.0"


def test_a_run_that_a_newer_one_overtook_ends_with_an_error(tracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for work in (Workspace(), newer := Workspace(artifacts=Path("newer"))):
        _judged(work)
    overtakers = [newer]

    def versions(store: Store) -> list[Version]:
        found = asked(store)
        if found and overtakers:  # the older version was made, and is not challenger yet
            assert register(overtakers.pop())[0].aliases == ("challenger",)
        return found

    asked = registry.versions
    monkeypatch.setattr(registry, "versions", versions)
    for _ in range(2):
        with pytest.raises(RegistryError, match="this run is example 1.0.0, replaced by a newer one"):
            register(Workspace())
    assert not Path("artifacts/metadata.json").exists()


def test_later_steps_take_the_table_that_the_run_was_trained_on(tracked: Path) -> None:
    other = make_frame(seed=1)
    other.to_csv("other.csv", index=False)
    for step in (validate, train):
        step(Workspace(table="other.csv"))
    assert evaluate(Workspace())["holdout"]["rows"] == document("run.json")["split"]["holdout_rows"]
    with pytest.raises(EvidenceError, match="data changed since the training"):
        evaluate(Workspace(table="table.csv"))


def test_a_training_without_a_table_costs_nothing(tracked: Path) -> None:
    run()
    before = document("metadata.json")
    with pytest.raises(DataError):
        train(Workspace(table="nothing.csv"))
    assert document("metadata.json") == before


def test_registration_leaves_the_backup_of_the_former_contract(tracked: Path) -> None:
    run()
    kept = Path("artifacts/previous-contract/data.schema.json")
    kept.parent.mkdir()
    kept.write_text("the former one", encoding="utf-8")
    Path("contract/data.schema.json").write_text(_described(), encoding="utf-8")
    assert run() == 0
    assert document("metadata.json")["identity"]["number"] == 2
    assert kept.read_text(encoding="utf-8") == "the former one"


def _judged(work: Workspace | None = None) -> None:
    """Go as far as the gate."""
    for step in (validate, train, evaluate, gate):
        step(work or Workspace())


def _described() -> str:
    schema = json.loads(Path("contract/data.schema.json").read_text(encoding="utf-8"))
    return json.dumps(schema | {"description": "Said otherwise."})


def test_the_gate_writes_its_refusal_when_there_is_nothing_to_judge(project: Path) -> None:
    with pytest.raises(EvidenceError, match="run make pipeline first"):
        gate(Workspace())
    assert document("gate.json")["promote"] is False
    assert "not found" in document("gate.json")["checks"][0]["why"]


def test_an_error_is_one_line_and_leaves_a_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", "elsewhere.csv") == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("error: elsewhere.csv: ")] == said[-1:]
    assert Path("artifacts/report.html").is_file()


def test_a_dead_tracking_server_is_told_before_anything_is_done(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert run() == 2
    said = capsys.readouterr()
    assert re.fullmatch(r"error: http://127\.0\.0\.1:\d+: does not answer \(nobody listens there\); .*\n", said.err)
    assert not Path("artifacts/data-report.json").exists()


def test_a_folder_that_cannot_be_written_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("blocked").write_text("a file where a folder is wanted", encoding="utf-8")
    assert run("--artifacts", "blocked") == 2
    said = capsys.readouterr().err
    assert said == "error: blocked/data-report.json: a file lies where its folder should; move it away\n"


def test_an_interruption_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert cli.run(interrupted) == 2
    assert capsys.readouterr().err.startswith("error: interrupted")


def test_promotion_without_a_registered_model_says_what_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert promote_model.main([]) == 2
    assert "metadata.json: not found; run make pipeline first, or name a version" in capsys.readouterr().err


def test_an_empty_registry_says_what_to_do(tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert promote_model.main(["--version", "challenger"]) == 2
    assert "none is registered yet, run make pipeline first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "arguments", "told"),
    [
        pytest.param(predict, ["--dta", "x"], "unrecognized arguments: --dta x; see", id="unknown-option"),
        pytest.param(predict, ["--alias"], "argument --alias: expected one argument; see", id="no-value"),
        pytest.param(compare_runs, ["one"], "name no run or two, and ask for at least one; see", id="one-run"),
        pytest.param(
            pipeline_script,
            ["--data", "table.csv", "config", "contract"],
            "more files than wanted, from config on; put a glob in quotes: 'data/*.csv'; see",
            id="unquoted-glob",
        ),
    ],
)
def test_misuse_of_options_is_one_line(
    script: Any, arguments: list[str], told: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        script.main(arguments)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {told} ") and said.endswith(" --help\n") and said.count("\n") == 1
