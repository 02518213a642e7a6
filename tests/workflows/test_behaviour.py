"""The generated workflows, with the project's real scripts, do what they promise on every event.

`new` is a repository before its first push; `established` has a champion, version 1.0.0, in its tracking store.
"""

from __future__ import annotations

from .runner import Cancel, GitHub, Runner, events
from .runner.concurrency import Rule
from .scenario import (
    REQUIRED,
    aliases,
    bad_data,
    document,
    edited,
    failures,
    learns_again,
    learns_nothing,
    pull_request,
    push,
    refusals,
    retrain,
    same_model,
    stores,
    version,
    worse_than_champion,
    writers,
)

GREEN = {
    "plan": "success",
    "test / check": "success",
    "model / validate-data / validate": "success",
    "model / train / train": "success",
    "model / gate / decide": "success",
    "model / register": "success",
}
# Without DEPLOY_ENABLED the pipeline ends at the registry.
UNDEPLOYED = dict.fromkeys(("image", "staging", "review", "production"), "skipped")
REGISTERED = {**GREEN, **UNDEPLOYED}


def test_the_first_push_is_green_and_makes_a_champion(pushed: GitHub) -> None:
    (run,) = pushed.runs
    assert run.conclusions == REGISTERED, str(run)
    assert writers(run) == {}
    assert document(run, "gate-report", "gate.json")["promote"] is True
    assert version(run) == "1.0.0"
    (store,) = stores(pushed)
    assert aliases(store)["champion"] == 1
    register = run.jobs["model / register"]
    (notice,) = register.annotations
    assert notice.startswith("notice: The model became the champion at once, because nothing is deployed")
    assert "DEPLOY_ENABLED" in notice
    assert "README.md, On GitHub" in notice
    assert "# customer-churn 1.0.0" in register.summary
    assert (pushed.deployments, pushed.issues, pushed.comments, pushed.unmodelled) == ([], {}, [], [])


def test_a_push_after_a_cancelled_one_meets_the_same_champion(established: Runner) -> None:
    hub = established.hub
    event = events.push(hub, same_model(hub))
    cancelled = established.trigger(event, cancel=Cancel("model / train / train", "Evaluate"))["pipeline.yml"]
    assert cancelled.conclusion == "cancelled", str(cancelled)
    assert "model / register" not in cancelled.executed()
    assert set(cancelled.artifacts) == {"data-report"}
    assert len(stores(hub)) == 1

    run = push(established, {"src/note.txt": "anything that may shape the model"})
    assert run.conclusions == REGISTERED, str(run)
    checks = document(run, "gate-report", "gate.json")["checks"]
    assert [check["seen"] != "no champion" for check in checks if check["name"] == "champion roc_auc"] == [True]
    assert version(run) == "1.0.1"
    assert [aliases(store)["champion"] for store in stores(hub)] == [1, 2]


def test_a_push_of_documents_trains_nothing(established: Runner) -> None:
    run = push(established, {"README.md": "# Other words", "docs/more.md": "more"})
    assert run.conclusion == "success", str(run)
    assert run.executed() == ["plan", "test / check"]
    assert run.conclusions["model"] == "skipped"
    assert run.artifacts == {}
    assert len(stores(established.hub)) == 1


def test_a_failing_check_stops_everything(established: Runner) -> None:
    fails = {"docs/check-fails": "", "src/note.txt": "anything that may shape the model"}
    run = push(established, fails)
    assert failures(run) == ["Check"], str(run)
    assert run.executed() == ["plan", "test / check"]
    merged = pull_request(established, {"docs/more.md": "more"})
    assert failures(merged) == ["Check", REQUIRED], str(merged)


def test_a_pipeline_on_another_branch_registers_nothing(established: Runner) -> None:
    hub = established.hub
    events.push(hub, same_model(hub), branch="topic")
    run = established.trigger(events.workflow_dispatch(hub, "pipeline.yml", ref="topic"))["pipeline.yml"]
    assert run.conclusions == {**REGISTERED, "model / register": "skipped"}, str(run)
    assert len(stores(hub)) == 1


def test_bad_data_stops_before_training(new: Runner) -> None:
    run = push(new, bad_data(new.hub))
    assert run.conclusion == "failure"
    assert run.executed() == ["plan", "test / check", "model / validate-data / validate"], str(run)
    assert failures(run) == ["Validate"], str(run)
    assert document(run, "data-report", "data-report.json")["valid"] is False
    assert "| region |" in run.jobs["model / validate-data / validate"].summary
    assert set(run.artifacts) == {"data-report", "report.html"}


def test_a_model_that_learned_nothing_stops_at_the_gate(new: Runner) -> None:
    run = push(new, learns_nothing(new.hub))
    assert run.conclusion == "failure"
    assert run.executed() == [path for path in GREEN if path != "model / register"], str(run)
    assert failures(run) == ["Decide"], str(run)
    assert {"skill", "roc_auc"} <= set(refusals(run))
    assert "report.html" in run.artifacts
    assert "Refuse" in run.jobs["model / gate / decide"].summary
    assert stores(new.hub) == []


