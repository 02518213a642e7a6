"""Pull requests and the merge queue are judged as a push is, and save nothing."""

from __future__ import annotations

from .runner import Runner, events
from .scenario import (
    REQUIRED,
    bad_data,
    breaking_contract,
    comment_of,
    failures,
    learns_nothing,
    pull_request,
    same_model,
    stores,
    writers,
)


def test_a_pull_request_has_one_comment_and_saves_nothing(established: Runner) -> None:
    hub = established.hub
    run = pull_request(established, same_model(hub))
    assert run.conclusion == "success", str(run)
    assert run.executed() == [
        "plan", "test / check", "validate-data / validate", "train / train", "gate / decide", "comment", "required",
    ]  # fmt: skip
    assert writers(run) == {"comment": ["pull-requests"]}
    assert set(run.artifacts) == {"data-report", "candidate", "gate-report", "report.html"}
    first = comment_of(hub)
    assert "✅ validate data · ✅ train · ✅ gate" in first.body
    assert "| champion roc\\_auc |" in first.body
    assert "no champion" not in first.body
    assert f"/actions/runs/{run.id}/artifacts/{run.artifacts['report.html'].id}" in first.body

    refused = pull_request(established, bad_data(hub))
    assert failures(refused) == ["Validate", REQUIRED], str(refused)
    assert refused.conclusions["train"] == refused.conclusions["gate"] == "skipped"
    updated = comment_of(hub)
    assert (updated.id, updated.issue) == (first.id, first.issue)
    assert "❌ validate data · ⏭️ train · ⏭️ gate" in updated.body
    assert "Data invalid" in updated.body
    assert len(stores(hub)) == 1

    judged = established.trigger(events.workflow_dispatch(hub, "gate.yml", {"run-id": str(run.id)}))["gate.yml"]
    assert judged.conclusions == {"decide": "success"}, str(judged)


def test_a_fork_is_judged_without_a_comment(established: Runner) -> None:
    hub = established.hub
    run = pull_request(established, same_model(hub), fork=True)
    assert run.conclusion == "success", str(run)
    assert hub.comments == []
    assert run.jobs["comment"].annotations == [
        "notice: the branch lies in a fork: the report is in the summary of the run, not in a comment"
    ]
    summary = run.jobs["gate / decide"].summary
    assert "Promote: customer-churn" in summary
    assert "no champion" not in summary
    assert writers(run) == {}
    assert len(stores(hub)) == 1


def test_a_pull_request_of_documents_is_green_without_training(established: Runner) -> None:
    run = pull_request(established, {"docs/more.md": "more"})
    assert run.conclusion == "success", str(run)
    assert run.executed() == ["plan", "test / check", "required"]
    assert writers(run) == {}
    assert established.hub.comments == []


def test_a_breaking_change_of_the_contract_has_to_be_declared(established: Runner) -> None:
    run = pull_request(established, breaking_contract(established.hub))
    assert failures(run) == ["Classify the contract's change", REQUIRED], str(run)
    assert run.conclusions["train"] == "skipped"
    assert "set x-version to 2.0.0" in comment_of(established.hub).body

    queued = established.trigger(events.merge_group(established.hub, breaking_contract(established.hub)))["ci.yml"]
    assert failures(queued) == ["Classify the contract's change", REQUIRED], str(queued)


def test_a_merge_group_is_judged_before_it_lands(established: Runner) -> None:
    hub = established.hub
    documents = established.trigger(events.merge_group(hub, {"docs/more.md": "more"}))["ci.yml"]
    assert documents.conclusion == "success", documents
    assert documents.executed() == ["plan", "test / check", "required"]
    run = established.trigger(events.merge_group(hub, learns_nothing(hub)))["ci.yml"]
    assert failures(run) == ["Decide", REQUIRED], str(run)
    assert run.conclusions["comment"] == "skipped"
    assert len(stores(hub)) == 1
