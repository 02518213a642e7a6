"""Register the model that passed the gate, as challenger."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.register import register
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Register artifacts/model unless gate.json refuses it: exit 0, or 2 when it does."""
    options = cli.parser(__doc__ or "").parse_args(argv)

    def step() -> int:
        version, _ = register(Workspace.of(options))
        print(f"{version.name} {version.version}: {', '.join(version.aliases) or 'registered'}")
        cli.output("version", version.version)
        return 0

    return cli.run(step)


if __name__ == "__main__":
    sys.exit(main())
