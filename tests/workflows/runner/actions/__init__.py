"""Models of the remote actions, by name: what each does to the workspace and to GitHub."""

from __future__ import annotations

from . import artifacts, clouds, comments, images, source
from .model import MODELS, ActionCall, check_use

__all__ = ["MODELS", "ActionCall", "artifacts", "check_use", "clouds", "comments", "images", "source"]
