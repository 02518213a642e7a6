"""List the last runs, best first among those that the same rows judged, or show what differs between two."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.compare import difference, leaderboard
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Print the leaderboard, or the difference of the two runs that are named: exit 0."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="two runs to compare: versions, or starts of run ids")
    parser.add_argument("--last", type=int, default=20, metavar="N", help="how many runs to list [%(default)s]")
    parser.add_argument("--metric", help="what to rank by [the metric of the champion's gate]")
    options = parser.parse_args(argv)
    if len(options.runs) not in {0, 2} or options.last < 1:
        parser.error("name no run or two, and ask for at least one")

    def step() -> int:
        work = Workspace.of(options)
        print(difference(work, *options.runs) if options.runs else leaderboard(work, options.last, options.metric))
        return 0

    return cli.run(step)


if __name__ == "__main__":
    sys.exit(main())
