"""The files beside the weights that make the folder a model for MLflow: `MLmodel`, example, requirements.

They are written as MLflow's documentation describes them instead of through its scikit-learn flavour, whose
requirement search and trial load cost seconds; the tests load the result with MLflow itself.
"""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path
from typing import Any

import pandas as pd

from ..contracts.contract import Contract
from ..provenance import environment, mlflow_version
from .model_types import TRUSTED

EXAMPLE = "input_example.json"
SERVING_EXAMPLE = "serving_input_example.json"
LABEL_TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}


def write(folder: Path, model_file: str, contract: Contract, example: pd.DataFrame) -> None:
    """Write MLflow's files into `folder`, which holds the weights as `model_file`."""
    versions = environment()
    packages = {**versions["packages"], "mlflow": mlflow_version()}
    table = _split(example)
    _write_json(folder / EXAMPLE, table)
    _write_json(folder / SERVING_EXAMPLE, {"dataframe_split": table})
    # JSON is valid YAML, which is what MLflow reads here.
    _write_json(folder / "MLmodel", _mlmodel(model_file, contract, versions))
    (folder / "requirements.txt").write_text("".join(f"{name}=={packages[name]}\n" for name in sorted(packages)))
    _write_json(
        folder / "python_env.yaml",
        {"python": versions["python"], "build_dependencies": [], "dependencies": ["-r requirements.txt"]},
    )


def signature(contract: Contract) -> dict[str, Any]:
    """Return MLflow's signature: numbers are doubles, so that a column may gain missing values later."""
    inputs = [
        {"type": "double" if column.numeric else "string", "name": column.name, "required": True}
        for column in contract.columns
        if column.role == "feature"
    ]
    output = "double" if contract.problem == "regression" else LABEL_TYPES[type(contract.classes[0])]
    answers = [{"type": "tensor", "tensor-spec": {"dtype": _tensor(output), "shape": [-1]}}]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(answers), "params": None}


def _tensor(output: str) -> str:
    return {"double": "float64", "long": "int64", "boolean": "bool", "string": "str"}[output]


def _mlmodel(model_file: str, contract: Contract, versions: dict[str, Any]) -> dict[str, Any]:
    return {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": model_file,
                "predict_fn": "predict",
                "python_version": platform.python_version(),
                "env": {"virtualenv": "python_env.yaml"},
            },
            "sklearn": {
                "pickled_model": model_file,
                "serialization_format": "skops",
                "skops_trusted_types": list(TRUSTED),
                "sklearn_version": versions["packages"]["scikit-learn"],
                "code": None,
            },
        },
        "mlflow_version": mlflow_version(),
        "signature": signature(contract),
        "saved_input_example_info": {
            "artifact_path": EXAMPLE,
            "serving_input_path": SERVING_EXAMPLE,
            "type": "dataframe",
            "pandas_orient": "split",
        },
        "metadata": {"contract_digest": contract.digest, "contract_version": contract.version},
    }


def _split(example: pd.DataFrame) -> dict[str, Any]:
    rows = example.astype(object).to_numpy().tolist()
    return {"columns": list(example.columns), "data": [[_json_value(value) for value in row] for row in rows]}


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
