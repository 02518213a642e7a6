"""How far the predictions of two models lie apart: the population stability index, freed of what chance explains.

PSI = sum over bins of (p - q) ln(p / q). When both samples, of n and m predictions in B bins, come from one
distribution, PSI is about (1/n + 1/m) times a chi-squared variable of B - 1 degrees of freedom, so its mean is
(B - 1)(1/n + 1/m): B. Yurdakul, Statistical Properties of Population Stability Index, Western Michigan University,
2018.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from .observed import Observed

# Half an observation in each bin keeps the logarithm finite where one model never went.
SMOOTHING = 0.5


def shift(canary: Observed, stable: Observed) -> float:
    """Return the PSI between two tracks' predictions above chance, at least 0; NaN when nothing can be compared.

    Scores (of the positive class, or predicted values) are compared when both tracks have them, else classes.
    """
    ours, theirs = _bins(canary, stable)
    n, m = sum(ours), sum(theirs)
    if len(ours) < 2 or not n or not m:
        return math.nan
    return max(0.0, psi(ours, theirs) - (len(ours) - 1) * (1 / n + 1 / m))


def predictions(observed: Observed) -> float:
    """Return how many predictions a track made."""
    return max(observed.scores.get(math.inf, 0.0), sum(observed.classes.values()))


def psi(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the population stability index of two lists of counts per bin."""
    first, second = _shares(ours), _shares(theirs)
    return sum((p - q) * math.log(p / q) for p, q in zip(first, second, strict=True))


def _shares(counts: Sequence[float]) -> list[float]:
    whole = sum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / whole for count in counts]


def _bins(canary: Observed, stable: Observed) -> tuple[list[float], list[float]]:
    if canary.scores.get(math.inf) and stable.scores.get(math.inf):
        return _score_bins(canary.scores, stable.scores)
    names = sorted(canary.classes.keys() | stable.classes.keys())
    return [canary.classes.get(name, 0.0) for name in names], [stable.classes.get(name, 0.0) for name in names]


def _score_bins(canary: Mapping[float, float], stable: Mapping[float, float]) -> tuple[list[float], list[float]]:
    """Return counts between the canary's bounds, as far as the other histogram reaches.

    Two regression models have bounds of their own, the deciles of what each learned from, so the other histogram is
    read between its bounds. No bound in common leaves one bin, with which nothing can be compared.
    """
    known = sorted(bound for bound in stable if math.isfinite(bound))
    edges = [edge for edge in sorted(canary) if math.isfinite(edge) and known and known[0] <= edge <= known[-1]]
    ours = [canary[edge] for edge in edges] + [canary[math.inf]]
    theirs = [_below(edge, known, stable) for edge in edges] + [stable[math.inf]]
    return _between(ours), _between(theirs)


def _below(edge: float, known: Sequence[float], histogram: Mapping[float, float]) -> float:
    """Return how many observations lie at or below `edge`, taken as even inside a bucket."""
    above = bisect_left(known, edge)
    high = known[above]
    if high == edge:
        return histogram[high]
    low = known[above - 1]
    return histogram[low] + (histogram[high] - histogram[low]) * (edge - low) / (high - low)


def _between(cumulative: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in zip([0.0, *cumulative], cumulative, strict=False)]
