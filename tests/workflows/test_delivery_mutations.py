"""Every gate between a model and production, deleted or weakened, makes a scenario fail.

| What is weakened                                                  | Scenario that notices                   |
|-------------------------------------------------------------------|-----------------------------------------|
| gate: a refused model gets an image                               | model that the gate refuses             |
| image: wrong answers are tolerated                                | image that breaks its promise           |
| image: a bad end is tolerated                                     | image that breaks its promise           |
| image: known holes are tolerated                                  | known hole                              |
| image: what is pushed may differ from what was tried              | late change                             |
| staging: what the checks find is tolerated                        | failure in staging                      |
| staging: its record is not read                                   | image that staging never saw            |
| origin: an image from anywhere is deployed                        | image that was built elsewhere          |
| origin: any run may speak for the pipeline                        | run of another workflow                 |
| approval: the protection of production is not looked at           | production without reviewers            |
| approval: production is an environment like any other             | digest that staging tested              |
| approval: who made a change may start its deployment              | start by a second person                |
| approval: an app may start its deployment                         | start by a second person                |
| approval: what is rolled out is not what was staged               | default branch that has moved           |
| approval: a job that runs again is not asked                      | deployment run again by its maker       |
| champion: what runs is not looked at                              | two releases that wait                  |
| rollback: any image will do                                       | rollback to where it never was          |
| canary: its failure is tolerated                                  | canary that fails                       |
| cancelled: the script is not told to stop                         | cancelled rollout, told to stop         |
| cancelled: what a killed script left is not undone                | cancelled rollout, killed               |
| cancelled: its canary stays                                       | cancelled canary                        |
| killed: what the script left is not undone                        | killed rollout                          |
| killed: a rollback stays half done                                | killed rollback                         |
| champion: it does not wait for the rollout                        | rejected release                        |
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from . import test_build_image as building_image
from . import test_deployment as deployment
from .runner import Engine, Runner
from .test_mutations import WORKFLOWS, Mutation, weakened
from .world import World

STAGES = ("build-image", "deploy", "pipeline", "rollback")
IMAGE, DEPLOY, PIPELINE, ROLLBACK = (f"{WORKFLOWS}/{name}.yml" for name in STAGES)
CANARY = 'run: exec python3 scripts/canary.py "$ENVIRONMENT" --image "$IMAGE"'


def other_answers(runner: Runner, folder: Path) -> None:
    """Try an image that serves another model."""
    building_image.test_an_image_that_does_not_hold_what_it_promises_is_not_pushed(
        runner, folder, "other-model", "Try it"
    )


def bad_end(runner: Runner, folder: Path) -> None:
    """Try an image that does not end in order."""
    building_image.test_an_image_that_does_not_hold_what_it_promises_is_not_pushed(
        runner, folder, "bad-end", "It ends in order"
    )


def known_hole(runner: Runner, _: Path) -> None:
    """Try an image with a hole that has a fix."""
    building_image.test_a_known_hole_that_has_a_fix_stops_the_push(runner)


def told_to_stop(world: World) -> None:
    """Cancel a rollout as GitHub does."""
    deployment.test_a_rollout_that_is_cancelled_leaves_the_release_before(world, 15.0, "Roll out and verify")


def killed(world: World) -> None:
    """Cancel a rollout whose script does not end in time."""
    deployment.test_a_rollout_that_is_cancelled_leaves_the_release_before(world, 0.0, "Undo what was cut off")


OF_IMAGES = {
    "image: wrong answers are tolerated": Mutation(
        IMAGE, '(docker port candidate 8080)"', '(docker port candidate 8080)" || true', other_answers
    ),
    "image: a bad end is tolerated": Mutation(
        IMAGE, "test \"$(docker inspect --format '{{.State.ExitCode}}' candidate)\" = 0", "true", bad_end
    ),
    "image: known holes are tolerated": Mutation(IMAGE, 'exit-code: "1"', 'exit-code: "0"', known_hole),
    "image: what is pushed may differ from what was tried": Mutation(
        IMAGE,
        'test -n "$PUSHED" && test "$PUSHED" = "$TRIED"',
        'test "$PUSHED"',
        building_image.test_what_was_not_tried_is_not_signed,
    ),
}
OF_DEPLOYMENTS = {
    "gate: a refused model gets an image": Mutation(
        PIPELINE, "if: needs.model.outputs.version && ", "if: always() && ",
        deployment.test_a_model_that_the_gate_refuses_becomes_no_image,
    ),
    "staging: what the checks find is tolerated": Mutation(
        "scripts/deploy.py", "    return report.checks\n",
        "    return [replace(check, passed=True) for check in report.checks]\n",
        deployment.test_a_release_that_fails_in_staging_asks_nobody,
    ),
    "staging: its record is not read": Mutation(
        DEPLOY, 'run: python3 scripts/check_record.py "$IMAGE" --of staging', "run: 'true'",
        deployment.test_a_start_by_hand_deploys_only_what_staging_tested,
    ),
    "origin: an image from anywhere is deployed": Mutation(
        DEPLOY, '/.github/workflows/build-image.yml"\n', '/.github/workflows/build-image.yml" || true\n',
        deployment.test_an_image_that_was_built_elsewhere_is_not_deployed,
    ),
    "origin: any run may speak for the pipeline": Mutation(
        "scripts/check_origin.py", "for problem in foreign(repo, found, workflows)]", "for problem in ()]",
        deployment.test_another_run_than_the_pipelines_is_no_evidence,
    ),
    "approval: a job that runs again is not asked": Mutation(
        DEPLOY, "      - name: The environment is still protected\n        if: inputs.environment == 'production'\n",
        "      - name: The environment is still protected\n        if: github.run_attempt == '1'\n",
        deployment.test_who_made_a_model_cannot_run_its_approved_deployment_again,
    ),
    "champion: what runs is not looked at": Mutation(
        DEPLOY, 'check_champion.py "$ENVIRONMENT"', 'check_champion.py "$ENVIRONMENT" || true',
        deployment.test_a_model_that_was_compared_with_another_than_what_runs_waits_for_a_new_judgement,
    ),
    "rollback: any image will do": Mutation(
        ROLLBACK, '"$IMAGE" --of "$ENVIRONMENT"', '"$IMAGE" --of "$ENVIRONMENT" || true',
        deployment.test_a_rollback_goes_only_where_production_was_before,
    ),
    "approval: the protection of production is not looked at": Mutation(
        "scripts/check_environment.py", 'if not any(rule.get("reviewers") for rule in rules):', "if False:",
        deployment.test_production_without_a_reviewer_is_refused,
    ),
    "approval: production is an environment like any other": Mutation(
        DEPLOY, "      name: ${{ inputs.environment }}\n    permissions:", "      name: staging\n    permissions:",
        deployment.test_the_digest_that_staging_tested_reaches_production_after_the_approval,
    ),
    "approval: who made a change may start its deployment": Mutation(
        "scripts/check_environment.py", "for who in sorted(_approvers() & makers)", "for who in ()",
        deployment.test_a_start_by_hand_replaces_the_reviewer_for_a_second_person_only,
    ),
    "approval: an app may start its deployment": Mutation(
        "scripts/check_environment.py", 'if one.get("type") != "User"}', "if not one}",
        deployment.test_a_start_by_hand_replaces_the_reviewer_for_a_second_person_only,
    ),
    "approval: what is rolled out is not what was staged": Mutation(
        DEPLOY, "          ref: ${{ needs.preflight.outputs.commit }}\n", "",
        deployment.test_a_start_by_hand_rolls_out_the_commit_that_was_staged,
    ),
    "canary: its failure is tolerated": Mutation(
        DEPLOY, CANARY, f"{CANARY}\n        continue-on-error: true",
        deployment.test_a_canary_that_fails_leaves_the_release_before,
    ),
    "cancelled: the script is not told to stop": Mutation(
        DEPLOY, "run: exec python3 scripts/deploy.py", "run: python3 scripts/deploy.py", told_to_stop
    ),
    "cancelled: what a killed script left is not undone": Mutation(
        DEPLOY, "if: ${{ (failure() || cancelled()) && steps", "if: ${{ failure() && steps", killed
    ),
    "killed: what the script left is not undone": Mutation(
        DEPLOY, "if: ${{ (failure() || cancelled()) && steps", "if: ${{ cancelled() && steps",
        deployment.test_a_rollout_that_is_killed_leaves_the_release_before,
    ),
    "killed: a rollback stays half done": Mutation(
        ROLLBACK, "if: ${{ (failure() || cancelled()) && steps", "if: ${{ cancelled() && steps",
        deployment.test_a_rollback_that_is_killed_is_finished,
    ),
    "cancelled: its canary stays": Mutation(
        DEPLOY, "if: ${{ always() && inputs.environment == 'production'", "if: ${{ inputs.environment == 'production'",
        deployment.test_a_canary_that_is_cancelled_is_gone,
    ),
    "champion: it does not wait for the rollout": Mutation(
        DEPLOY, "needs: rollout\n", "needs: preflight\n",
        deployment.test_a_rejected_release_changes_nothing_in_production,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_weakened_gate_of_images_is_noticed(
    name: str, project: Path, building: Callable[[Path], Runner], engine: Engine, tmp_path: Path
) -> None:
    mutation = OF_IMAGES[name]
    runner = building(weakened(project, tmp_path / "mutated", mutation, engine))
    with pytest.raises(AssertionError):
        mutation.scenario(runner, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_DEPLOYMENTS)
def test_a_weakened_gate_of_deployments_is_noticed(
    name: str, project: Path, deploy: Callable[[Path], World], engine: Engine, tmp_path: Path
) -> None:
    mutation = OF_DEPLOYMENTS[name]
    world = deploy(weakened(project, tmp_path / "mutated", mutation, engine))
    with pytest.raises(AssertionError) as noticed:
        mutation.scenario(world)
    print(noticed.traceback[-1].statement, "#", noticed.value)  # for `pytest -rP`


def test_the_table_above_names_every_mutation() -> None:
    rows = [line.split(" | ")[0].removeprefix("| ").strip() for line in (__doc__ or "").splitlines() if ": " in line]
    assert sorted(rows) == sorted([*OF_IMAGES, *OF_DEPLOYMENTS])
