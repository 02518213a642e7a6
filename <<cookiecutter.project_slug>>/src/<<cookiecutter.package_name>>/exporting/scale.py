"""What a difference between predicted values is measured by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..contracts.contract import Contract
from ..learning import outcomes
from ..learning.metrics import Floats


def scales(expected: Floats, holdout: pd.DataFrame, contract: Contract) -> Floats:
    """Return what a difference of each predicted value is relative to.

    That is the standard deviation of the target in `holdout`, and for values further than that from its mean, their
    distance to it.
    """
    target = outcomes.numbers(holdout, contract)
    relative: Floats = np.maximum(np.abs(expected - target.mean()), target.std() or 1.0)
    return relative
