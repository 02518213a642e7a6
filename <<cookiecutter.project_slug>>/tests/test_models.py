from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from <<cookiecutter.package_name>> import config
from <<cookiecutter.package_name>>.errors import EvidenceError, PipelineError
from <<cookiecutter.package_name>>.learning import mlmodel, model_bytes, model_types, models, training

from tests.example import ROOT, fitted, make_config, make_contract, make_frame

ESTIMATORS: tuple[config.Estimator, ...] = (
    "linear",
    "random_forest",
    "gradient_boosting",
    "hist_gradient_boosting",
    "baseline",
)
SMALL = {"random_forest": "n_estimators", "gradient_boosting": "n_estimators", "hist_gradient_boosting": "max_iter"}
KINDS = ("binary", "multiclass", "regression")
IN_ANOTHER_PROCESS = "import json, sys; from tests.test_models import digests; json.dump(digests(), sys.stdout)"


@cache
def small_model(estimator: config.Estimator, kind: str) -> Pipeline:
    settings = make_config(estimator, parameters={SMALL[estimator]: 3} if estimator in SMALL else {})
    return training.fit(make_frame(kind, rows=80), make_contract(kind), settings).pipeline


def digests() -> dict[str, str]:
    """Return the digest of each kind of model that a project can train."""
    made = ((kind, estimator, small_model(estimator, kind)) for kind in KINDS for estimator in ESTIMATORS)
    return {f"{kind} {name}": hashlib.sha256(model_bytes.dumps(model)).hexdigest() for kind, name, model in made}


@pytest.fixture(scope="module")
def other_process() -> Iterator[subprocess.Popen[str]]:
    """Start another process, which trains while the other tests of this module run."""
    environment = os.environ | {"PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process


@pytest.mark.slow
@pytest.mark.usefixtures("other_process")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_model_is_restored_by_the_list_in_the_repository(estimator: config.Estimator, kind: str) -> None:
    model = small_model(estimator, kind)
    content = model_bytes.dumps(model)
    restored = skops.io.loads(content, trusted=model_types.TRUSTED)
    rows = make_frame(kind, rows=50, seed=1)[list(make_contract(kind).features)]
    np.testing.assert_array_equal(restored.predict(rows), model.predict(rows))
    assert model_bytes.dumps(restored) == content, "other addresses in memory, other bytes"


def test_sets_are_written_in_one_order() -> None:
    forward, backward = {"a", "b", "c"}, set()
    for name in ("c", "b", "a"):
        backward.add(name)
    written = [model_bytes.dumps(FunctionTransformer(kw_args={"names": names})) for names in (forward, backward)]
    assert written[0] == written[1]
    assert b'\\"a\\"' in written[0].split(b'\\"b\\"')[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "boolean", "integer", "multiclass", "regression"])
def test_mlflow_serves_the_folder(kind: str, tmp_path: Path, contract_folder: Path) -> None:
    example = make_frame(kind, rows=4)
    models.save(fitted(kind).pipeline, make_contract(kind), tmp_path / "m", example, contract_folder=contract_folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, on import
        import mlflow.pyfunc  # noqa: PLC0415
    served = mlflow.pyfunc.load_model(str(tmp_path / "m"))
    expected = fitted(kind).pipeline.predict(example[list(make_contract(kind).features)])
    np.testing.assert_array_equal(served.predict(served.input_example), expected)


def test_the_signature_takes_whole_numbers_as_doubles() -> None:
    inputs = json.loads(mlmodel.signature(make_contract())["inputs"])
    assert {column["name"]: column["type"] for column in inputs}["constant"] == "double"


def test_the_folder_names_exact_versions_and_holds_the_contract(model_folder: Path) -> None:
    requirements = (model_folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in requirements)
    assert {line.split("==")[0] for line in requirements} >= {"mlflow", "scikit-learn", "skops"}
    assert {path.name for path in (model_folder / "contract").iterdir()} == {"data.schema.json", "dataset.toml"}


def test_a_failed_save_leaves_the_model_before(tmp_path: Path, contract_folder: Path) -> None:
    folder, frame = tmp_path / "model", make_frame(rows=2)
    models.save(fitted().pipeline, make_contract(), folder, frame, contract_folder=contract_folder)
    before = (folder / models.FILE).read_bytes()
    with pytest.raises(PipelineError, match="cannot be saved without pickle"):
        unsaveable = Pipeline([("model", FunctionTransformer(kw_args={"rows": (row for row in range(0))}))])
        models.save(unsaveable, make_contract(), folder, frame, contract_folder=contract_folder)
    assert (folder / models.FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing half-written stays"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, contract_folder: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match=r"file.*cannot be written"):
        example = make_frame(rows=2)
        models.save(
            fitted().pipeline, make_contract(), tmp_path / "file" / "m", example, contract_folder=contract_folder
        )


def test_a_type_beyond_the_list_is_refused(tmp_path: Path) -> None:
    skops.io.dump(Pipeline([("shell", FunctionTransformer(func=os.system))]), tmp_path / models.FILE)
    with pytest.raises(EvidenceError, match=r"holds posix\.system, not on the list.*model_types\.py"):
        models.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, r"model\.skops: not found; run make pipeline first", id="missing"),
        pytest.param(b"", "is not a readable model", id="empty"),
        pytest.param(b"\x80\x04pickle", "is not a readable model", id="pickle"),
        pytest.param(
            skops.io.dumps(DummyClassifier()), "holds a DummyClassifier, wanted a .*Pipeline", id="no-pipeline"
        ),
    ],
)
def test_an_unusable_file_is_explained(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / models.FILE).write_bytes(content)
    with pytest.raises(EvidenceError, match=message):
        models.load(tmp_path)


def test_a_changed_file_is_noticed(model_folder: Path) -> None:
    with pytest.raises(EvidenceError, match="sha256 is .* wanted 0000"):
        models.load(model_folder, digest="0" * 64)


@pytest.mark.slow
def test_another_process_with_another_hash_seed_writes_the_same_bytes(other_process: subprocess.Popen[str]) -> None:
    answer, _ = other_process.communicate(timeout=60)
    assert json.loads(answer) == digests()
