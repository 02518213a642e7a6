"""What the stand-in model server knows and counts; only what is quick to import."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from typing import Any

LATENCY = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TENTHS = tuple(tenth / 10 for tenth in range(1, 11))


def setting(name: str, default: str = "") -> str:
    """Return a switch of the behaviour."""
    return os.environ.get(f"STAND_IN_{name}", default)


def document(name: str) -> dict[str, Any]:
    """Return a file of the model's folder, {} when there is none."""
    path = os.path.join(os.environ.get("MODEL_DIR", ""), name)
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return dict(json.load(file))


class Metrics:
    """Counters and histograms, written as Prometheus reads them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: defaultdict[str, float] = defaultdict(float)

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter or a gauge."""
        with self._lock:
            self._values[series(name, labels)] += by

    def observe(self, name: str, value: float, buckets: tuple[float, ...], **labels: str) -> None:
        """Add a value to a histogram."""
        with self._lock:
            for bound in (*buckets, float("inf")):
                le = "+Inf" if bound == float("inf") else str(bound)
                self._values[series(f"{name}_bucket", {**labels, "le": le})] += value <= bound
            self._values[series(f"{name}_count", labels)] += 1
            self._values[series(f"{name}_sum", labels)] += value

    def text(self) -> str:
        """Return every series."""
        with self._lock:
            return "".join(f"{name} {float(value)}\n" for name, value in sorted(self._values.items()))


def series(name: str, labels: dict[str, str]) -> str:
    """Return the name of a series with its labels."""
    listed = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{listed}}}" if listed else name


class Model:
    """Answers the golden rows as they were answered in training, and other rows by a fixed rule."""

    def __init__(self) -> None:
        golden, metadata, export = document("golden.json"), document("metadata.json"), document("export.json")
        identity = metadata.get("identity", {})
        self.name = str(identity.get("name", "stand-in"))
        self.version = str(identity.get("version", setting("VERSION", "1.0.0")))
        self.columns = [column["name"] for column in export.get("columns", [])]
        self.kinds = {column["name"]: column["kind"] for column in export.get("columns", [])}
        self.classes: list[Any] = export.get("output", {}).get("classes", [] if export else ["no", "yes"])
        rows, answers = golden.get("rows", []), golden.get("predictions", [])
        odds = golden.get("probabilities") or [None] * len(rows)
        self._known = {key(row): (answer, odd) for row, answer, odd in zip(rows, answers, odds, strict=True)}

    def problems(self, rows: Any) -> list[dict[str, Any]]:
        """Return what is wrong with rows, as the service's answer 422 lists it."""
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            return [{"row": None, "column": None, "rule": "rows", "value": None, "message": "rows: a list of objects"}]
        found = []
        for at, row in enumerate(rows):
            missing = [name for name in self.columns if name not in row]
            unknown = [name for name in row if self.columns and name not in self.columns]
            wrong = [name for name, value in row.items() if not fits(self.kinds.get(name, ""), value)]
            for rule, names in (("required", missing), ("unknown", unknown), ("type", wrong)):
                for name in names:
                    text = f"{name}: {rule}"
                    found.append({"row": at, "column": name, "rule": rule, "value": row.get(name), "message": text})
        return found

    def predict(self, row: dict[str, Any], *, shifted: bool) -> dict[str, Any]:
        """Return the prediction for one row."""
        answer, odds = self._known.get(key(row)) or self._rule(row)
        if shifted:
            answer, odds = self._shifted(answer, odds)
        if not self.classes:
            return {"prediction": answer}
        odds = odds or [float(answer == name) for name in self.classes]
        named = {
            json.dumps(name) if not isinstance(name, str) else name: odd
            for name, odd in zip(self.classes, odds, strict=True)
        }
        return {"prediction": answer, "probabilities": named}

    def _rule(self, row: dict[str, Any]) -> tuple[Any, Any]:
        weight = sum(key(row).encode()) % 100 / 100
        if not self.classes:
            return 100 * weight, None
        share = [(1 - weight) / max(len(self.classes) - 1, 1)] * len(self.classes)
        share[-1] = weight
        return self.classes[share.index(max(share))], share

    def _shifted(self, answer: Any, odds: Any) -> tuple[Any, Any]:
        if not self.classes:
            return answer * 3 + 50, None
        turned = self.classes[(self.classes.index(answer) + 1) % len(self.classes)]
        return turned, list(reversed(odds)) if odds else None


def key(row: dict[str, Any]) -> str:
    """Return a row as the text that finds it again."""
    return json.dumps(row, sort_keys=True)


def fits(kind: str, value: Any) -> bool:
    """Tell whether a value may stand in a column."""
    if value is None or not kind:
        return True
    kinds: dict[str, tuple[type, ...]] = {"number": (int, float), "text": (str,), "boolean": (bool,)}
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))
