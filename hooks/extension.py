"""Filters for the template: one refuses bad answers, two write them so that nothing misreads them."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence

import click
from click.core import ParameterSource
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

from .answers import kept, message, refusals


class AnswerFilters(Extension):
    """Add the filters `accepted`, `lines` and `quoted` to the environment that renders the template."""

    def __init__(self, environment: Environment) -> None:
        """Register the filters."""
        super().__init__(environment)
        environment.filters["accepted"] = accepted
        environment.filters["lines"] = lines
        environment.filters["quoted"] = quoted


def accepted(answers: Mapping[str, object]) -> str:
    """Return an empty string, or raise FailedHookException that names every refused answer."""
    refused = refusals(answers)
    if refused:
        raise FailedHookException(message(refused, command(kept(answers))))
    return ""


def command(answers: Sequence[str]) -> str:
    """Return the command that was typed, with its options and `answers`; nothing when no person is there to ask."""
    typed = click.get_current_context(silent=True)
    if typed is None or "template" not in typed.params or typed.params["no_input"]:
        return ""
    # pipx and uvx put nothing on the path, but what they installed stays where it is.
    known = shutil.which("cookiecutter") is not None
    words = ["cookiecutter"] if known else [sys.executable, "-m", "cookiecutter"]
    words += [typed.params["template"]]
    for option in typed.command.params:
        name = option.name or ""
        given = typed.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and isinstance(option, click.Option) and not name.startswith("replay"):  # that session was refused
            words += [option.opts[-1], *([] if option.is_flag else [typed.params[name]])]
    return shlex.join([*words, *answers])


def lines(answers: Mapping[str, object]) -> str:
    """Return the answers as NAME=ANSWER lines for the inside of a Python text in double quotes."""
    asked = (f"{name}={answer}" for name, answer in answers.items() if not name.startswith("_"))
    return "\n".join(line.encode("unicode_escape").decode().replace('"', '\\"') for line in asked)


def quoted(text: str) -> str:
    """Return accepted `text` in double quotes, valid in TOML, YAML, JSON and Python and readable in all of them."""
    return json.dumps(text, ensure_ascii=False)
