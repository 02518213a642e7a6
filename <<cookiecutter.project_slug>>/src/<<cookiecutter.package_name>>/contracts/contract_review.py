"""Judge a change of the contract: whether it breaks anybody, and whether its version says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..text import cell
from .changes import Change, Kind, compare
from .contract import Contract
from .semantics import Json


@dataclass(frozen=True)
class Review:
    """What changed between two versions of the contract; `base` is None when there was none."""

    base: str | None
    version: str
    changes: tuple[Change, ...]

    @property
    def kind(self) -> Literal["none"] | Kind:
        """The worst of the changes."""
        kinds = {change.kind for change in self.changes}
        return "breaking" if "breaking" in kinds else "compatible" if kinds else "none"

    @property
    def declared(self) -> bool:
        """Whether the major version was raised."""
        return self.base is not None and major(self.version) > major(self.base)

    @property
    def acceptable(self) -> bool:
        """Whether nothing breaks unsaid, and the version does not go back."""
        return not self.backwards and (self.kind != "breaking" or self.declared)

    @property
    def backwards(self) -> bool:
        """Whether the version is lower than it was."""
        return self.base is not None and numbers(self.version) < numbers(self.base)

    def document(self) -> dict[str, Json]:
        """Return the review as JSON (`contract-change/1`)."""
        return {
            "format": "contract-change/1",
            "kind": self.kind,
            "declared": self.declared,
            "acceptable": self.acceptable,
            "base": self.base,
            "version": self.version,
            "changes": [vars(change) for change in self.changes],
        }

    def markdown(self) -> str:
        """Return a line that judges, and a table of the changes."""
        versions = f"{self.base} → {self.version}" if self.base else f"{self.version}, the first"
        lines = [f"**Contract change: {self.kind}** ({versions}){self._advice()}"]
        if self.changes:
            lines += ["", "| Column | Kind | Change |", "|---|---|---|"]
            lines += [f"| {cell(one.column) or '(row)'} | {one.kind} | {cell(one.what)} |" for one in self.changes]
        return "\n".join(lines)

    def _advice(self) -> str:
        if self.base is None:
            return ""
        if self.kind == "breaking" and not self.declared:
            return f"; not declared: set x-version to {major(self.base) + 1}.0.0, or make it compatible"
        if self.backwards:
            return f"; the version goes back: set x-version to {self.base} or higher"
        return ", declared by the raised major version" if self.kind == "breaking" else ""


def review(base: Contract | None, contract: Contract) -> Review:
    """Return what `contract` changes against `base`."""
    if base is None:
        return Review(None, contract.version, ())
    return Review(base.version, contract.version, tuple(compare(base, contract)))


def major(version: str) -> int:
    """Return the first number of `version`."""
    return numbers(version)[0]


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of `version`, which order versions as their texts do not."""
    return tuple(map(int, version.split(".")))


def next_version(base: Contract, contract: Contract) -> str:
    """Return the version that `contract` should bear after `base`: the highest number that its changes raise."""
    first, second, third = numbers(base.version)
    kind = review(base, contract).kind
    if kind == "none":
        return base.version if base.digest == contract.digest else f"{first}.{second}.{third + 1}"
    return f"{first + 1}.0.0" if kind == "breaking" else f"{first}.{second + 1}.0"
