"""The export step on a folder of its own: what it writes, what it refuses, what it leaves alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import export_model
import infer_contract
import numpy as np
import onnxruntime
import pipeline
import pytest
from delivery import evidence
from delivery.golden import compare
from delivery.service import Answer
from sklearn.datasets import load_wine

from <<cookiecutter.package_name>> import files
from <<cookiecutter.package_name>>.contracts.contract import load_contract
from <<cookiecutter.package_name>>.errors import PipelineError
from <<cookiecutter.package_name>>.exporting import conversion
from <<cookiecutter.package_name>>.exporting.conversion import ConversionError
from <<cookiecutter.package_name>>.exporting.rows import frame_of
from <<cookiecutter.package_name>>.learning import models, outcomes
from <<cookiecutter.package_name>>.serving.feeds import Feeds
from <<cookiecutter.package_name>>.steps.export import export
from <<cookiecutter.package_name>>.steps.workspace import Workspace
from <<cookiecutter.package_name>>.store import metadata

from tests.example import ROOT, make_contract, make_frame
from tests.serving.client import serve

CONFIG = '[data]\npath = "table.csv"\n[training]\nfolds = 0\n[evaluation]\nresamples = 100\n[tracking]\nexperiment = "e"\nmodel = "m"\n'
GATES = '[metrics]\nskill = { min = -1.0 }\n[champion]\nmetric = "skill"\nmax_regression = 1.0\nmust_improve = false\n[limits]\nlatency_ms = 10000.0\nmodel_mb = 20.0\n'
PLACES = {
    "export.json",
    "model.onnx",
    "contract",
    "reference-profile.json",
    "golden.json",
    "metadata.json",
    "MODEL_CARD.md",
}


def lay_out(folder: Path, store: Path) -> None:
    """Lay out a project without table and contract."""
    (folder / "config").mkdir()
    (folder / "contract").mkdir()
    for name in ("config/pipeline.schema.json", "config/gates.schema.json", "contract/metadata.schema.json"):
        shutil.copyfile(ROOT / name, folder / name)
    (folder / "config/pipeline.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "config/gates.toml").write_text(GATES, encoding="utf-8")
    shutil.copyfile(store, folder / "mlflow.db")


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, pristine_store: Path, contract_folder: Path) -> Path:
    """Return a project whose model was registered; leave it as it is."""
    folder = tmp_path_factory.mktemp("registered")
    lay_out(folder, pristine_store)
    shutil.copytree(contract_folder, folder / "contract", dirs_exist_ok=True)
    make_frame().to_csv(folder / "table.csv", index=False)
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert pipeline.main([]) == 0
    return folder


@pytest.fixture
def project(registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy of the registered project."""
    shutil.copytree(registered, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path("artifacts", name).read_text(encoding="utf-8"))
    return loaded


def served(rows: list[dict[str, Any]]) -> np.ndarray:
    """Ask the exported ONNX model as the service does."""
    found = document("serving/export.json")
    session = onnxruntime.InferenceSession("artifacts/serving/model.onnx", providers=["CPUExecutionProvider"])
    answers: np.ndarray = session.run(
        [found["output"]["scores"] or found["output"]["labels"]], Feeds(found["columns"])(rows)
    )[0]
    return answers


