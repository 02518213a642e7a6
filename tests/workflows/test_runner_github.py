"""Artifacts, tokens, events and the API behave as on GitHub."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from .conftest import Start
from .runner import RunnerError, Unsupported, events
from .runner.results import Run
from .runner.runner import Runner


@pytest.fixture
def semantics(begin: Start) -> Runner:
    """Return a runner for the fixture repository `semantics`."""
    return begin("semantics")


def dispatch(runner: Runner, file: str, inputs: dict[str, str] | None = None) -> Run:
    """Run one workflow by hand."""
    return runner.trigger(events.workflow_dispatch(runner.hub, file, inputs))[file]


def test_artifacts_are_immutable_and_leave_out_hidden_files(semantics: Runner) -> None:
    """The root of several paths is what they have in common."""
    run = dispatch(semantics, "artifacts.yml")
    make, use = run.jobs["make"], run.jobs["use"]
    assert set(run.artifacts["folder"].files) == {"a.json", "plots/b.svg"}
    assert set(run.artifacts["picked"].files) == {"a.json", "plots/b.svg"}
    assert "(409) Conflict" in make.steps("again").log
    assert "No files were found" in make.steps("nothing").log
    assert use.steps("list").log.split() == [
        "./all/folder/a.json", "./all/folder/plots/b.svg", "./all/picked/a.json", "./all/picked/plots/b.svg",
        "./here/a.json", "./here/plots/b.svg",
    ]  # fmt: skip
    assert "Artifact not found for name: absent" in use.steps("absent").log


def test_another_runs_artifact_needs_a_token_that_may_read_it(semantics: Runner) -> None:
    """Without a token the action looks at its own run."""
    earlier = dispatch(semantics, "artifacts.yml")
    run = dispatch(semantics, "earlier.yml", {"run": str(earlier.id)})
    assert run.conclusions == {"allowed": "success", "forbidden": "failure"}, str(run)
    assert "Resource not accessible by integration" in run.jobs["forbidden"].log
    blind = dispatch(semantics, "earlier.yml", {"run": str(earlier.id), "token": "false"})
    assert "Artifact not found for name: folder" in blind.jobs["allowed"].log


def test_artifacts_expire(semantics: Runner) -> None:
    """After their retention they are gone."""
    earlier = dispatch(semantics, "artifacts.yml")
    semantics.hub.pass_time(days=91)
    run = dispatch(semantics, "earlier.yml", {"run": str(earlier.id)})
    assert run.conclusions["allowed"] == "failure"


@pytest.mark.parametrize(
    ("files", "started"),
    [
        ({"src/a.py": "1"}, True),
        ({"src/a.md": "1"}, False),
        ({"other": "1"}, False),
        ({"other": "", "src/b": ""}, True),
    ],
    ids=["inside", "excluded", "outside", "one of two"],
)
def test_path_filters_decide_on_what_a_push_changes(semantics: Runner, files: dict[str, str], started: bool) -> None:
    """One changed path that is selected is enough."""
    runs = semantics.trigger(events.push(semantics.hub, files))
    assert ("filters.yml" in runs) is started


def test_branch_filters(semantics: Runner) -> None:
    """Two stars cross a slash, and other branches start nothing."""
    for branch, started in {"release/v1/a": True, "topic": False}.items():
        runs = semantics.trigger(events.push(semantics.hub, {"src/a": branch}, branch=branch))
        assert ("filters.yml" in runs) is started


def test_a_fork_gets_no_secret_no_variable_and_a_token_that_reads(semantics: Runner) -> None:
    """The same pull request from a branch of the repository gets them."""
    semantics.hub.secrets["PASSWORD"], semantics.hub.variables["REGION"] = "hunter2", "eu"
    own = semantics.trigger(events.pull_request(semantics.hub, {"a": "1"}))["filters.yml"]
    fork = semantics.trigger(events.pull_request(semantics.hub, {"a": "2"}, branch="theirs", fork=True))["filters.yml"]
    line = "pull_request refs/pull/{}/merge base=main secret={} variable={}\n"
    assert own.jobs["context"].steps[0].log == line.format(1, "***", "eu")
    assert fork.jobs["context"].steps[0].log == line.format(2, "", "")
    assert fork.jobs["context"].permissions == {"contents": "read", "issues": "read"}


def test_paths_ignore_skips_a_pull_request_that_only_touches_them(semantics: Runner) -> None:
    """A further change elsewhere starts the workflow again."""
    hub = semantics.hub
    assert "filters.yml" not in semantics.trigger(events.pull_request(hub, {"docs/a": "1"}))
    again = events.pull_request(hub, {"b": "1"})
    assert again.payload["action"] == "synchronize"
    assert "filters.yml" in semantics.trigger(again)


def test_clock_dispatch_and_queue_start_workflows(semantics: Runner) -> None:
    """The payload is in `github.event` and in the event file."""
    hub = semantics.hub
    scheduled = semantics.trigger(events.schedule(hub, "filters.yml"))["filters.yml"]
    sent = semantics.trigger(events.repository_dispatch(hub, "retrain", {"reason": "drift"}))["filters.yml"]
    queued = semantics.trigger(events.merge_group(hub, {"a": "1"}))["filters.yml"]
    assert scheduled.jobs["context"].steps[1].log == "schedule=17 4 * * 1 payload=\n"
    assert sent.jobs["context"].steps[1].log == "schedule= payload=drift\n"
    assert sent.jobs["context"].steps[2].log == "octo/model\n"
    assert queued.event.ref.startswith("refs/heads/gh-readonly-queue/main/")
    assert "filters.yml" not in semantics.trigger(events.repository_dispatch(hub, "other"))


def test_a_workflow_without_the_trigger_cannot_be_started_by_hand(semantics: Runner) -> None:
    """GitHub refuses such a dispatch."""
    with pytest.raises(RunnerError, match=r"filters.yml has no trigger for workflow_dispatch"):
        dispatch(semantics, "filters.yml")


def test_a_token_may_do_what_its_job_was_granted(begin: Start) -> None:
    """gh needs the token, and a repository that it can find."""
    runner = begin("commands")
    job = dispatch(runner, "issue.yml").jobs["forbidden"]
    assert "gh: Resource not accessible by integration (HTTP 403)" in job.steps("api").log
    assert job.steps("api").log.endswith("exit 1\n")
    assert "set the GH_TOKEN environment variable" in job.steps("without-token").log
    assert "fatal: not a git repository" in job.steps("without-repository").log


def test_commands_change_issues_and_start_workflows(begin: Start) -> None:
    """A second run finds the issue of the first; a dispatch made by a job runs after it."""
    runner = begin("commands")
    first, second = dispatch(runner, "issue.yml"), dispatch(runner, "issue.yml")
    assert first.conclusions["report"] == "success", str(first)
    assert [issue.title for issue in runner.hub.issues.values()] == ["Model refused"]
    assert [comment.body for comment in runner.hub.comments] == [f"again in run {second.id}"]
    (followed,) = runner.hub.runs_of("followed.yml")
    assert followed.jobs["follow"].log == "because refused by github-actions[bot]\n"


@pytest.mark.parametrize(("file", "other"), [("issue.yml", "sticky.yml"), ("sticky.yml", "issue.yml")])
def test_a_comment_is_updated_in_place(begin: Start, file: str, other: str) -> None:
    """Two pushes to one pull request leave one comment, by `gh` or by the action."""
    runner = begin("commands")
    # Both write as the same bot, and `gh pr comment --edit-last` takes whatever that bot wrote last.
    events.push(runner.hub, {f".github/workflows/{other}": None})
    for number in range(2):
        run = runner.trigger(events.pull_request(runner.hub, {"a": str(number)}))[file]
        assert run.conclusion == "success", str(run)
    assert len(runner.hub.comments_on(1)) == 1


def test_a_store_travels_through_the_artifacts_of_successful_runs(begin: Start) -> None:
    """Downloading follows a redirect to another host without the token."""
    runner = begin("commands")
    counts = [dispatch(runner, "store.yml").jobs["restore"].steps("restore").log for _ in range(3)]
    assert counts == ["0\n", "1\n", "2\n"]


def test_a_client_that_takes_its_token_along_a_redirect_is_refused(begin: Start) -> None:
    """Python's own urllib does; the storage behind GitHub answers 401."""
    runner = begin("commands")
    artifact = dispatch(runner, "store.yml").artifacts["store"]
    url = f"{runner.api_url}/repos/{runner.hub.repository}/actions/artifacts/{artifact.id}/zip"
    token = runner.hub.token("owner").value
    with pytest.raises(urllib.error.HTTPError, match="HTTP Error 401"):
        urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"}))


def test_an_outage_reaches_the_script(begin: Start) -> None:
    """Tests can take parts of the API down."""
    runner = begin("commands")
    runner.hub.outages.append(("GET", "/runs"))
    run = dispatch(runner, "store.yml")
    assert "HTTP 503: Service Unavailable" in run.jobs["restore"].log


def test_an_unmodelled_command_fails_the_test_whatever_the_script_makes_of_it(begin: Start) -> None:
    """`|| true` does not hide it."""
    runner = begin("commands")
    events.push(runner.hub, {"scripts/report.sh": "gh codespace list || true\n"})
    with pytest.raises(Unsupported, match="gh codespace list"):
        dispatch(runner, "issue.yml")
