"""Jobs and steps behave as on GitHub."""

from __future__ import annotations

import pytest

from .conftest import Start
from .runner import Cancel, RunnerError, events
from .runner.results import Run


def dispatch(begin: Start, file: str, inputs: dict[str, str] | None = None) -> Run:
    """Run one workflow of the fixture repository `semantics`."""
    runner = begin("semantics")
    runner.hub.secrets["PASSWORD"] = "hunter2"
    return runner.trigger(events.workflow_dispatch(runner.hub, file, inputs))[file]


def test_failures_and_skips_count_through_the_whole_chain_of_needs(begin: Start) -> None:
    """A job after a tolerant job is still skipped when something before that failed."""
    run = dispatch(begin, "status.yml")
    assert run.conclusions == {
        "broken": "failure",
        "dependent": "skipped",
        "cleanup": "success",
        "after_cleanup": "skipped",
        "tolerant": "success",
        "on_failure": "success",
        "switched_off": "skipped",
        "after_switched_off": "skipped",
    }
    assert run.conclusion == "failure"
    assert run.jobs["cleanup"].log == "failure\n"


@pytest.fixture
def steps(begin: Start) -> Run:
    """Return a run of the workflow about steps."""
    return dispatch(begin, "steps.yml")


def test_steps_talk_through_files(steps: Run) -> None:
    """Outputs, environment, PATH and summary reach the next step."""
    job = steps.jobs["steps"]
    assert job.steps("read").log == "tool ran\njob workflow yes yes! folder\n", steps
    assert job.outputs["several"] == "one\ntwo"
    assert job.summary == "### Written\n"


def test_secrets_are_masked_and_kept_out_of_outputs(steps: Run) -> None:
    """GitHub drops an output that holds a secret, with a warning."""
    job = steps.jobs["steps"]
    assert "secret" not in job.outputs
    assert job.annotations == ["notice: from ***", "warning: Skip output 'secret' since it may contain secret."]


def test_pipefail_only_with_an_explicit_bash(steps: Run) -> None:
    """`false | true` passes in the default shell and fails with `shell: bash`."""
    outcomes = {step.key: step.outcome for step in steps.jobs["steps"].steps}
    assert outcomes["default-shell"] == "success"
    assert outcomes["bash-shell"] == "failure"
    assert outcomes["after-failure"] == "skipped"
    assert steps.jobs["steps"].steps("diagnosis").log == "failure\n"


def test_continue_on_error_changes_the_conclusion_not_the_outcome(steps: Run) -> None:
    """Later steps can tell the two apart."""
    assert steps.jobs["steps"].outputs["tolerated"] == "failure/success"


def test_a_matrix_can_come_from_an_earlier_job(begin: Start) -> None:
    """Exclude and include work as documented; the job's name and outputs see the combination."""
    run = dispatch(begin, "matrix.yml")
    assert run.conclusion == "success", str(run)
    assert list(run.jobs)[1:-1] == [
        "test (3.11, classify, oldest)", "test (3.11, regress, oldest)", "test (3.12, classify)", "test (3.13, both)",
    ]  # fmt: skip
    assert run.jobs["test (3.13, both)"].name == "test on 3.13"
    assert run.jobs["test (3.11, regress, oldest)"].log == "3.11 regress oldest 4\n"


def test_a_called_workflow_gets_only_what_it_is_given(begin: Start) -> None:
    """Inputs are typed and have defaults, secrets are passed by name, outputs come back."""
    run = dispatch(begin, "caller.yml")
    assert run.conclusion == "success", str(run)
    assert run.conclusions["call / unreached"] == "skipped"
    assert run.jobs["use"].log == "got workflow_dispatch-3-caller\n"
    assert run.jobs["call / inner"].permissions == {"contents": "read"}


def test_a_composite_action_has_its_own_steps_and_the_jobs_environment(begin: Start) -> None:
    """It needs a checkout first; what it writes to `$GITHUB_ENV` stays."""
    run = dispatch(begin, "composite.yml")
    assert run.jobs["greet"].steps("after").log == "Hello world! world\n"
    assert "Did you forget to run actions/checkout" in run.jobs["without_checkout"].log


def test_a_failing_composite_action_still_runs_its_own_cleanup(begin: Start) -> None:
    """Its status functions look at its own steps."""
    run = dispatch(begin, "composite.yml", {"who": "nobody"})
    greet = run.jobs["greet"].steps("greet")
    assert greet.outcome == "failure"
    assert "tidied" in greet.log


def test_a_choice_that_is_not_offered_is_refused(begin: Start) -> None:
    """The API refuses such a dispatch."""
    with pytest.raises(RunnerError, match="Provided value 'x' for input 'who' not in the list of options"):
        dispatch(begin, "composite.yml", {"who": "x"})


def test_a_cancelled_run_runs_what_asked_for_it(begin: Start) -> None:
    """`always()` and `cancelled()` run, `failure()` does not, and `!cancelled()` jobs are skipped."""
    runner = begin("semantics")
    event = events.workflow_dispatch(runner.hub, "cancelled.yml")
    run = runner.trigger(event, cancel=Cancel("work", "Long work"))["cancelled.yml"]
    assert [step.outcome for step in run.jobs["work"].steps] == [
        "success", "cancelled", "skipped", "success", "success", "skipped",
    ]  # fmt: skip
    assert run.conclusions == {"work": "cancelled", "next": "skipped", "last": "success", "polite": "skipped"}
    assert run.conclusion == "cancelled"


def test_a_broken_step_says_what_is_wrong(begin: Start) -> None:
    """The messages are those of the real runner."""
    job = dispatch(begin, "broken.yml").jobs["output"]
    assert "Invalid format 'nonsense'" in job.steps("line").log
    assert "Matching delimiter not found 'END'" in job.steps("block").log
    assert "with working directory" in job.steps("folder").log
    assert "The action has timed out after 0.005 minutes." in job.steps("slow").log
    assert job.steps("expression").outcome == "failure"
    assert job.steps("tidy").log == "tidied\n"


def test_an_expression_that_cannot_be_evaluated_fails_its_job_only(begin: Start) -> None:
    """The other jobs go on, and the description of the run shows the reason."""
    run = dispatch(begin, "broken.yml")
    assert run.conclusions == {"output": "failure", "expression": "failure", "after": "skipped"}
    assert "expression: failure Error parsing JSON when evaluating fromJson" in str(run)


def test_a_missing_job_is_answered_with_those_that_exist(begin: Start) -> None:
    """A test that misspells a job says so."""
    run = dispatch(begin, "caller.yml")
    with pytest.raises(KeyError, match="there is only: 'call / inner'"):
        run.jobs["call / iner"]
