"""Whether a converted model answers like the pipeline: row by row, through the code that the service runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from onnxruntime.capi import onnxruntime_pybind11_state as faults
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from ..errors import PipelineError
from ..learning import outcomes
from ..learning.metrics import Floats
from ..serving.feeds import Feeds
from .conversion import Converted
from .probes import Probe
from .rows import Row, frame_of, json_rows
from .scale import scales
from .verdict import TOLERANCE, Parity

ALONE = 32  # rows that are also asked one by one, as most requests do
FAULTS = (
    faults.Fail,
    faults.InvalidArgument,
    faults.InvalidGraph,
    faults.InvalidProtobuf,
    faults.NotImplemented,
    faults.RuntimeException,
    ValueError,
)


class UnusableModelError(PipelineError):
    """ONNX Runtime cannot load or run the model."""


def prove(
    converted: Converted, pipeline: Pipeline, contract: Contract, holdout: pd.DataFrame, probes: Sequence[Probe]
) -> Parity:
    """Compare the answers to all rows of `holdout` and to the `probes`.

    Differences are those of probabilities; of values they are relative to `scales`. Raises UnusableModelError.
    """
    rows = json_rows(holdout, contract)
    asked = [*rows, *(probe.row for probe in probes)]
    expected = np.concatenate(
        [
            outcomes.predict(pipeline, holdout, contract),
            outcomes.predict(pipeline, frame_of([probe.row for probe in probes], contract), contract),
        ]
    )
    seen = answers(converted, asked, expected.shape)
    gaps = np.abs(seen - expected)
    if contract.problem == "regression":
        gaps, changed = gaps / scales(expected, holdout, contract), np.zeros(len(asked), dtype=bool)
    else:
        gaps, changed = gaps.max(axis=1), seen.argmax(axis=1) != expected.argmax(axis=1)
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    worst = int(np.lexsort((gaps, changed))[-1])
    about = f"hold-out row {worst + 1}" if worst < len(rows) else f"the probe {probes[worst - len(rows)].about}"
    said = f"{about}: {_shown(seen[worst])}, the pipeline says {_shown(expected[worst])}"
    return Parity(len(rows), len(probes), int(changed.sum()), float(gaps.max()), said)


def answers(converted: Converted, rows: Sequence[Row], shape: tuple[int, ...]) -> Floats:
    """Return what ONNX Runtime says to all `rows` at once, and NaN where it says something else to a row alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    feeds, wanted = Feeds(converted.columns), [converted.output["scores"] or converted.output["labels"]]
    try:
        session = onnxruntime.InferenceSession(converted.content, options, providers=["CPUExecutionProvider"])
        together = session.run(wanted, feeds(rows))[0]
        alone = [session.run(wanted, feeds([row]))[0] for row in rows[:ALONE]]
    except FAULTS as error:
        raise UnusableModelError(f"ONNX Runtime refuses the model ({str(error).splitlines()[0]})") from error
    if together.shape != shape:
        raise UnusableModelError(f"the model answers in the shape {together.shape}, wanted {shape}")
    seen: Floats = np.array(together, dtype=np.float64)
    apart = ~np.isclose(np.concatenate(alone), seen[:ALONE], rtol=TOLERANCE, atol=TOLERANCE)
    seen[:ALONE][apart] = np.nan
    return seen


def _shown(answer: Any) -> str:
    return np.array2string(np.asarray(answer), precision=9, separator=", ")
