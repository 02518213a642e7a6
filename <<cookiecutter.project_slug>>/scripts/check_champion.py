"""Refuse a model that was not compared with the one that runs.

The gate compares a candidate with the champion of its day. While its release waited for approval, another may have been
deployed, or a rollback may have taken the champion back: then nothing is known of the two side by side. Exit 0 when the
environment runs the model that the candidate was compared with, the candidate itself, or nothing; exit 1 when not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delivery import evidence, settings
from delivery.cluster import Cluster
from delivery.errors import EPILOG, run
from delivery.release import State, read_state
from github_api.cli import verdict


def main(argv: Sequence[str] | None = None) -> int:
    """Print the verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", help="such as production")
    parser.add_argument("--model", type=Path, default=evidence.FOLDER, metavar="FOLDER", help="[%(default)s]")
    parser.add_argument("--config", type=Path, default=settings.PATH, help="[%(default)s]")
    options = parser.parse_args(argv)

    def step() -> int:
        rules, model = settings.load(options.config), evidence.load(options.model)
        state = read_state(Cluster.of(rules, options.environment), rules["application"])
        return verdict(problems(state, model.metadata), f"{model.name} {model.version} was compared with what runs")

    return run(step)


def problems(state: State, metadata: Mapping[str, Any]) -> list[str]:
    """Return why the model of `metadata` may not follow what `state` describes; nothing when it may."""
    if state.good is None:
        return []
    seen, own = state.good.model_version, metadata["identity"]["version"]
    champion = metadata.get("performance", {}).get("champion", {}).get("version")
    if seen and seen in (own, champion):
        return []
    compared = f"with {champion}" if champion else "with none"
    return [
        f"model {own} was compared {compared}, and {seen or 'an unknown model'} runs; start the pipeline again, so "
        "that the two are compared"
    ]


if __name__ == "__main__":
    sys.exit(main())
