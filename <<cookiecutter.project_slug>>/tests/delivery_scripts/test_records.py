from __future__ import annotations

import json
from pathlib import Path

import deploy
import pytest
from delivery.errors import DeliveryError
from delivery.records import Check, Pinned, Record, as_markdown, begin, check_table, fenced, output, read_json
from delivery.release import State

A = Pinned(f"registry/app@sha256:{'a' * 64}", "1.0.0", "run-a")

B = Pinned(f"registry/app@sha256:{'b' * 64}", "2.0.0", "run-b")


@pytest.fixture(autouse=True)
def _outside_of_a_workflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ACTOR", "OUTPUT", "REPOSITORY", "RUN_ID", "SERVER_URL", "SHA", "STEP_SUMMARY"):
        monkeypatch.delenv(f"GITHUB_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_record_says_who_did_what_and_is_complete_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/churn")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    begin("staging", "space", "deploy", A.image, "why").write()
    written = read_json(Path("artifacts/deployment.json"), "deployment/1", "scripts/deploy.py")
    assert (written["outcome"], written["finished"], written["actor"]) == ("started", None, "ada")
    assert written["run_url"] == "https://github.com/acme/churn/actions/runs/7"
    assert written["started"].endswith("Z")


def test_an_outcome_has_its_time_and_what_runs() -> None:
    record = begin("staging", "space", "deploy", A.image).ended(
        "deployed", running=A, checks=(Check("c", True, "1", "1"),)
    )
    record.write()
    written = json.loads(Path("artifacts/deployment.json").read_text(encoding="utf-8"))
    assert written["running"] == {"image": A.image, "model_version": "1.0.0", "run_id": "run-a"}
    assert written["checks"] == [{"name": "c", "passed": True, "seen": "1", "wanted": "1"}]
    assert written["finished"]


def test_what_was_seen_cannot_become_markup() -> None:
    table = check_table([Check("golden | set", False, "<script>\n@team", "`x`")])
    assert "| ✗ golden \\| set | \\<script\\> \\@team | \\`x\\` |" in table
    page = as_markdown(Record("staging", "space", "deploy", A.image, reason="a|b", error="<b>", outcome="failed"))
    assert "**\\<b\\>**" in page and "a\\|b" in page
    assert fenced("a ```` b").startswith("`````\n")


def test_values_for_later_steps_are_appended(monkeypatch: pytest.MonkeyPatch) -> None:
    output("digest", "nobody listens")
    monkeypatch.setenv("GITHUB_OUTPUT", "out")
    output("digest", "sha256:1")
    output("model-version", "1.0.0")
    assert Path("out").read_text(encoding="utf-8") == "digest=sha256:1\nmodel-version=1.0.0\n"


@pytest.mark.parametrize(
    ("before", "model", "ended"),
    [
        (State(A.image, A, A), "1.0.0", True),
        (State(B.image, B, A), "2.0.0", False),
        (State(A.image, B, A), "1.0.0", False),
        (State("by/hand:1", A, A), "-", True),
        (State(), "-", True),
    ],
    ids=["verified", "not verified", "not begun", "by hand", "nothing"],
)
def test_the_model_beside_an_image_is_the_one_inside_it(before: State, model: str, *, ended: bool) -> None:
    page = deploy.difference(Record("staging", "s", "deploy", B.image, "3.0.0"), before, "")
    assert f"| model | {model} | 3.0.0 |" in page
    assert ("**An earlier delivery did not end" in page) is not ended
    assert ended or f"what was good before it: `{A.image}`**" in page


@pytest.mark.parametrize("value", ["1.0.0\ndigest=sha256:2", "1.0.0\r", "1.0.0\n"], ids=repr)
def test_a_value_of_several_lines_is_no_output(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", "out")
    with pytest.raises(DeliveryError, match="the output model-version is '1.0.0.*, wanted one line"):
        output("model-version", value)
    assert not Path("out").exists()


def test_a_difference_names_objects_and_counts_lines() -> None:
    diff = """diff -u -N /tmp/LIVE-1/apps.v1.Deployment.s.app /tmp/MERGED-2/apps.v1.Deployment.s.app
--- /tmp/LIVE-1/apps.v1.Deployment.s.app\t2026-11-21 00:00:00
+++ /tmp/MERGED-2/apps.v1.Deployment.s.app\t2026-11-21 00:00:00
@@ -1,2 +1,3 @@
-image: a
+image: b
+--flag
"""
    page = deploy.difference(Record("staging", "s", "deploy", A.image, "1.0.0"), State(), diff)
    assert "--- apps.v1.Deployment.s.app\n+++ apps.v1.Deployment.s.app\n@@" in page
    assert "<summary>2 lines added, 1 removed</summary>" in page
    assert "| image | nothing runs | `registry/app" in page
    assert "Nothing else changes." in deploy.difference(Record("staging", "s", "deploy", A.image), State(), "")
