"""Random search: what the config's space means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config import Search


def draw(search: Search, seed: int) -> list[dict[str, Any]]:
    """Return `search.trials` combinations of parameters, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [{name: _value(search.space[name], rng) for name in sorted(search.space)} for _ in range(search.trials)]


def _value(domain: list[Any] | Mapping[str, Any], rng: np.random.Generator) -> object:
    """Return one of a list, or a number between `low` and `high`: whole when both are, even in log with `log`."""
    if isinstance(domain, list):
        return domain[int(rng.integers(len(domain)))]
    low, high = domain["low"], domain["high"]
    whole = isinstance(low, int) and isinstance(high, int)
    if domain.get("log"):
        value = math.exp(rng.uniform(math.log(low), math.log(high)))
    elif whole:
        value = rng.integers(low, high, endpoint=True)
    else:
        value = rng.uniform(low, high)
    return min(max(round(value), low), high) if whole else float(f"{value:.6g}")
