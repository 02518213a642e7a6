"""analyze_ab.py with the real kubectl: the outcomes of two variants, as the pods of both have counted them."""

from __future__ import annotations

import json
from pathlib import Path

from ..conftest import render
from .canary_stage import Production, set_canary
from .emulator import Emulator


def test_two_variants_are_compared_by_the_feedback_that_all_their_pods_counted(tmp_path: Path) -> None:
    with Emulator() as cluster:
        production = Production(render(tmp_path), cluster)
        set_canary(production.project, synthetic="true", requests_per_second="30.0")
        production.release("1.0.0", replicas=2, FEEDBACK_CORRECT=2400, FEEDBACK_WRONG=600)
        alone = production.run("analyze_ab.py", "production")
        assert (alone.returncode, alone.stdout) == (2, "")
        assert "there is no variant B; put one beside the release by canary.py with --hold" in alone.stderr

        production.act("1.1.0", FEEDBACK_CORRECT=5200, FEEDBACK_WRONG=800)
        held = production.run(*production.order_canary("1.1.0", "--hold", "14d"))
        assert held.returncode == 0, held.stderr
        done = production.run("analyze_ab.py", "production", "--minimum-difference", "0.05")
        assert done.returncode == 0, done.stderr
        assert "better: B is better than A with 95% confidence" in done.stdout
        report = json.loads((production.project / "artifacts" / "ab-test.json").read_text(encoding="utf-8"))
        assert (report["outcomes_a"], report["outcomes_b"]) == (6000, 6000)
        assert "## A/B test: better" in production.summary.read_text(encoding="utf-8")