def test_the_folder_holds_a_proven_model_and_all_that_belongs_to_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export_model.main([]) == 0
    assert capsys.readouterr().out.startswith("runtime onnx: 94 rows and ")
    found = document("serving/export.json")
    assert {path.name for path in Path("artifacts/serving").iterdir()} == PLACES
    assert found["runtime"] == "onnx"
    assert found["classes"] == ["no", "yes"]
    assert [column["name"] for column in found["columns"]] == list(make_contract().features)
    assert {column["input"] for column in found["columns"] if column["name"] == "empty"} == {None}
    content = Path("artifacts/serving", found["model"]["file"]).read_bytes()
    assert found["model"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert found["model"]["bytes"] == len(content)
    assert found["parity"]["label_changes"] == 0
    assert load_contract(Path("artifacts/serving/contract")).digest == make_contract().digest
    assert document("serving/reference-profile.json") == document("reference-profile.json")


def test_the_golden_rows_are_answered_alike(project: Path) -> None:
    export_model.main([])
    golden = document("serving/golden.json")
    assert golden["format"] == "golden/1"
    np.testing.assert_allclose(served(golden["rows"]), golden["probabilities"], rtol=0, atol=golden["tolerance"])
    assert [golden["classes"][place] for place in served(golden["rows"]).argmax(axis=1)] == golden["predictions"]


def test_a_service_of_the_export_passes_the_check_of_its_deployment(project: Path) -> None:
    assert make_contract().classes[0] == make_contract().positive, "so that its probability is not the first"
    export_model.main([])
    known = evidence.load(Path("artifacts/serving"))
    reply = serve(Path("artifacts/serving")).predict(*known.rows)
    check = compare(Answer(reply.status, HTTPMessage(), reply.body.decode(), 0.0), known)
    assert check.passed, check.seen
    assert check.seen == "32 of 32 rows alike"


def test_the_metadata_tells_which_model_is_served(project: Path) -> None:
    export_model.main([])
    about = document("metadata.json")
    metadata.check(about, Path("contract/metadata.schema.json"))
    assert about["serving"]["runtime"] == "onnx"
    assert about == document("serving/metadata.json")
    card = Path("artifacts/MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| Served as | onnx: 94 rows and " in card
    assert Path("artifacts/serving/MODEL_CARD.md").read_text(encoding="utf-8") == card


def test_a_second_export_changes_nothing(project: Path) -> None:
    export_model.main([])
    before = {path: path.read_bytes() for path in Path("artifacts").rglob("*") if path.is_file()}
    assert export_model.main([]) == 0
    assert {path: path.read_bytes() for path in Path("artifacts").rglob("*") if path.is_file()} == before


def test_the_pipeline_itself_is_served_when_asked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_model.main([])
    capsys.readouterr()
    assert export_model.main(["--runtime", "skops"]) == 0
    assert capsys.readouterr().out == "runtime skops: asked for\n"
    found = document("serving/export.json")
    assert {path.name for path in Path("artifacts/serving").iterdir()} == PLACES - {"model.onnx"} | {"model.skops"}
    assert found["model"]["sha256"] == document("run.json")["model"]["sha256"]
    assert found["parity"] == {
        "rows": None,
        "probes": None,
        "label_changes": None,
        "max_difference": None,
        "tolerance": 1e-6,
    }
    golden = document("serving/golden.json")
    restored = models.load(Path("artifacts/serving"), digest=found["model"]["sha256"])
    answers = outcomes.predict(restored, frame_of(golden["rows"], make_contract()), make_contract())
    assert answers.tolist() == golden["probabilities"]


def _impossible(*_: object) -> conversion.Converted:
    raise ConversionError("no converter for this")


def test_without_proof_the_pipeline_is_served_and_the_reason_noted(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("<<cookiecutter.package_name>>.exporting.choice.convert", _impossible)
    assert export_model.main([]) == 0
    assert "runtime skops: no conversion to ONNX is proven: float64: no converter for this" in capsys.readouterr().out
    assert document("metadata.json")["serving"]["reason"] == document("serving/export.json")["reason"]
    assert "no converter for this" in document("serving/export.json")["reason"]


def test_without_proof_onnx_is_refused_and_the_old_folder_stays(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export_model.main([])
    before = document("serving/export.json")
    convert = conversion.convert

    def spoilt(*given: Any) -> conversion.Converted:
        made = convert(*given)
        names = {"load": "noise", "noise": "load"}
        columns = [column | {"name": names.get(column["name"], column["name"])} for column in made.columns]
        return conversion.Converted(made.content, columns, made.output)

    monkeypatch.setattr("<<cookiecutter.package_name>>.exporting.choice.convert", spoilt)
    assert export_model.main(["--runtime", "onnx"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: no conversion to ONNX is proven: float64: 94 rows and ")
    assert "worst is " in said
    assert "the pipeline says [" in said
    assert document("serving/export.json") == before


def _edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[], object]:
    def edit() -> None:
        changed = document(name)
        change(changed)
        files.write_json(Path("artifacts", name), changed)

    return edit


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda: Path("artifacts/metadata.json").unlink(),
            "metadata.json: not found; run make pipeline first",
            id="unregistered",
        ),
        pytest.param(
            _edit("metadata.json", lambda about: about["identity"].update(run_id="other")),
            "metadata.json: describes run other, wanted [0-9a-f]+ of run.json; run make pipeline again",
            id="other-run",
        ),
        pytest.param(
            _edit("metadata.json", lambda about: about["identity"].update(sha256="0" * 64)),
            "metadata.json: describes run",
            id="other-model",
        ),
        pytest.param(
            lambda: Path("artifacts/model/model.skops").write_bytes(b"changed"),
            "model.skops: sha256 is d67e2e944994…, wanted",
            id="changed-model",
        ),
        pytest.param(
            lambda: Path("table.csv").write_text("changed"),
            "data changed since the training; run make pipeline again",
            id="changed-data",
        ),
        pytest.param(
            lambda: Path("artifacts/run.json").unlink(),
            "run.json: not found; run make pipeline first",
            id="untrained",
        ),
        pytest.param(
            lambda: Path("artifacts/model/reference-profile.json").unlink(),
            "reference-profile.json: not found; run make pipeline first",
            id="no-profile",
        ),
    ],
)
def test_what_is_not_of_one_registered_run_is_refused(
    project: Path, change: Callable[[], object], message: str
) -> None:
    change()
    with pytest.raises(PipelineError, match=message) as caught:
        export(Workspace())
    assert caught.value.code == 2
    assert not Path("artifacts/serving").exists()
    assert not list(Path("artifacts").glob(".serving*"))


def test_an_export_that_dies_half_way_leaves_the_old_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_model.main([])
    before = {path: path.read_bytes() for path in Path("artifacts/serving").rglob("*") if path.is_file()}

    def die(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(metadata, "model_card", die)
    assert export_model.main(["--runtime", "skops"]) == 2
    assert {path: path.read_bytes() for path in Path("artifacts/serving").rglob("*") if path.is_file()} == before
    assert not list(Path("artifacts").glob(".serving*"))


def test_a_new_training_takes_the_old_export_away(project: Path) -> None:
    export_model.main([])
    Workspace().forget_from("run.json")
    assert not Path("artifacts/serving").exists()


@pytest.mark.slow
def test_the_service_feeds_a_model_without_the_libraries_of_training(project: Path) -> None:
    export_model.main([])
    code = (
        "import json, sys; from pathlib import Path; import onnxruntime;"
        "from <<cookiecutter.package_name>>.serving.feeds import Feeds;"
        "folder = Path('artifacts/serving'); about = json.loads((folder / 'export.json').read_text());"
        "session = onnxruntime.InferenceSession(folder / 'model.onnx');"
        "rows = json.loads((folder / 'golden.json').read_text())['rows'];"
        "session.run([about['output']['scores']], Feeds(about['columns'])(rows));"
        "print(sorted({'pandas', 'sklearn', 'skl2onnx', 'onnx', 'mlflow', 'scipy'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    asked = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert asked.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["linear", "hist_gradient_boosting"])
def test_a_table_of_three_classes_is_exported_from_an_inferred_contract(
    estimator: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pristine_store: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    lay_out(tmp_path, pristine_store)
    wine = load_wine(as_frame=True)
    wine.frame.assign(target=[wine.target_names[code] for code in wine.target]).to_csv("table.csv", index=False)
    assert infer_contract.main(["table.csv", "--target", "target"]) == 0
    Path("config/gates.toml").write_text(GATES, encoding="utf-8")
    Path("config/pipeline.toml").write_text(
        CONFIG.replace("folds = 0", f'folds = 0\nestimator = "{estimator}"'), encoding="utf-8"
    )
    assert pipeline.main([]) == 0
    capsys.readouterr()
    assert export_model.main(["--runtime", "onnx"]) == 0
    assert "no label changed" in capsys.readouterr().out
    golden = document("serving/golden.json")
    assert golden["classes"] == ["class_0", "class_1", "class_2"]
    np.testing.assert_allclose(served(golden["rows"]), golden["probabilities"], rtol=0, atol=golden["tolerance"])
