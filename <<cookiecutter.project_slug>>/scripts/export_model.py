"""Write artifacts/serving, which an image is built from: the registered model in the form that the service runs.

An ONNX model answers a hundred times faster and needs no scikit-learn, but converting a model may change it. So the
conversion is compared with the trained pipeline on every hold-out row and on probes at its limits: nulls, every
category, the thresholds of its trees, the contract's minimum and maximum. It is served when no label changes and no
number differs by more than 1e-6, a probability absolutely, a predicted value relative to the target's standard
deviation. Otherwise the pipeline itself is served, and the reason is written to export.json and metadata.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.export import export
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Export the model of artifacts/run.json: exit 0, 1 when --runtime onnx finds no proof, 2 for missing evidence."""
    parser = cli.parser(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--runtime",
        choices=("auto", "onnx", "skops"),
        default="auto",
        help="auto: ONNX when proven, else the pipeline; onnx: exit 1 without proof; skops: the pipeline [%(default)s]",
    )
    options = parser.parse_args(argv)

    def step() -> int:
        print(export(Workspace.of(options), runtime=options.runtime))
        return 0

    return cli.run(step)


if __name__ == "__main__":
    sys.exit(main())
