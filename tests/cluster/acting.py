"""The stand-in model server with a part to play: good until it is trusted, or with feedback that came in before.

TURN_AFTER                predictions after which each variable TURNED_… counts as STAND_IN_…
FEEDBACK_CORRECT, _WRONG  outcomes that it has counted when it starts
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # it runs as a file, without the path that Python would add

from tests.cluster import stand_in


class Acting(stand_in.Service):
    """Counts outcomes from the start, and changes its behaviour once."""

    def __init__(self) -> None:
        super().__init__()
        for outcome in ("correct", "wrong"):
            if counted := os.environ.get(f"FEEDBACK_{outcome.upper()}"):
                self.metrics.count("model_feedback_total", float(counted), outcome=outcome)

    def next_prediction(self) -> tuple[int, bool]:
        """Return the number of a prediction, and whether it has to fail."""
        number, fails = super().next_prediction()
        if str(number) == os.environ.get("TURN_AFTER"):
            turned = {name: value for name, value in os.environ.items() if name.startswith("TURNED_")}
            os.environ.update({name.replace("TURNED_", "STAND_IN_"): value for name, value in turned.items()})
        return number, fails


if __name__ == "__main__":
    stand_in.Service = Acting  # type: ignore[misc]  # what main() makes one of
    sys.exit(stand_in.main())
