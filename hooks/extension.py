"""Two filters for the template: one refuses bad answers, one quotes text for any file."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

from .answers import message, refusals


class AnswerFilters(Extension):
    """Add the filters `accepted` and `quoted` to the environment that renders the template."""

    def __init__(self, environment: Environment) -> None:
        """Register both filters."""
        super().__init__(environment)
        environment.filters["accepted"] = accepted
        environment.filters["quoted"] = quoted


def accepted(answers: Mapping[str, object]) -> str:
    """Return an empty string, or raise FailedHookException that names every refused answer."""
    refused = refusals(answers)
    if refused:
        raise FailedHookException(message(refused))
    return ""


def quoted(text: str) -> str:
    """Return accepted `text` in double quotes, valid in TOML, YAML, JSON and Python and readable in all of them."""
    return json.dumps(text, ensure_ascii=False)
