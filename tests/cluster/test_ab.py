"""analyze_ab.py with the real kubectl: the outcomes of two variants, as the pods of both have counted them."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..conftest import render
from .canary_stage import CANARY, NAMESPACE, Production, set_canary
from .emulator import Emulator
from .stage import APP

ROW = {"tenure_months": 1, "plan": "pro"}


def ask(production: Production, service: str, path: str, body: object) -> dict[str, Any]:
    """Send a request to one of the pods behind a Service, and return what it answers."""
    address = urlsplit(production.cluster.service_url(NAMESPACE, service)).netloc
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        assert response.status in (200, 202), response.status
        return dict(json.loads(response.read()))
    finally:
        connection.close()


def tell(production: Production, predicting: str, taking: str, *, correct: int, wrong: int) -> None:
    """Let a track predict, and tell a pod of either track how many of its predictions came true."""
    for number in range(correct + wrong):
        made = ask(production, predicting, "/predict", {"rows": [ROW]})["predictions"][0]
        actual = made["prediction"] if number < correct else "something else"
        ask(production, taking, "/feedback", {"id": made["id"], "actual": actual})


def test_two_variants_are_compared_by_their_own_outcomes_since_there_are_two(tmp_path: Path) -> None:
    with Emulator() as cluster:
        production = Production(render(tmp_path), cluster)
        set_canary(production.project, synthetic="true", requests_per_second="30.0")
        set_canary(production.project, max_p99_seconds="9.0", p99_slack_seconds="9.0")  # it is not about latency
        production.release("1.0.0", replicas=2)
        alone = production.run("analyze_ab.py", "production")
        assert (alone.returncode, alone.stdout) == (2, "")
        assert "there is no variant B; put one beside the release by canary.py with --hold" in alone.stderr
        tell(production, f"{APP}-stable", f"{APP}-stable", correct=40, wrong=0)  # A's past, which is none of B's affair

        production.act("1.1.0")
        held = production.run(*production.order_canary("1.1.0", "--hold", "14d"))
        assert held.returncode == 0, held.stderr
        assert "with 1 pods, whose number nothing changes from now on" in production.record["details"]["canary"]["note"]
        # All of B's outcomes are taken by pods of A, some of A's by the one of B.
        tell(production, CANARY, f"{APP}-stable", correct=54, wrong=6)
        tell(production, f"{APP}-stable", f"{APP}-stable", correct=20, wrong=20)
        tell(production, f"{APP}-stable", CANARY, correct=10, wrong=10)
        done = production.run("analyze_ab.py", "production", "--minimum-difference", "0.3")
        assert done.returncode == 0, done.stderr + done.stdout
        assert "better: B is better than A with 95% confidence" in done.stdout
        report = json.loads((production.project / "artifacts" / "ab-test.json").read_text(encoding="utf-8"))
        assert (report["outcomes_a"], report["outcomes_b"]) == (60, 60)
        assert (report["a"], report["b"]) == (0.5, 0.9)
        assert "## A/B test: better" in production.summary.read_text(encoding="utf-8")
