"""The settings in `config/` as frozen values; `*.schema.json` beside the files names keys, limits and defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import files, settings

Estimator = Literal["linear", "random_forest", "gradient_boosting", "hist_gradient_boosting", "baseline"]


@dataclass(frozen=True)
class Data:
    """Where the table lies: a file or a glob."""

    path: str


@dataclass(frozen=True)
class Split:
    """How much is held out, and whether by chance or by time."""

    holdout: float
    method: Literal["random", "time"]


@dataclass(frozen=True)
class Search:
    """How many random combinations of parameters to try, and what each is drawn from."""

    trials: int
    space: Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """The estimator, its parameters and how they are judged before the hold-out is touched."""

    estimator: Estimator
    folds: int
    parameters: Mapping[str, Any]
    search: Search


@dataclass(frozen=True)
class Evaluation:
    """The bootstrap behind every interval."""

    resamples: int
    confidence: float


@dataclass(frozen=True)
class Tracking:
    """The names in the tracking store, and how long to wait for it."""

    experiment: str
    model: str
    timeout_seconds: int
    retries: int


@dataclass(frozen=True)
class Config:
    """`config/pipeline.toml`; `sha256` is the digest of the file as it was read."""

    seed: int
    data: Data
    split: Split
    training: Training
    evaluation: Evaluation
    tracking: Tracking
    sha256: str


@dataclass(frozen=True)
class Limit:
    """The closed range in which a metric must lie; None leaves an end open."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class ChampionGate:
    """How the model must compare with the champion, in the unit of `metric`."""

    metric: str
    max_regression: float
    must_improve: bool


@dataclass(frozen=True)
class SliceGate:
    """What every group with at least `min_rows` rows must show."""

    metric: str
    limit: Limit
    min_rows: int


@dataclass(frozen=True)
class Gates:
    """`config/gates.toml`; `slices` is None when the file has no such section."""

    metrics: Mapping[str, Limit]
    champion: ChampionGate
    slices: SliceGate | None
    latency_ms: float
    model_mb: float


def load_config(path: Path = Path("config/pipeline.toml")) -> Config:
    """Return the checked settings in `path`.

    Raises ConfigError, naming every fault at once, when the file cannot be used.
    """
    seen = settings.load(path, "pipeline.schema.json", _contradictions)
    training = seen["training"]
    return Config(
        seed=seen["seed"],
        data=Data(**seen["data"]),
        split=Split(**seen["split"]),
        training=Training(**{**training, "search": Search(**training["search"])}),
        evaluation=Evaluation(**seen["evaluation"]),
        tracking=Tracking(**seen["tracking"]),
        sha256=files.sha256([path]),
    )


def load_gates(path: Path = Path("config/gates.toml")) -> Gates:
    """Return the checked gates in `path`.

    Raises ConfigError, naming every fault at once, when the file cannot be used.
    """
    seen = settings.load(path, "gates.schema.json", _empty_ranges)
    slices = seen.get("slices")
    return Gates(
        metrics={name: Limit(**limit) for name, limit in seen["metrics"].items()},
        champion=ChampionGate(**seen["champion"]),
        slices=SliceGate(slices["metric"], _limit(slices), slices["min_rows"]) if slices else None,
        latency_ms=seen["limits"]["latency_ms"],
        model_mb=seen["limits"]["model_mb"],
    )


def _contradictions(seen: Mapping[str, Any]) -> Iterator[str]:
    """Name what each key allows alone but the file does not allow together."""
    training = seen["training"]
    search = training["search"]
    if search["trials"] and not search["space"]:
        yield "training.search.space is empty, wanted what to draw from, because training.search.trials is above 0"
    if search["trials"] and not training["folds"]:
        yield "training.folds is 0, wanted at least 2, because training.search.trials is above 0"
    for name, domain in search["space"].items():
        if isinstance(domain, dict) and domain["low"] >= domain["high"]:
            yield f"training.search.space.{name}: low is {domain['low']}, wanted less than high ({domain['high']})"
        elif isinstance(domain, dict) and domain.get("log") and domain["low"] <= 0:
            yield f"training.search.space.{name}: low is {domain['low']}, wanted more than 0 with log = true"


def _empty_ranges(seen: Mapping[str, Any]) -> Iterator[str]:
    limits = {f"metrics.{name}": _limit(limit) for name, limit in seen["metrics"].items()}
    limits["slices"] = _limit(seen.get("slices", {}))
    for place, limit in limits.items():
        if limit.min is not None and limit.max is not None and limit.min > limit.max:
            yield f"{place}: min {limit.min} is above max {limit.max}, so that no model could pass"


def _limit(section: Mapping[str, Any]) -> Limit:
    return Limit(section.get("min"), section.get("max"))
