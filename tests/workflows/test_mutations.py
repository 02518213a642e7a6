"""Every gate of the generated workflows, deleted or weakened, makes a scenario fail.

| What is weakened                                                  | Scenario that notices                   |
|-------------------------------------------------------------------|-----------------------------------------|
| make check: its failure is tolerated                              | failing check                           |
| make check: a model is built beside it                            | failing check                           |
| data: the validation's exit code is swallowed by `|| true`        | bad data                                |
| data: the validation's exit code is lost in the pipe              | bad data                                |
| data: training does not wait for the validation                   | bad data                                |
| data: a change of the table counts as one of documents            | bad data                                |
| contract: an undeclared breaking change is tolerated              | breaking contract                       |
| contract: the merge queue has no base to compare with             | breaking contract                       |
| gate: the step continues on error                                 | model that learned nothing              |
| gate: the script always succeeds                                  | model that learned nothing              |
| gate: registering does not wait for it                            | model that learned nothing              |
| gate: registering runs whatever happened before                   | model that learned nothing              |
| champion: any regression is allowed                               | worse than champion                     |
| branch: every branch registers                                    | another branch                          |
| store: a failed restore is tolerated                              | store outage                            |
| store: an expired one is a clean start                            | expired store                           |
| store: several runs write it at once                              | one writer                              |
| store: a pull request hands it on                                 | pull request                            |
| required: a failed job counts as passed                           | breaking contract                       |
| required: the validation is not asked for                         | breaking contract                       |
| required: it is skipped when a job failed                         | breaking contract                       |
| required: the gate is not asked for                               | merge group                             |
| permissions: the plan may write                                   | pull request of documents               |
| comment: a new one for every push                                 | pull request                            |
| comment: a fork's token is tried                                  | fork                                    |
| issue: a new one for every refusal                                | refused retraining                      |
| issue: a refusal is told as a success                             | refused retraining                      |
| issue: a retraining that was displaced is not told                | retraining displaced from the queue     |
| schedule: a fork retrains                                         | fork's schedule                         |
| environment: no reviewer is needed                                | environment that nobody approves        |
| bootstrap: production gets no reviewer                            | bootstrap applies the plan              |
| bootstrap: it acts without being told to                          | bootstrap applies the plan              |
| bootstrap: what it reads back is ignored                          | bootstrap without reviewers             |
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import test_behaviour as behaviour
from . import test_bootstrap as bootstrap
from . import test_pull_requests as requests
from .conftest import Start, take_over
from .lint import parser
from .policy import Repository
from .runner import Engine, GitHub
from .runner.origin import LEFT_BEHIND

WORKFLOWS = ".github/workflows"


@dataclass(frozen=True)
class Mutation:
    """One change of one file, and the scenario that must fail on it."""

    file: str
    old: str
    new: str
    scenario: Callable[..., None]
    established: bool = True


TEST, VALIDATE, TRAIN, GATE, BUILD, PIPELINE, CI, RETRAIN = (
    f"{WORKFLOWS}/{name}.yml"
    for name in ("test", "validate-data", "train", "gate", "build-model", "pipeline", "ci", "retrain")
)
NEEDED = "needs: [plan, test, validate-data, train, gate]\n    if: always()"
REGISTER = "needs: gate\n    if: github.ref == "

MUTATIONS = {
    "make check: its failure is tolerated": Mutation(
        TEST, "run: make check", "run: make check || true", behaviour.test_a_failing_check_stops_everything
    ),
    "make check: a model is built beside it": Mutation(
        PIPELINE, "needs: [plan, test]", "needs: plan", behaviour.test_a_failing_check_stops_everything
    ),
    "data: the validation's exit code is swallowed by `|| true`": Mutation(
        VALIDATE, '} | tee -a "$GITHUB_STEP_SUMMARY"', '} | tee -a "$GITHUB_STEP_SUMMARY" || true',
        behaviour.test_bad_data_stops_before_training, established=False,
    ),
    "data: the validation's exit code is lost in the pipe": Mutation(
        VALIDATE, '} | tee -a "$GITHUB_STEP_SUMMARY"\n        shell: bash\n', '} | tee -a "$GITHUB_STEP_SUMMARY"\n',
        behaviour.test_bad_data_stops_before_training, established=False,
    ),
    "data: training does not wait for the validation": Mutation(
        BUILD, "name: train\n    needs: validate-data\n", "name: train\n",
        behaviour.test_bad_data_stops_before_training, established=False,
    ),
    "data: a change of the table counts as one of documents": Mutation(
        "scripts/plan_changes.py", '    "docs/*",\n', '    "docs/*",\n    "data/*",\n',
        behaviour.test_bad_data_stops_before_training, established=False,
    ),
    "contract: an undeclared breaking change is tolerated": Mutation(
        VALIDATE, '--base "$BASE" |\n', '--base "$BASE" || true |\n',
        requests.test_a_breaking_change_of_the_contract_has_to_be_declared,
    ),
    "contract: the merge queue has no base to compare with": Mutation(
        VALIDATE, "'HEAD^1' || github.event.merge_group.base_sha }}", "'HEAD^1' || '' }}",
        requests.test_a_breaking_change_of_the_contract_has_to_be_declared,
    ),
    "gate: the step continues on error": Mutation(
        GATE, "run: .venv/bin/python scripts/check_gate.py\n",
        "run: .venv/bin/python scripts/check_gate.py\n        continue-on-error: true\n",
        behaviour.test_a_model_that_learned_nothing_stops_at_the_gate, established=False,
    ),
    "gate: the script always succeeds": Mutation(
        "scripts/check_gate.py", 'return 0 if decision["promote"] else 1', "return 0",
        behaviour.test_a_model_that_learned_nothing_stops_at_the_gate, established=False,
    ),
    "gate: registering does not wait for it": Mutation(
        BUILD, REGISTER, REGISTER.replace("gate", "train"),
        behaviour.test_a_model_that_learned_nothing_stops_at_the_gate, established=False,
    ),
    "gate: registering runs whatever happened before": Mutation(
        BUILD, REGISTER, REGISTER.replace("if: ", "if: always() && "),
        behaviour.test_a_model_that_learned_nothing_stops_at_the_gate, established=False,
    ),
    "champion: any regression is allowed": Mutation(
        "config/gates.toml", "max_regression = 0.01", "max_regression = 1.0",
        behaviour.test_a_model_that_is_only_worse_than_the_champion_is_refused,
    ),
    "branch: every branch registers": Mutation(
        BUILD, "    if: github.ref == format('refs/heads/{0}', github.event.repository.default_branch)\n", "",
        behaviour.test_a_pipeline_on_another_branch_registers_nothing,
    ),
    "store: a failed restore is tolerated": Mutation(
        TRAIN, "uses: ./.github/actions/tracking-store\n",
        "continue-on-error: true\n        uses: ./.github/actions/tracking-store\n",
        behaviour.test_without_an_answer_about_the_store_nothing_is_trained,
    ),
    "store: an expired one is a clean start": Mutation(
        "scripts/tracking_store.py", 'if os.environ.get(START_EMPTY) != today:', "if False:",
        behaviour.test_an_expired_store_is_an_error_not_a_clean_start,
    ),
    "store: several runs write it at once": Mutation(
        PIPELINE, "group: tracking-store", "group: model-${{ github.run_id }}",
        behaviour.test_a_run_waits_while_another_one_writes_the_store,
    ),
    "store: a pull request hands it on": Mutation(
        CI, "uses: ./.github/workflows/train.yml\n",
        "uses: ./.github/workflows/train.yml\n    with:\n      keep-store: true\n",
        requests.test_a_pull_request_has_one_comment_and_saves_nothing,
    ),
    "required: a failed job counts as passed": Mutation(
        CI, '.result == "success" or', '.result != "cancelled" or',
        requests.test_a_breaking_change_of_the_contract_has_to_be_declared,
    ),
    "required: the validation is not asked for": Mutation(
        CI, NEEDED, NEEDED.replace("validate-data, ", ""),
        requests.test_a_breaking_change_of_the_contract_has_to_be_declared,
    ),
    "required: it is skipped when a job failed": Mutation(
        CI, NEEDED, NEEDED.replace("\n    if: always()", ""),
        requests.test_a_breaking_change_of_the_contract_has_to_be_declared,
    ),
    "required: the gate is not asked for": Mutation(
        CI, NEEDED, NEEDED.replace(", gate", ""), requests.test_a_merge_group_is_judged_before_it_lands
    ),
    "permissions: the plan may write": Mutation(
        CI, "contents: read # compare", "contents: write # compare",
        requests.test_a_pull_request_of_documents_is_green_without_training,
    ),
    "comment: a new one for every push": Mutation(
        "scripts/pull_request_comment.py", "    if mine:\n", "    if False:\n",
        requests.test_a_pull_request_has_one_comment_and_saves_nothing,
    ),
    "comment: a fork's token is tried": Mutation(
        "scripts/pull_request_comment.py", "if from_fork():", "if False:",
        requests.test_a_fork_is_judged_without_a_comment,
    ),
    "issue: a new one for every refusal": Mutation(
        "scripts/report_refusal.py", "if found is None:\n        _make_label()", "if True:\n        _make_label()",
        behaviour.test_refused_retraining_has_one_issue_until_it_passes_again,
    ),
    "issue: a refusal is told as a success": Mutation(
        RETRAIN, '--result "$RESULT"', "--result success",
        behaviour.test_refused_retraining_has_one_issue_until_it_passes_again,
    ),
    "issue: a retraining that was displaced is not told": Mutation(
        RETRAIN, '"failure", "cancelled"]', '"failure"]',
        behaviour.test_a_retraining_that_lost_its_place_in_the_queue_is_told,
    ),
    "schedule: a fork retrains": Mutation(
        RETRAIN, "    if: github.event.repository.fork == false\n", "",
        behaviour.test_the_schedule_of_a_fork_does_nothing, established=False,
    ),
    "environment: no reviewer is needed": Mutation(
        "scripts/check_environment.py", 'if not any(rule.get("reviewers") for rule in rules):', "if False:",
        bootstrap.test_an_environment_that_nobody_approves_is_refused, established=False,
    ),
    "bootstrap: production gets no reviewer": Mutation(
        "scripts/github_api/plan.py", '"reviewers": list(reviewers),', '"reviewers": [],',
        bootstrap.test_bootstrap_plans_without_a_network_and_then_applies_the_plan, established=False,
    ),
    "bootstrap: it acts without being told to": Mutation(
        "scripts/bootstrap_github.py", "if arguments.apply:", "if True:",
        bootstrap.test_bootstrap_plans_without_a_network_and_then_applies_the_plan, established=False,
    ),
    "bootstrap: what it reads back is ignored": Mutation(
        "scripts/bootstrap_github.py", "return 1 if failed or lacking else 0", "return 0",
        bootstrap.test_bootstrap_fails_when_the_plan_of_the_account_has_no_reviewers, established=False,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_weakened_gate_is_noticed(
    name: str, project: Path, launch: Start, pushed: GitHub, engine: Engine, tmp_path: Path
) -> None:
    mutation = MUTATIONS[name]
    runner = launch(weakened(project, tmp_path / "mutated", mutation, engine))
    if mutation.established:
        take_over(runner.hub, pushed)
    with pytest.raises(AssertionError) as noticed:
        mutation.scenario(runner)
    print(noticed.traceback[-1].statement, "#", noticed.value)  # for `pytest -rP`
    started = [run for run in runner.hub.runs if run.conclusion == "startup_failure"]
    assert started == []


def weakened(project: Path, folder: Path, mutation: Mutation, engine: Engine) -> Path:
    """Copy a project and change one file of the copy, so that GitHub would still accept its workflows."""
    shutil.copytree(project, folder, ignore=LEFT_BEHIND, symlinks=True)
    path = folder / mutation.file
    text = path.read_text()
    assert text.count(mutation.old) == 1, f"{mutation.file} has {text.count(mutation.old)} times {mutation.old!r}"
    changed = text.replace(mutation.old, mutation.new)
    if path.suffix == ".py":
        compile(changed, path, "exec")
    path.write_text(changed)
    assert parser(Repository(folder), engine) == [], "a file that GitHub refuses would fail every scenario"
    return folder


def test_the_table_above_names_every_mutation() -> None:
    rows = [line.split(" | ")[0].removeprefix("| ").strip() for line in (__doc__ or "").splitlines() if ": " in line]
    assert rows == list(MUTATIONS)
