"""A fitted pipeline as a folder: an MLflow model for every MLflow tool, and readable without MLflow."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd
import skops.io
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from ..contracts.contract import Contract
from ..errors import EvidenceError, PipelineError
from ..files import draft_folder, sha256
from . import mlmodel, model_bytes
from .model_types import TRUSTED

FILE = "model.skops"
CONTRACT = "contract"
CONTRACT_FILES = ("data.schema.json", "dataset.toml")


@dataclass(frozen=True)
class ModelFile:
    """The weights on disk: `bytes` is the size of the file at `path`."""

    path: Path
    sha256: str
    bytes: int


def save(
    pipeline: Pipeline, contract: Contract, folder: Path, example: pd.DataFrame, *, contract_folder: Path
) -> ModelFile:
    """Write `pipeline` as the model folder `folder`, replacing an older one as a whole.

    `example` holds a few rows of features. Equal pipelines give equal `model.skops` bytes in every process.
    Raises PipelineError when the folder cannot be written or the pipeline holds what skops cannot save.
    """
    with draft_folder(folder) as draft:
        try:
            (draft / FILE).write_bytes(model_bytes.dumps(pipeline))
        except (UnsupportedTypeException, TypeError) as error:
            raise PipelineError(f"the model cannot be saved without pickle ({_first_line(error)})") from error
        (draft / CONTRACT).mkdir()
        for name in CONTRACT_FILES:
            shutil.copyfile(contract_folder / name, draft / CONTRACT / name)
        mlmodel.write(draft, FILE, contract, example[list(contract.features)])
    saved = folder / FILE
    return ModelFile(saved, sha256([saved]), saved.stat().st_size)


def load(folder: Path, *, digest: str | None = None) -> Pipeline:
    """Return the pipeline in `folder`, restoring only the types of the repository's allow-list.

    Raises EvidenceError when the file is missing, damaged, differs from the expected sha256 `digest`, or holds
    a type that is not on the list.
    """
    path = folder / FILE
    try:
        if digest is not None and (seen := sha256([path])) != digest:
            wrong = f"sha256 is {seen[:12]}…, wanted {digest[:12]}…"
            raise EvidenceError(f"{path}: {wrong}; the file was changed, train again")
        with warnings.catch_warnings():
            # A champion of an older scikit-learn has to be compared, not refused; what cannot be restored raises.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            model = skops.io.load(path, trusted=TRUSTED)
    except FileNotFoundError as error:
        raise EvidenceError(f"{path}: not found; run make pipeline first") from error
    except UntrustedTypesFoundException as error:
        raise EvidenceError(f"{path}: holds {_refused(path)}, not on the list of trusted types; {_REVIEW}") from error
    except (BadZipFile, KeyError, ValueError, TypeError, ImportError, AttributeError, OSError) as error:
        raise EvidenceError(f"{path}: is not a readable model ({_first_line(error)}); train again") from error
    if not isinstance(model, Pipeline):
        raise EvidenceError(f"{path}: holds a {type(model).__name__}, wanted a scikit-learn Pipeline")
    return model


_REVIEW = "review what the type does on loading, then add it to learning/model_types.py of the package"


def _refused(path: Path) -> str:
    return ", ".join(sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED)))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
