"""Which conversion of a pipeline to serve: the first that is proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import pandas as pd
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from .conversion import ConversionError, Converted, Precision, convert
from .parity import UnusableModelError, prove
from .probes import probes
from .rows import json_rows
from .verdict import TOLERANCE, NoParityError, Parity


@dataclass(frozen=True)
class Proven:
    """A converted model with the proof that it answers like the pipeline."""

    converted: Converted
    parity: Parity


def proven(pipeline: Pipeline, contract: Contract, holdout: pd.DataFrame) -> Proven:
    """Return the first conversion of `pipeline` that is proven: with numbers of 64 bits, else of 32.

    Raises NoParityError, which tells what was wrong with each.
    """
    asked = probes(pipeline, contract, json_rows(holdout, contract))
    faults: list[str] = []
    parity = None
    for numbers in get_args(Precision):
        try:
            converted = convert(pipeline, contract, numbers)
            parity = prove(converted, pipeline, contract, holdout, asked)
        except (ConversionError, UnusableModelError) as error:
            faults.append(f"{numbers}: {error}")
            continue
        if parity.holds:
            return Proven(converted, parity)
        faults.append(f"{numbers}: {parity}, wanted none and at most {TOLERANCE:.0e}; worst is {parity.worst}")
    raise NoParityError("; ".join(faults), parity)