def test_a_model_that_is_only_worse_than_the_champion_is_refused(established: Runner) -> None:
    run = push(established, worse_than_champion(established.hub))
    assert run.conclusion == "failure"
    assert refusals(run) == ["champion roc_auc"], str(run)
    assert failures(run) == ["Decide"], str(run)
    assert run.conclusions["model / register"] == "skipped"
    assert len(stores(established.hub)) == 1


def test_without_an_answer_about_the_store_nothing_is_trained(established: Runner) -> None:
    established.hub.outages.append(("GET", "/actions/artifacts"))
    run = push(established, same_model(established.hub))
    assert run.conclusions["model / train / train"] == "failure"
    assert failures(run) == ["Restore the tracking store"], str(run)
    assert "Service Unavailable" in run.jobs["model / train / train"].log
    assert run.conclusions["model / register"] == "skipped"
    assert len(stores(established.hub)) == 1


def test_an_expired_store_is_an_error_not_a_clean_start(established: Runner) -> None:
    established.hub.pass_time(days=91)
    run = push(established, same_model(established.hub))
    assert failures(run) == ["Restore the tracking store"], str(run)
    assert "the newest one expired on" in run.jobs["model / train / train"].log
    assert "TRACKING_STORE_START_EMPTY" in run.jobs["model / train / train"].log
    assert run.conclusions["model / register"] == "skipped"


def test_an_older_store_does_not_stand_in_for_a_deleted_one(established: Runner) -> None:
    hub = established.hub
    registered = push(established, same_model(hub))
    assert version(registered) == "1.0.1"
    hub.artifacts.remove(stores(hub)[-1])

    run = push(established, {"src/note.txt": "anything that may shape the model"})
    assert failures(run) == ["Restore the tracking store"], str(run)
    log = run.jobs["model / train / train"].log
    assert f"/actions/runs/{registered.id} changed it later" in log
    assert "run all jobs of that run again" in log
    assert len(stores(hub)) == 1


def test_a_run_waits_while_another_one_writes_the_store(established: Runner) -> None:
    hub = established.hub
    assert hub.locks.acquire(Rule("tracking-store"), (hub.next_id(), "model"))
    run = push(established, same_model(hub))
    assert run.status == "waiting", str(run)
    assert run.executed() == ["plan", "test / check"]


def test_refused_retraining_has_one_issue_until_it_passes_again(established: Runner) -> None:
    hub = established.hub
    events.push(hub, learns_nothing(hub))
    refused = retrain(established)
    assert refused.conclusion == "failure"
    assert writers(refused) == {"tell": ["issues"]}
    kept, alive = stores(hub)
    assert aliases(alive) == aliases(kept), "a store would expire while the gate refuses"
    assert len(hub.issues) == 1
    issue = next(iter(hub.issues.values()))
    assert (issue.title, issue.labels, issue.state) == (
        "The gate refused the new model", ["retraining-refused"], "open",
    )  # fmt: skip
    assert "| roc\\_auc |" in issue.body
    assert hub.comments == []

    events.push(hub, bad_data(hub))
    assert retrain(established).conclusion == "failure"
    assert list(hub.issues) == [issue.number]
    assert issue.title == "The data breaks its contract"
    assert [comment.issue for comment in hub.comments] == [issue.number]

    events.push(hub, {**learns_again(hub), **edited(hub, "data/customers.csv", ",moon,", ",north,")})
    passed = retrain(established)
    assert passed.conclusion == "success", str(passed)
    assert {path.removeprefix("retrain / "): result for path, result in passed.conclusions.items()} == {
        **REGISTERED, "tell": "success", "keep": "skipped",
    }  # fmt: skip
    assert version(passed) == "1.0.1"
    assert aliases(stores(hub)[-1])["champion"] == 2
    assert issue.state == "closed"
    assert list(hub.issues) == [issue.number]


def test_a_retraining_that_lost_its_place_in_the_queue_is_told(established: Runner) -> None:
    hub = established.hub
    assert hub.locks.acquire(Rule("tracking-store"), (hub.next_id(), "model"))
    displaced = retrain(established)
    assert displaced.status == "waiting", str(displaced)
    push(established, same_model(hub))
    assert displaced.conclusion == "cancelled", str(displaced)
    assert displaced.conclusions["tell"] == "success"
    assert [issue.title for issue in hub.issues.values()] == ["Retraining failed before the gate"]


def test_the_schedule_of_a_fork_does_nothing(new: Runner) -> None:
    new.hub.fork = True
    run = retrain(new)
    assert run.executed() == []
    assert run.conclusions == {"retrain": "skipped", "tell": "skipped", "keep": "skipped"}
    assert new.hub.artifacts == []
