"""The `[canary]` section of `config/delivery.toml` as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .analysis import Limits, Plan
from .errors import MisuseError
from .settings import Settings


@dataclass(frozen=True)
class PrometheusSettings:
    """Where Prometheus is, and by which labels it knows tracks, pods and namespaces."""

    service: str
    namespace: str
    port: int
    track_label: str
    pod_label: str
    namespace_label: str


@dataclass(frozen=True)
class CanarySettings:
    """How a canary gets its traffic, and how it is measured. Times are in seconds, shares in percent."""

    traffic: Literal["replicas", "gateway-api"]
    steps: Sequence[int]
    max_share: float
    initial_delay: float
    interval: float
    plan: Plan
    limits: Limits
    synthetic: bool
    requests_per_second: float
    prometheus: PrometheusSettings | None

    @classmethod
    def of(cls, settings: Settings) -> CanarySettings:
        """Return the settings of canaries. Raises MisuseError when the steps do not rise from 1 to 99."""
        rules: Mapping[str, Any] = settings["canary"]
        prometheus = rules.get("prometheus")
        return cls(
            rules["traffic"],
            _steps(rules["steps"]),
            rules["max_share"],
            rules["initial_delay_seconds"],
            rules["interval_seconds"],
            Plan(rules["count"], rules["failure_limit"], rules["error_limit"]),
            Limits(**rules["limits"]),
            rules["probe"]["synthetic"],
            rules["probe"]["requests_per_second"],
            PrometheusSettings(**prometheus) if prometheus is not None else None,
        )


def _steps(seen: Sequence[Any]) -> tuple[int, ...]:
    whole = all(isinstance(step, int) and not isinstance(step, bool) and 0 < step < 100 for step in seen)
    if not seen or not whole or sorted(set(seen)) != list(seen):
        raise MisuseError(
            f"config/delivery.toml: canary.steps is {list(seen)}, wanted rising whole numbers from 1 to 99 "
            "such as [10, 25, 50]"
        )
    return tuple(seen)
