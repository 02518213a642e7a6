"""Score a table with a registered model, or with one that lies in a folder."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from .. import files
from ..contracts.contract import load_contract
from ..errors import RowsRefusedError
from ..learning import models
from ..learning.prediction import score
from ..store import registry
from .workspace import Workspace


def predict(work: Workspace, out: Path, *, alias: str = registry.CHAMPION, folder: Path | None = None) -> int:
    """Write the predictions for the workspace's table to the CSV file `out` and return how many there are.

    The model is the one in `folder`, else the registered one that `alias` means. Raises RowsRefusedError when the table
    does not satisfy that model's contract, RegistryError when there is no such model.
    """
    if folder is None:
        with TemporaryDirectory() as copy:
            found = registry.fetch(work.store, registry.find(work.store, alias), Path(copy))
        pipeline, contract = found.pipeline, found.contract
    else:
        pipeline, contract = models.load(folder), load_contract(folder / models.CONTRACT)
    try:
        answers = score(pipeline, contract, work.paths)
    except RowsRefusedError as error:
        if work.table is not None:
            raise
        way = f"no table was named, so that this is data.path of {work.config_file}; name one: make predict DATA=path"
        raise RowsRefusedError(f"{error}; {way}") from error
    files.write_text(out, answers.to_csv(index=False))
    return len(answers)
