"""Objects behave under the real kubectl as a cluster's do: ownership, conflicts, patches, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .emulator import Emulator
from .sample import NAMESPACE, apply, deployment, service

SCALE = ("-n", NAMESPACE, "scale", "deployment/app", "--replicas=3")


def spec_of(cluster: Emulator) -> dict[str, Any]:
    return dict(cluster.object("Deployment", NAMESPACE, "app")["spec"])


def config(**data: str) -> dict[str, Any]:
    metadata = {"name": "config", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_an_apply_that_others_contest_is_refused_until_it_is_forced(cluster: Emulator) -> None:
    apply(cluster, deployment())
    assert cluster.kubectl(*SCALE).returncode == 0
    refused = apply(cluster, deployment())
    assert refused.returncode == 1
    wanted = 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    assert f"Apply failed with 1 conflict: {wanted}" in refused.stderr
    assert spec_of(cluster)["replicas"] == 3
    assert apply(cluster, deployment(), options=("--force-conflicts",)).returncode == 0
    assert spec_of(cluster)["replicas"] == 1
    assert apply(cluster, deployment(replicas=2)).returncode == 0  # nobody contests it any more


def test_each_contested_field_is_named(cluster: Emulator) -> None:
    apply(cluster, deployment())
    cluster.kubectl(*SCALE)
    cluster.kubectl("-n", NAMESPACE, "set", "image", "deployment/app", "server=app:2")
    cluster.kubectl("-n", NAMESPACE, "set", "env", "deployment/app", "COLOUR=red")
    coloured = deployment(container={"env": [{"name": "COLOUR", "value": "blue"}]})
    refused = apply(cluster, coloured)
    assert refused.stderr.startswith(
        'error: Apply failed with 3 conflicts: conflicts with "kubectl" with subresource "scale" using apps/v1:\n'
        "- .spec.replicas\n"
        'conflicts with "kubectl-set" using apps/v1:\n'
        '- .spec.template.spec.containers[name="server"].image\n'
        '- .spec.template.spec.containers[name="server"].env[name="COLOUR"].value\n'
    )


def test_who_scales_to_none_owns_no_number(cluster: Emulator) -> None:
    apply(cluster, deployment())
    assert cluster.kubectl("-n", NAMESPACE, "scale", "deployment/app", "--replicas=0").returncode == 0
    assert spec_of(cluster)["replicas"] == 0
    entries = cluster.object("Deployment", NAMESPACE, "app")["metadata"]["managedFields"]
    assert all("f:replicas" not in entry["fieldsV1"].get("f:spec", {}) for entry in entries)
    assert apply(cluster, deployment(replicas=2)).returncode == 0


@pytest.mark.parametrize(("kind", "counts"), [("Deployment", True), ("Service", False)])
def test_only_some_kinds_count_their_changes(cluster: Emulator, kind: str, *, counts: bool) -> None:
    apply(cluster, deployment(), service())
    assert ("generation" in cluster.object(kind, NAMESPACE, "app")["metadata"]) is counts


def test_who_applied_is_named_without_a_version(cluster: Emulator) -> None:
    apply(cluster, deployment())
    done = apply(cluster, deployment(replicas=4), options=("--field-manager=night-shift", "--force-conflicts"))
    assert done.returncode == 0, done.stderr
    refused = apply(cluster, deployment())
    assert 'Apply failed with 1 conflict: conflict with "night-shift": .spec.replicas' in refused.stderr


def test_a_field_that_nobody_applies_any_more_goes(cluster: Emulator) -> None:
    apply(cluster, config(kept="1", dropped="1"))
    apply(cluster, config(kept="1"))
    assert cluster.object("ConfigMap", NAMESPACE, "config")["data"] == {"kept": "1"}


def test_a_field_that_another_manager_also_applies_stays(cluster: Emulator) -> None:
    apply(cluster, config(mine="1", shared="1"))
    shared = json.dumps(config(shared="1"))
    cluster.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", given=shared)
    apply(cluster, config(mine="1"))
    assert cluster.object("ConfigMap", NAMESPACE, "config")["data"] == {"mine": "1", "shared": "1"}


def test_replicas_that_nobody_applies_stay_as_they_were_scaled(cluster: Emulator) -> None:
    manifest = deployment()
    del manifest["spec"]["replicas"]
    apply(cluster, manifest)
    cluster.kubectl(*SCALE)
    assert apply(cluster, manifest).returncode == 0
    assert spec_of(cluster)["replicas"] == 3


def test_an_apply_that_changes_nothing_leaves_the_version_alone(cluster: Emulator) -> None:
    apply(cluster, deployment(), service())
    before = cluster.object("Service", NAMESPACE, "app")["metadata"]["resourceVersion"]
    apply(cluster, deployment(), service())
    assert cluster.object("Service", NAMESPACE, "app")["metadata"]["resourceVersion"] == before
    assert cluster.object("Deployment", NAMESPACE, "app")["metadata"]["generation"] == 1


def test_client_side_apply_removes_what_its_last_manifest_had(cluster: Emulator) -> None:
    first = deployment(container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]})
    second = deployment(container={"env": [{"name": "B", "value": "3"}]})
    for manifest, answer in ((first, "created"), (second, "configured"), (second, "unchanged")):
        done = cluster.kubectl("apply", "-f", "-", given=json.dumps(manifest))
        assert answer in done.stdout, done.stderr
    assert spec_of(cluster)["template"]["spec"]["containers"][0]["env"] == [{"name": "B", "value": "3"}]


def test_server_side_apply_takes_over_from_client_side_apply(cluster: Emulator) -> None:
    cluster.kubectl("apply", "-f", "-", given=json.dumps(config(kept="1", dropped="1")))
    for manifest in (config(kept="1", dropped="1"), config(kept="2")):
        done = cluster.kubectl("apply", "--server-side", "-f", "-", given=json.dumps(manifest))
        assert done.returncode == 0, done.stderr
    assert cluster.object("ConfigMap", NAMESPACE, "config")["data"] == {"kept": "2"}


def test_a_replacement_says_all_that_holds(cluster: Emulator) -> None:
    apply(cluster, config(kept="1", dropped="1"))
    done = cluster.kubectl("replace", "-f", "-", given=json.dumps(config(kept="2")))
    assert done.returncode == 0, done.stderr
    assert cluster.object("ConfigMap", NAMESPACE, "config")["data"] == {"kept": "2"}


@pytest.mark.parametrize("value", ["app-canary", "somebody-else"], ids=["holds", "fails"])
def test_a_json_patch_is_done_only_when_its_tests_hold(cluster: Emulator, value: str) -> None:
    apply(cluster, config(name="app-canary", weight="0"))
    operations = [
        {"op": "test", "path": "/data/name", "value": value},
        {"op": "replace", "path": "/data/weight", "value": "10"},
    ]
    patch = ("patch", "configmap", "config", "--type=json", f"--patch={json.dumps(operations)}")
    done = cluster.kubectl("-n", NAMESPACE, *patch)
    weight = cluster.object("ConfigMap", NAMESPACE, "config")["data"]["weight"]
    assert (done.returncode, weight) == ((0, "10") if value == "app-canary" else (1, "0"))


def test_a_write_on_an_old_version_is_refused(cluster: Emulator) -> None:
    apply(cluster, config(holder=""))
    version = cluster.object("ConfigMap", NAMESPACE, "config")["metadata"]["resourceVersion"]
    answers = [
        cluster.kubectl(
            "-n", NAMESPACE, "patch", "configmap", "config", "--type=merge",
            f"--patch={json.dumps({'metadata': {'resourceVersion': version}, 'data': {'holder': name}})}",
        )
        for name in ("first", "second")
    ]  # fmt: skip
    assert [answer.returncode for answer in answers] == [0, 1]
    assert "Error from server (Conflict)" in answers[1].stderr
    assert cluster.object("ConfigMap", NAMESPACE, "config")["data"]["holder"] == "first"


def test_a_dry_run_keeps_nothing_and_a_diff_shows_what_would_change(cluster: Emulator) -> None:
    assert apply(cluster, deployment(), options=("--dry-run=server",)).returncode == 0
    assert cluster.objects("Deployment") == []
    apply(cluster, deployment())
    given = json.dumps(deployment("app:2"))
    shown = cluster.kubectl("diff", "--server-side", "--field-manager=pipeline", "-f", "-", given=given)
    assert (shown.returncode, "+      - image: app:2" in shown.stdout) == (1, True)
    same = json.dumps(deployment())
    assert cluster.kubectl("diff", "--server-side", "--field-manager=pipeline", "-f", "-", given=same).returncode == 0
    assert spec_of(cluster)["template"]["spec"]["containers"][0]["image"] == "app:1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"selector": {"matchLabels": {"app": "app"}}}, "field is immutable"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "is invalid"),
        ({"template": {"metadata": {"labels": {"app": "app"}}, "spec": {}}}, "is invalid"),
    ],
    ids=["selector changed", "selector of other pods", "no containers"],
)
def test_a_deployment_that_breaks_a_rule_is_refused(cluster: Emulator, change: dict[str, Any], message: str) -> None:
    apply(cluster, deployment())
    before = spec_of(cluster)
    refused = apply(cluster, deployment(**change), options=("--force-conflicts",))
    assert (refused.returncode, message in refused.stderr) == (1, True), refused.stderr
    assert spec_of(cluster) == before


def test_every_wrong_field_of_a_route_is_named(cluster: Emulator) -> None:
    spec = {"parentRefs": [{"name": "", "namespace": ""}], "hostnames": [""]}
    metadata = {"name": "app", "namespace": NAMESPACE}
    refused = apply(
        cluster, {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
    )
    due = 'Invalid value: "": {0} in body should be at least 1 chars long'
    fields = ("spec.hostnames[0]", "spec.parentRefs[0].name", "spec.parentRefs[0].namespace")
    lines = [f"* {field}: {due.format(field)}" for field in fields]
    assert refused.stderr.splitlines() == ['The HTTPRoute "app" is invalid: ', *lines]


def test_objects_need_their_namespace(cluster: Emulator) -> None:
    refused = apply(cluster, deployment() | {"metadata": {"name": "app", "namespace": "nowhere"}})
    assert 'namespaces "nowhere" not found' in refused.stderr


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("--selector=track=canary", ["app-canary"]),
        ("--selector=track!=canary", ["app"]),
        ("--selector=track in (stable,canary)", ["app", "app-canary"]),
        ("--selector=track,!missing", ["app", "app-canary"]),
        ("--selector=missing", []),
        ("--field-selector=metadata.name=app", ["app"]),
    ],
)
def test_selectors_choose(cluster: Emulator, selector: str, names: list[str]) -> None:
    for name, track in (("app", "stable"), ("app-canary", "canary")):
        manifest = deployment(name=name)
        manifest["metadata"]["labels"] = {"track": track}
        cluster.apply([manifest])
    done = cluster.kubectl("-n", NAMESPACE, "get", "deployments", selector, "--output=name")
    assert done.stdout.split() == [f"deployment.apps/{name}" for name in names], done.stderr


def test_kubectl_creates_reads_and_deletes(cluster: Emulator) -> None:
    for arguments in (
        ("create", "namespace", "fresh"),
        ("-n", "fresh", "create", "configmap", "config", "--from-literal=A=1"),
        ("-n", "fresh", "create", "secret", "generic", "key", "--from-literal=KEY=secret"),
        ("-n", "fresh", "annotate", "configmap/config", "note=kept"),
    ):
        done = cluster.kubectl(*arguments)
        assert done.returncode == 0, done.stderr
    assert cluster.object("Secret", "fresh", "key")["data"] == {"KEY": "c2VjcmV0"}
    assert cluster.object("ConfigMap", "fresh", "config")["metadata"]["annotations"] == {"note": "kept"}
    assert "already exists" in cluster.kubectl("create", "namespace", "fresh").stderr
    assert cluster.kubectl("-n", "fresh", "delete", "configmap/config").returncode == 0
    gone = cluster.kubectl("-n", "fresh", "get", "configmap/config")
    assert 'Error from server (NotFound): configmaps "config" not found' in gone.stderr


def test_a_cluster_without_gateway_api_has_no_routes() -> None:
    with Emulator(without=["gateway.networking.k8s.io"]) as cluster:
        done = cluster.kubectl("get", "httproutes")
    assert "the server doesn't have a resource type" in done.stderr
