"""GitHub's REST API over the fake GitHub, on a local port."""

from __future__ import annotations

from . import actions, environments, issues, repository
from .server import Server

__all__ = ["Server", "actions", "environments", "issues", "repository"]
