"""Make a registered version the champion; the champion before becomes `previous`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.errors import EvidenceError
from <<cookiecutter.package_name>>.steps.register import promote
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Promote a version: exit 0, also when it is the champion already."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--version", help="alias, version or number [the one that artifacts/metadata.json describes]")
    parser.add_argument("--reason", default="promoted by hand", help="kept with the version [%(default)s]")
    parser.add_argument("--image-digest", metavar="SHA256", help="digest of the deployed image")
    options = parser.parse_args(argv)

    def step() -> int:
        work = Workspace.of(options)
        name = options.version or _registered_last(work)
        version = promote(work, name, reason=options.reason, image_digest=options.image_digest)
        print(f"{version.name} {version.version}: {', '.join(version.aliases)}, {version.stage}")
        return 0

    return cli.run(step)


def _registered_last(work: Workspace) -> str:
    path = work.artifacts / "metadata.json"
    if not path.exists():
        raise EvidenceError(
            f"{path}: not found; run make pipeline first, or name a version: make promote VERSION=1.2.0"
        )
    return str(work.read("metadata.json", expect="metadata/1")["identity"]["version"])


if __name__ == "__main__":
    sys.exit(main())
