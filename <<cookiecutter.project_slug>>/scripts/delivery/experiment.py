"""Two variants compared by the outcomes that came back: difference, confidence interval, sample size, verdict.

Shares of correct predictions: Newcombe's hybrid score interval (method 10 of R. G. Newcombe, Interval estimation for
the difference between independent proportions, Statistics in Medicine 17, 1998), from Wilson's interval of each share
(E. B. Wilson, JASA 22, 1927). Mean errors: Welch's interval (B. L. Welch, Biometrika 34, 1947). Sample sizes: J. L.
Fleiss, Statistical Methods for Rates and Proportions, chapter 3, without continuity correction. All hold for large
samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from .errors import MisuseError

Verdict = Literal["better", "worse", "inconclusive"]
FEWEST = 30  # below it neither the t quantile nor a variance is worth a verdict


class ExperimentError(MisuseError):
    """The counts cannot be compared."""


@dataclass(frozen=True)
class Shares:
    """Correct predictions among those whose outcome is known."""

    correct: float
    total: float

    @property
    def mean(self) -> float:
        """Return the accuracy."""
        return self.correct / self.total


@dataclass(frozen=True)
class Errors:
    """Absolute errors of a regression: their number, mean and variance."""

    total: float
    mean: float
    variance: float


@dataclass(frozen=True)
class Question:
    """What an experiment is to find out: a difference this large, with these chances of being wrong."""

    minimum_difference: float
    confidence: float = 0.95
    power: float = 0.8


@dataclass(frozen=True)
class Answer:
    """B minus A in the metric, its interval, how many outcomes per variant it takes, and what that means for B."""

    metric: Literal["accuracy", "mean absolute error"]
    a: float
    b: float
    outcomes_a: float
    outcomes_b: float
    low: float
    high: float
    needed: int
    verdict: Verdict
    reason: str

    @property
    def difference(self) -> float:
        """Return B minus A."""
        return self.b - self.a


def compare(a: Shares | Errors, b: Shares | Errors, question: Question) -> Answer:
    """Return what the outcomes of two variants say about B.

    B is worse as soon as the interval says so, because stopping early errs on the safe side. It is better only when
    both variants have the outcomes that the question takes: who looks every day and stops at the first good one is
    wrong far more often than `confidence` says.
    """
    few = min(a.total, b.total)
    if few < FEWEST:
        raise ExperimentError(f"{few:.0f} outcomes in the smaller variant, wanted at least {FEWEST}; wait for feedback")
    if isinstance(a, Shares) and isinstance(b, Shares):
        low, high = newcombe(a, b, question.confidence)
        needed, sign = sample_size_of_shares(a.mean, question), 1
    elif isinstance(a, Errors) and isinstance(b, Errors):
        low, high = welch(a, b, question.confidence)
        needed, sign = sample_size_of_means(max(a.variance, b.variance), question), -1  # less error is better
    else:
        raise ExperimentError("one variant has correct and wrong answers, the other errors; compare models of one kind")
    gain_low, gain_high = sorted((sign * low, sign * high))
    verdict, reason = _verdict(gain_low, gain_high, few, needed, question)
    metric: Literal["accuracy", "mean absolute error"] = "accuracy" if sign > 0 else "mean absolute error"
    return Answer(metric, a.mean, b.mean, a.total, b.total, low, high, needed, verdict, reason)


def _verdict(low: float, high: float, few: float, needed: int, question: Question) -> tuple[Verdict, str]:
    """Judge the gain of B, which lies between `low` and `high`."""
    sure = f"with {question.confidence:.0%} confidence"
    if high < 0:
        return "worse", f"B is worse than A {sure}"
    if few < needed:
        return "inconclusive", f"{few:.0f} outcomes in the smaller variant, wanted {needed}; let the experiment run on"
    if low > 0:
        return "better", f"B is better than A {sure}"
    return "inconclusive", (
        f"no difference is shown; one of {question.minimum_difference:g} would have shown with "
        f"{question.power:.0%} probability, so keep A unless B has other merits"
    )


def newcombe(a: Shares, b: Shares, confidence: float) -> tuple[float, float]:
    """Return the interval of B's share minus A's."""
    (low_a, high_a), (low_b, high_b) = wilson(a, confidence), wilson(b, confidence)
    difference = b.mean - a.mean
    low = difference - math.hypot(b.mean - low_b, high_a - a.mean)
    high = difference + math.hypot(high_b - b.mean, a.mean - low_a)
    return max(-1.0, low), min(1.0, high)


def wilson(shares: Shares, confidence: float) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    n, p, z = shares.total, shares.mean, _z(confidence)
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (centre - half) / (1 + z * z / n)), min(1.0, (centre + half) / (1 + z * z / n))


def welch(a: Errors, b: Errors, confidence: float) -> tuple[float, float]:
    """Return the interval of B's mean minus A's, whose variances may differ."""
    part_a, part_b = a.variance / a.total, b.variance / b.total
    variance = part_a + part_b
    if not variance:
        return b.mean - a.mean, b.mean - a.mean
    freedom = variance**2 / (part_a**2 / (a.total - 1) + part_b**2 / (b.total - 1))
    half = student_t(_z(confidence), freedom) * math.sqrt(variance)
    return b.mean - a.mean - half, b.mean - a.mean + half


def student_t(z: float, freedom: float) -> float:
    """Return the quantile of Student's t where the normal's is `z`.

    Cornish and Fisher's expansion, Abramowitz and Stegun 26.7.5: right to four digits from 10 degrees of freedom on.
    """
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))


def sample_size_of_shares(share: float, question: Question) -> int:
    """Return the outcomes per variant that show a share `minimum_difference` above or below `share`.

    The nearer to one half, the more it takes, so that side is counted.
    """
    other = share + math.copysign(question.minimum_difference, 0.5 - share)
    other = min(max(other, 0.0), 1.0)
    middle = (share + other) / 2
    needed = _z(question.confidence) * math.sqrt(2 * middle * (1 - middle)) + NormalDist().inv_cdf(
        question.power
    ) * math.sqrt(share * (1 - share) + other * (1 - other))
    return max(FEWEST, math.ceil((needed / question.minimum_difference) ** 2))


def sample_size_of_means(variance: float, question: Question) -> int:
    """Return the outcomes per variant that show a difference of `minimum_difference` between two means."""
    quantiles = _z(question.confidence) + NormalDist().inv_cdf(question.power)
    return max(FEWEST, math.ceil(2 * variance * (quantiles / question.minimum_difference) ** 2))


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)
