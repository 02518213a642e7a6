"""House policy for workflows: what no public tool checks."""

from __future__ import annotations

from . import interfaces, references, structure
from .documents import Repository
from .references import unknown_options
from .registry import CHECKS, violations

__all__ = ["CHECKS", "Repository", "interfaces", "references", "structure", "unknown_options", "violations"]
