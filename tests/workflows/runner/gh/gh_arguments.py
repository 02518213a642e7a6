"""The arguments of the modelled `gh` commands; any other argument is reported, never ignored."""

from __future__ import annotations

import argparse
from typing import NoReturn

# Each command with the options that it takes; a name in brackets is a positional argument.
TABLE = {
    "api": "[path] --method/-X --raw-field/-f* --field/-F* --header/-H* --input --jq/-q --paginate! --silent!",
    "issue list": "--state/-s=open --label/-l* --search/-S --limit/-L=30 --json --jq/-q",
    "issue create": "--title/-t --body/-b --body-file/-F --label/-l* --assignee/-a*",
    "issue edit": "[number] --title/-t --body/-b --body-file/-F --add-label*",
    "issue close": "[number] --comment/-c --reason/-r",
    "issue reopen": "[number] --comment/-c",
    "issue comment": "[number] --body/-b --body-file/-F --edit-last! --create-if-none!",
    "issue view": "[number] --json --jq/-q",
    "pr comment": "[number] --body/-b --body-file/-F --edit-last! --create-if-none!",
    "pr view": "[number] --json --jq/-q",
    "repo view": "--json --jq/-q",
    "run view": "[number] --json --jq/-q",
    "run list": "--workflow/-w --branch/-b --status/-s --event/-e --limit/-L=20 --json --jq/-q",
    "run download": "[number] --name/-n* --pattern/-p* --dir/-D=.",
    "workflow run": "[name] --ref/-r --raw-field/-f* --field/-F*",
    "variable set": "[name] --body/-b --env/-e",
    "variable list": "--env/-e --json --jq/-q",
    "secret set": "[name] --body/-b --env/-e",
    "secret list": "--env/-e --json --jq/-q",
    "label create": "[name] --color/-c --description/-d --force/-f!",
    "attestation verify": "[subject] --signer-workflow --source-ref --predicate-type --deny-self-hosted-runners!",
}


class Unmodelled(Exception):
    """The real command may know this; the fake one does not."""


class Parser(argparse.ArgumentParser):
    """A parser that reports instead of printing its usage."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong."""
        raise Unmodelled(message)


def build_parser() -> Parser:
    """Return the parser of all modelled commands."""
    parser = Parser(add_help=False, allow_abbrev=False)
    groups = parser.add_subparsers(required=True, parser_class=Parser)
    nested: dict[str, argparse._SubParsersAction[Parser]] = {}
    for name, options in TABLE.items():
        group, _, verb = name.partition(" ")
        if verb and group not in nested:
            nested[group] = groups.add_parser(group, add_help=False).add_subparsers(required=True, parser_class=Parser)
        command = (nested[group] if verb else groups).add_parser(verb or group, add_help=False, allow_abbrev=False)
        command.set_defaults(command=name.split())
        _add_options(command, options + ("" if name == "api" else " --repo/-R"))
    return parser


def _add_options(command: Parser, options: str) -> None:
    for option in options.split():
        if option.startswith("["):
            command.add_argument(option.strip("[]"))
        elif option.endswith("!"):
            command.add_argument(*option[:-1].split("/"), action="store_true")
        elif option.endswith("*"):
            command.add_argument(*option[:-1].split("/"), action="append", default=[])
        else:
            flags, _, default = option.partition("=")
            kind = int if default.isdigit() else str
            command.add_argument(*flags.split("/"), default=kind(default) if default else None, type=kind)
