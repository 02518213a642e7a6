"""The stand-in model server with a part to play: good until it is trusted, or one that takes feedback.

TURN_AFTER    predictions after which each variable TURNED_… counts as STAND_IN_…

As the service does, it counts feedback for the variant that predicted, whoever that was. Its ids say so in plain words.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # it runs as a file, without the path that Python would add

from tests.cluster import stand_in


class Acting(stand_in.Service):
    """Takes feedback, and changes its behaviour once."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Return code and body for a request."""
        if path == "/feedback":
            return self._take(json.loads(body))
        code, answer = super().answer(method, path, body)
        if path == "/predict" and code == 200:
            for item in answer["predictions"]:
                item["id"] = json.dumps([self.model.version, self.track, item["prediction"]])
        return code, answer

    def _take(self, told: dict[str, Any]) -> tuple[int, Any]:
        version, variant, prediction = json.loads(told["id"])
        outcome = "correct" if prediction == told["actual"] else "wrong"
        self.metrics.count("model_feedback_total", outcome=outcome, version=version, variant=variant)
        return 202, {"status": "accepted"}

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
