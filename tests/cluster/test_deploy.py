"""`deploy.py` with the real kubectl against an emulated cluster: what is there afterwards, whatever happens."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import render

from .emulator import Emulator
from .load import Traffic
from .stage import APP, NAMESPACE, Stage, image, kill, quicken, until


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    project = render(tmp_path)
    quicken(project)
    with Emulator() as cluster:
        yield Stage(project, cluster)


def set_for_pods(stage: Stage, setting: str) -> None:
    """Add a line to the settings that every pod of this commit gets."""
    settings = stage.project / "k8s" / "base" / "config.env"
    settings.write_text(f"{settings.read_text(encoding='utf-8')}{setting}\n", encoding="utf-8")


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("error:")]


def test_a_first_deployment_runs_what_was_asked_with_the_rights_of_the_deployer_alone(stage: Stage) -> None:
    built = stage.build("1.0.0")
    done = stage.deploy("1.0.0", "--reason", "the first one")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"staging runs {built}, {APP} 1.0.0\n"
    assert stage.settled(built)()
    assert stage.notes == {
        "action": "deploy",
        "actor": "ada",
        "reason": "the first one",
        **{f"{which}image": built for which in ("", "verified-")},
        **{f"{which}model-version": "1.0.0" for which in ("", "verified-")},
        **{f"{which}run-id": "run-1.0.0" for which in ("", "verified-")},
    }
    record = stage.record
    assert (record["format"], record["outcome"], record["previous"]) == ("deployment/1", "deployed", None)
    assert len(record["checks"]) > 5 and all(check["passed"] for check in record["checks"])
    assert "Deploy to staging: deployed" in stage.summary.read_text(encoding="utf-8")
    refused = {entry.target for entry in stage.cluster.requests.of(code=403)}
    assert refused <= {"namespaces"}, "the role lacks something that a deployment needs"


@pytest.mark.slow
def test_an_upgrade_remembers_what_ran_before(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    built = stage.deployed("2.0.0")
    assert stage.settled(built)()
    assert (stage.notes["previous-image"], stage.notes["previous-model-version"]) == (before, "1.0.0")
    assert stage.record["previous"] == {"image": before, "model_version": "1.0.0", "run_id": "run-1.0.0"}


@pytest.mark.slow
def test_the_same_release_again_restarts_no_pod_and_keeps_what_ran_before(stage: Stage) -> None:
    stage.installed("2.0.0", previous="1.0.0")
    pods = [pod["metadata"]["name"] for pod in stage.cluster.pods(NAMESPACE)]
    assert stage.deploy("2.0.0").returncode == 0
    assert [pod["metadata"]["name"] for pod in stage.cluster.pods(NAMESPACE)] == pods
    assert stage.notes["previous-image"] == image("1.0.0")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        pytest.param(
            {"crash": 1},
            ["it ended with exit code 3 and was restarted", "error: cannot load the model"],
            id="crashes",
            marks=pytest.mark.slow,
        ),
        pytest.param({"never_ready": 1}, ["runs but never became ready"], id="is never ready"),
        pytest.param(
            {"shifted": 1}, ["golden set (seen 0 of 8 rows alike; row 0: 1 instead of 0"], id="answers wrongly"
        ),
        pytest.param(None, ["ImagePullBackOff", "the image cannot be had"], id="has no image", marks=pytest.mark.slow),
    ],
)
def test_a_release_that_fails_is_explained_and_the_one_before_is_put_back(
    stage: Stage, behaviour: dict[str, object] | None, words: list[str]
) -> None:
    before = stage.installed("1.0.0", previous="0.9.0")
    notes = stage.notes
    built = stage.build("2.0.0", **(behaviour or {}))
    if behaviour is None:
        stage.cluster.launcher.remove(built.rpartition(":")[2])
    done = stage.deploy("2.0.0")
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr
    assert len(errors(done.stderr)) == 1 and f"{before} is back" in errors(done.stderr)[0]
    assert stage.settled(before)()
    assert stage.notes == notes
    record = stage.record
    assert (record["outcome"], record["image"], record["running"]["image"]) == ("rolled-back", built, before)
    assert "rolled-back" in stage.summary.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_page_that_cannot_be_written_does_not_keep_the_release_before_away(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    stage.build("2.0.0", never_ready=1)
    stage.summary.mkdir()
    done = stage.deploy("2.0.0")
    assert done.returncode != 0 and len(errors(done.stderr)) == 1
    assert "the failure cannot be explained: IsADirectoryError" in done.stderr
    assert stage.settled(before)()
    assert stage.record["outcome"] == "rolled-back"


@pytest.mark.slow
def test_pods_that_pod_security_refuses_are_explained_and_the_last_revision_comes_back(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    stage.build("2.0.0")
    stage.ask_for_privileges()
    done = stage.deploy("2.0.0")
    assert done.returncode == 1
    assert "Pod Security refuses it" in done.stderr and "allowPrivilegeEscalation" in done.stderr
    assert f"{before} is back as the cluster kept it" in done.stderr
    assert "Pod Security refuses it" in stage.summary.read_text(encoding="utf-8").replace("\\", "")
    assert stage.settled(before)()
    assert stage.record["outcome"] == "rolled-back"


def test_a_first_deployment_that_fails_leaves_no_pod_and_the_next_one_starts_some(stage: Stage) -> None:
    stage.build("1.0.0", shifted=1)
    done = stage.deploy("1.0.0")
    assert done.returncode == 1
    assert "nothing ran before, so its pods were stopped" in done.stderr
    stage.cluster.wait_for(lambda: not stage.cluster.pods(NAMESPACE))
    assert stage.record["running"] is None
    built = stage.deployed("2.0.0")
    assert stage.settled(built)()
    assert stage.record["previous"] is None, "what was never verified is nothing to go back to"


def test_settings_that_break_every_prediction_go_with_the_image_that_brought_them(stage: Stage) -> None:
    """Its pods become ready, and so would those of the good image with its settings: only requests show it."""
    before = stage.installed("1.0.0")
    pods = stage.deployment["spec"]["template"]
    stage.build("2.0.0")
    set_for_pods(stage, "STAND_IN_ERRORS=1")
    with Traffic(stage.cluster.service_url(NAMESPACE, APP)) as traffic:
        done = stage.deploy("2.0.0")
        until(stage.settled(before))
        traffic.lost.clear()
        answered = traffic.answered
        until(lambda: traffic.answered > answered + 20)
    assert done.returncode == 1 and f"{before} is back as the cluster kept it" in errors(done.stderr)[0]
    assert traffic.lost == []
    assert stage.deployment["spec"]["template"] == pods
    owners = [one for one in stage.deployment["metadata"]["managedFields"] if "f:template" in one["fieldsV1"]["f:spec"]]
    assert {(one["manager"], one["operation"]) for one in owners} == {("github-actions", "Apply")}


@pytest.mark.slow
def test_settings_that_break_the_service_are_taken_back_with_the_same_image(stage: Stage) -> None:
    built = stage.installed("1.0.0")
    set_for_pods(stage, "STAND_IN_NEVER_READY=1")
    done = stage.deploy("1.0.0")
    assert done.returncode == 1
    assert stage.settled(built)()
    names = {
        one["configMapRef"]["name"] for one in stage.deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    }
    kept = {config["metadata"]["name"]: config["data"] for config in stage.cluster.objects("ConfigMap", NAMESPACE)}
    assert all("STAND_IN_NEVER_READY" not in kept[name] for name in names)


def test_errors_of_the_api_server_that_pass_are_outlasted(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    built = stage.build("2.0.0")
    for match, fault in [
        ("PATCH deployments", {"status": 500}),
        ("PATCH deployments", {"lose_answer": True}),
        ("GET deployments", {"reset": True}),
        ("PATCH configmaps", {"status": 503}),
        ("PATCH configmaps .*delivery-lock", {"lose_answer": True}),
        ("GET services/proxy", {"status": 503}),
        ("POST selfsubjectaccessreviews", {"status": 500}),
    ]:
        stage.cluster.faults.add(match, **fault)  # type: ignore[arg-type]  # each a keyword of its own type
    done = stage.deploy("2.0.0")
    assert done.returncode == 0, done.stderr
    assert "trying again" in done.stderr
    assert stage.settled(built)() and stage.notes["previous-image"] == before


def test_a_cluster_that_does_not_answer_is_one_clear_error(stage: Stage) -> None:
    stage.build("1.0.0")
    stage.cluster.faults.add("", status=503, times=None)
    done = stage.deploy("1.0.0")
    assert done.returncode == 1
    assert len(errors(done.stderr)) == 1
    assert "after 5 tries" in errors(done.stderr)[0] and "kubectl cluster-info" in errors(done.stderr)[0]
    assert stage.record["outcome"] == "refused"


@pytest.mark.slow
def test_a_cluster_that_goes_away_in_a_rollout_leaves_the_command_to_run_and_the_next_run_is_right(
    stage: Stage,
) -> None:
    before = stage.installed("1.0.0")
    stage.build("2.0.0", never_ready=1)
    with stage.start("deploy.py", *stage.order("2.0.0")) as process:
        until(lambda: stage.running == image("2.0.0"))
        stage.cluster.faults.add("", status=503, times=None)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"python3 scripts/rollback.py staging --to {before}" in errors(err)[-1]
    assert stage.record["outcome"] == "failed"
    stage.cluster.faults.clear()
    done = stage.rollback("--to", before)
    assert done.returncode == 0, done.stderr
    assert stage.settled(before)()


@pytest.mark.slow
def test_fields_of_another_manager_are_named_and_taken_over(stage: Stage) -> None:
    stage.installed("1.0.0")
    patch = '{"spec": {"minReadySeconds": 3, "revisionHistoryLimit": 1}}'
    changed = stage.cluster.kubectl(
        "patch", "deployment", APP, f"--namespace={NAMESPACE}", f"--patch={patch}", "--field-manager=night-shift"
    )
    assert changed.returncode == 0, changed.stderr
    stage.build("2.0.0")
    done = stage.deploy("2.0.0")
    assert done.returncode == 0, done.stderr
    assert "taking over from night-shift: .spec.minReadySeconds, .spec.revisionHistoryLimit" in done.stderr
    assert stage.deployment["spec"]["minReadySeconds"] == 10


@pytest.mark.slow
def test_a_mend_that_somebody_applied_by_hand_is_named_and_does_not_stop_a_release(stage: Stage) -> None:
    stage.installed("1.0.0")
    pods = {"spec": {"containers": [{"name": "server", "image": image("0.9.0")}]}}
    mend = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": APP}, "spec": {"template": pods}}
    options = ("--server-side", "--force-conflicts", f"--namespace={NAMESPACE}", "-f", "-")
    stage.build("0.9.0")
    applied = stage.cluster.kubectl("apply", *options, given=json.dumps(mend))
    assert applied.returncode == 0, applied.stderr
    built = stage.build("2.0.0")
    done = stage.deploy("2.0.0")
    assert done.returncode == 0, done.stderr
    assert 'taking over from kubectl: .spec.template.spec.containers[name="server"].image' in done.stderr
    assert stage.settled(built)()


def test_manifests_in_which_nothing_runs_the_image_are_refused(stage: Stage) -> None:
    stage.build("1.0.0")
    manifest = stage.project / "k8s" / "base" / "deployment.yaml"
    text = manifest.read_text(encoding="utf-8")
    assert text.count(f"image: {APP}") == 1
    manifest.write_text(text.replace(f"image: {APP}", "image: somewhere/else:1"), encoding="utf-8")
    done = stage.deploy("1.0.0")
    assert done.returncode == 2
    assert f"no container runs the image '{APP}'" in errors(done.stderr)[0]
    assert stage.cluster.objects("Deployment", NAMESPACE) == []


def test_of_two_deployments_at_once_the_second_is_refused_and_names_the_first(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    built = stage.build("2.0.0")
    stage.build("3.0.0")
    held = stage.cluster.faults.pause(2, r"PATCH deployments (?!.*dryRun)")  # the note that the release is good
    with stage.start("deploy.py", *stage.order("2.0.0")) as process:
        assert held.reached.wait(30)
        second = stage.deploy("3.0.0")
        held.release()
        _, err = process.communicate(timeout=120)
    assert second.returncode == 1
    assert "another delivery is at work in customer-churn-staging: ada, by hand" in errors(second.stderr)[0]
    assert process.returncode == 0, err
    assert stage.settled(built)() and stage.notes["previous-image"] == before


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_deployment_that_is_told_to_stop_puts_the_release_before_back(stage: Stage, number: int) -> None:
    before = stage.installed("1.0.0")
    stage.build("2.0.0", never_ready=1)
    with stage.start("deploy.py", *stage.order("2.0.0")) as process:
        until(lambda: stage.running == image("2.0.0"))
        process.send_signal(number)
        process.send_signal(number)  # the impatient press twice
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "interrupted by SIG" in errors(err)[0] and f"{before} is back" in errors(err)[0]
    assert stage.settled(before)()
    assert stage.record["outcome"] == "rolled-back"
    lock = stage.cluster.object("ConfigMap", NAMESPACE, f"{APP}-delivery-lock")
    assert lock["data"]["holder"] == ""


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [pytest.param({}, 0, marks=pytest.mark.slow), ({"shifted": 1}, 1)],
    ids=["a good release", "a bad release"],
)
def test_a_deployment_that_was_killed_is_finished_or_undone_by_the_next(
    stage: Stage, behaviour: dict[str, object], code: int
) -> None:
    before = stage.installed("1.0.0")
    built = stage.build("2.0.0", start_ms=1500, **behaviour)
    with stage.start("deploy.py", *stage.order("2.0.0")) as process:
        until(lambda: stage.running == built)
        kill(process)
    done = stage.deploy("2.0.0")
    assert done.returncode == code, done.stderr
    assert "taking the lock over" in done.stderr
    assert f"an earlier delivery did not end; what was good before it: {before}" in done.stderr
    wanted = before if code else built
    assert stage.settled(wanted)()
    assert stage.notes["image"] == stage.notes["verified-image"] == wanted


@pytest.mark.slow
@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("good", [True, False], ids=["a good release", "a bad release"])
def test_wherever_a_deployment_is_killed_the_next_run_ends_well(stage: Stage, tenth: int, *, good: bool) -> None:
    """The moment is counted in requests, and lies in each tenth of a run, from the first look to the last note."""
    before = stage.installed("1.0.0")
    built = stage.build("2.0.0", **({} if good else {"shifted": 1}))
    point = random.Random(2 * tenth + good).randrange(12 * tenth, 12 * tenth + 12) + 2  # a whole run makes about 115
    hang = stage.cluster.faults.pause(point)
    with stage.start("deploy.py", *stage.order("2.0.0")) as process:
        while not hang.reached.wait(0.05) and process.poll() is None:
            continue
        kill(process)
    stage.cluster.faults.clear()
    done = stage.deploy("2.0.0")
    assert done.returncode == (0 if good else 1), done.stderr
    wanted = built if good else before
    assert stage.settled(wanted)(), f"request {point}"
    assert stage.notes["image"] == stage.notes["verified-image"] == wanted


@pytest.mark.slow
def test_a_result_that_cannot_be_written_is_a_failure_like_any_other(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    stage.build("2.0.0")
    (stage.project / "artifacts" / "smoke.json").mkdir()
    done = stage.deploy("2.0.0")
    assert done.returncode == 1
    assert "IsADirectoryError" in errors(done.stderr)[0] and f"{before} is back" in errors(done.stderr)[0]
    assert stage.settled(before)()


@pytest.mark.slow
def test_a_deployment_whose_lock_was_taken_over_touches_nothing_any_more(stage: Stage) -> None:
    stage.installed("1.0.0")
    built = stage.build("2.0.0", never_ready=1)
    held = stage.cluster.faults.pause(1, r"PATCH deployments (?!.*dryRun)")  # from then on the deadline runs
    with stage.start("deploy.py", *stage.order("2.0.0")) as process:
        assert held.reached.wait(30)
        taken = '{"data": {"holder": "grace", "renewed": "now"}}'
        lock = ("configmap", f"{APP}-delivery-lock", f"--namespace={NAMESPACE}")
        assert stage.cluster.kubectl("patch", *lock, f"--patch={taken}").returncode == 0
        held.release()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "grace took over customer-churn-staging and decides now" in errors(err)[0]
    assert stage.running == built, "the one who took over decides what to put back"
    assert stage.record["outcome"] == "failed"
    holder = stage.cluster.object("ConfigMap", NAMESPACE, f"{APP}-delivery-lock")["data"]["holder"]
    assert holder == "grace"


def test_no_request_is_lost_in_an_upgrade_nor_in_a_release_that_is_put_back(stage: Stage) -> None:
    stage.installed("1.0.0")
    stage.cluster.kubectl("scale", f"deployment/{APP}", "--replicas=2", f"--namespace={NAMESPACE}")
    stage.cluster.wait_for(lambda: len(stage.serving()) == 1 and stage.deployment["status"].get("readyReplicas") == 2)
    with Traffic(stage.cluster.service_url(NAMESPACE, APP)) as traffic:
        stage.deployed("2.0.0")
        stage.build("3.0.0", never_ready=1)
        assert stage.deploy("3.0.0").returncode == 1
    assert traffic.answered > 50
    assert traffic.lost == []


@pytest.mark.slow
def test_a_canary_ends_when_its_release_is_decided(stage: Stage) -> None:
    stage.installed("1.0.0")
    built = stage.build("2.0.0")
    stage.apply(built, {}, overlay="production-canary")
    stage.cluster.wait_for(lambda: bool(stage.cluster.pods(NAMESPACE, track="canary")))
    done = stage.deploy("2.0.0")
    assert done.returncode == 0, done.stderr
    stage.cluster.wait_for(lambda: not stage.cluster.pods(NAMESPACE, track="canary"))
    assert stage.record["details"] == {"canary": "removed"}


def test_the_difference_is_shown_and_nothing_is_changed(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    built = stage.build("2.0.0")
    spec, notes = stage.deployment["spec"], stage.notes
    done = stage.deploy("2.0.0", "--diff")
    assert done.returncode == 0, done.stderr
    assert f"-        image: {before}" in done.stdout and f"+        image: {built}" in done.stdout
    assert "| model | 1.0.0 | 2.0.0 |" in done.stdout
    assert "LIVE" not in done.stdout and "--- apps.v1.Deployment" in done.stdout
    assert stage.summary.read_text(encoding="utf-8").strip() == done.stdout.strip()
    assert (stage.deployment["spec"], stage.notes) == (spec, notes)


def test_an_identity_without_rights_is_told_what_an_administrator_has_to_run(stage: Stage) -> None:
    stage.build("1.0.0")
    done = stage.deploy("1.0.0", kubeconfig=stage.cluster.kubeconfig_for("mallory"))
    assert done.returncode == 2
    assert "may not create deployments.apps" in errors(done.stderr)[0]
    assert "kubectl apply -k k8s/cluster/staging" in errors(done.stderr)[0]


@pytest.mark.slow
def test_a_namespace_that_is_missing_is_named(stage: Stage) -> None:
    stage.build("1.0.0")
    config = stage.project / "config" / "delivery.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(f'"{NAMESPACE}"', '"elsewhere"'), encoding="utf-8")
    done = stage.deploy("1.0.0", kubeconfig=stage.cluster.kubeconfig)
    assert done.returncode == 2
    assert "the namespace elsewhere does not exist" in errors(done.stderr)[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image", "ghcr.io/acme/churn:latest"], "is not pinned, wanted registry/name@sha256:"),
        (
            ["--image", image("1.0.0"), "--model", "nowhere"],
            "nowhere/golden.json: not found; run make export first",
        ),
    ],
    ids=["an image by its tag", "no model"],
)
def test_misuse_is_refused_before_anything_is_asked(stage: Stage, arguments: list[str], words: str) -> None:
    done = stage.run("deploy.py", "staging", *arguments)
    assert done.returncode == 2
    assert words in errors(done.stderr)[0]
    assert not stage.cluster.requests.of(user=f"system:serviceaccount:{NAMESPACE}:deployer")
