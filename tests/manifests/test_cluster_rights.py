"""What an administrator applies once, and how little the pipeline may do with it."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest

from ..cluster.emulator import Emulator
from ..conftest import QUESTIONS, render
from .conftest import Built
from .rendering import OVERLAYS, REVIEW, STAGES, Manifest, kustomize, of_kind, one

GROUPS = {"ConfigMap": "", "Service": "", "ServiceAccount": ""}
RESTRICTED = [f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "audit", "warn")]
Right = tuple[str, str, str]
MARK: Right = ("delivery", "releases", "rehearse")  # no such resource: by this right the policy knows the reviewer

FORBIDDEN = re.compile(
    r"secrets|pods/(exec|attach|portforward|ephemeralcontainers)|.*roles?|.*rolebindings|.*/token|\*"
)


def rights(manifests: list[Manifest]) -> set[Right]:
    """Return what the deployer may do as (group, resource, verb)."""
    return {
        right
        for rule in one(manifests, "Role")["rules"]
        for right in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def resource(manifest: Manifest) -> tuple[str, str]:
    """Return the group and the plural of an object."""
    group, slash, _ = manifest["apiVersion"].partition("/")
    kind = manifest["kind"].lower()
    return (group if slash else ""), (f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s")


def test_nothing_reaches_beyond_the_namespace(built: Built) -> None:
    for stage in STAGES:
        namespace = one(built.cluster[stage], "Namespace")["metadata"]["name"]
        others = [item for item in built.cluster[stage] if item["kind"] != "Namespace"]
        assert {item["kind"] for item in others} <= {"Role", "RoleBinding", "NetworkPolicy", "ServiceAccount", "Secret"}
        assert {item["metadata"]["namespace"] for item in others} == {namespace}
        assert one(built.cluster[stage], "RoleBinding")["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": one(built.cluster[stage], "Role")["metadata"]["name"],
        }


def test_the_deployer_can_apply_every_object_of_a_release(built: Built) -> None:
    allowed = rights(built.cluster["production"])
    for overlay in OVERLAYS:
        for item in built.releases[overlay]:
            needed = {(*resource(item), verb) for verb in ("get", "create", "patch")}
            assert needed - allowed == set()


def test_the_deployer_can_do_nothing_dangerous(built: Built) -> None:
    """That it can do what the scripts ask for, and nothing besides, is seen in tests/cluster/test_rights.py."""
    for stage in STAGES:
        allowed = rights(built.cluster[stage])
        assert {verb for _, _, verb in allowed} == {"get", "list", "create", "patch"}
        assert [right for right in allowed if FORBIDDEN.fullmatch(right[1]) or "*" in right] == []


def test_the_reviewer_can_rehearse_every_object_of_a_release_and_has_no_other_right(built: Built) -> None:
    allowed = rights(built.cluster[REVIEW])
    for item in built.releases["production"]:
        assert {(*resource(item), verb) for verb in ("get", "create", "patch")} - allowed == set()
    routes = {("gateway.networking.k8s.io", "httproutes", verb) for verb in ("get", "create", "patch")}
    assert allowed - routes - {MARK} <= rights(built.cluster["production"])
    assert [kind for _, kind, _ in allowed if "/" in kind or kind in ("events", "pods", "replicasets")] == []


def test_a_policy_holds_the_reviewer_of_production_to_rehearsals(built: Built) -> None:
    """How an API server judges by it is seen on a real one, in tests/kind."""
    namespace = one(built.cluster["production"], "Namespace")["metadata"]["name"]
    manifests = built.cluster[REVIEW]
    policy, use = one(manifests, "ValidatingAdmissionPolicy"), one(manifests, "ValidatingAdmissionPolicyBinding")
    assert use["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    assert policy["spec"]["failurePolicy"] == "Fail"
    constraints = policy["spec"]["matchConstraints"]
    assert constraints["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
    assert [rule["scope"] for rule in constraints["resourceRules"]] == ["Namespaced"]
    assert one(manifests, "RoleBinding")["metadata"]["namespace"] == namespace


def test_the_mark_that_the_policy_looks_for_is_the_reviewers_alone(built: Built) -> None:
    assert [folder for folder in (*STAGES, REVIEW) if MARK in rights(built.cluster[folder])] == [REVIEW]


def test_rights_on_routes_come_only_with_routes(built: Built) -> None:
    routes = {right for right in rights(built.cluster["staging"]) if right[1] == "httproutes"}
    assert bool(routes) is (built.split == "gateway-api")


def test_the_namespace_admits_restricted_pods_only_and_denies_traffic_by_itself(built: Built) -> None:
    for stage in STAGES:
        labels = one(built.cluster[stage], "Namespace")["metadata"]["labels"]
        assert [labels[mode] for mode in RESTRICTED] == ["restricted"] * 3
        assert one(built.cluster[stage], "NetworkPolicy")["spec"] == {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
        }


def test_each_stage_has_an_identity_of_its_own(built: Built) -> None:
    subjects = [one(built.cluster[folder], "RoleBinding")["subjects"] for folder in (*STAGES, REVIEW)]
    assert [len(each) for each in subjects] == [1, 1, 1]
    kinds = {"kubeconfig": "ServiceAccount", "aws": "Group", "gcp": "User", "azure": "User"}
    assert {each[0]["kind"] for each in subjects} == {kinds[built.credentials]}
    assert len({json.dumps(each) for each in subjects}) == 3
    assert all(each[0]["name"] and not each[0]["name"].startswith("system:") for each in subjects)


def test_a_token_exists_only_where_a_kubeconfig_needs_it(built: Built) -> None:
    for folder in (*STAGES, REVIEW):
        secrets = of_kind(built.cluster[folder], "Secret")
        assert len(secrets) == (1 if built.credentials == "kubeconfig" else 0)
        for secret in secrets:
            account = one(built.cluster[folder], "ServiceAccount")["metadata"]["name"]
            assert secret["type"] == "kubernetes.io/service-account-token"
            assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": account}
            assert "data" not in secret
            assert "stringData" not in secret


@pytest.mark.parametrize("credentials", ["gcp", "azure"])
def test_a_name_that_only_people_know_is_refused_until_it_is_set(credentials: str, tmp_path: Path) -> None:
    """The API server takes no subject without a name, so nobody gets rights by a placeholder."""
    project = render(tmp_path, cluster_credentials=credentials)
    with Emulator() as cluster:
        for folder, role in (*((stage, "deployer") for stage in STAGES), (REVIEW, "reviewer")):
            manifests = kustomize(project / "k8s/cluster" / folder)
            (subject,) = one(manifests, "RoleBinding")["subjects"]
            assert subject == {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ""}
            done = cluster.kubectl("apply", "-k", str(project / "k8s/cluster" / folder))
            assert done.returncode == 1
            assert f'"{role}" is invalid: subjects[0].name: Required value' in done.stderr


@pytest.mark.parametrize("credentials", QUESTIONS["cluster_credentials"])
def test_every_variable_of_the_login_is_explained(credentials: str, tmp_path: Path) -> None:
    project = render(tmp_path, cluster_credentials=credentials)
    action = (project / ".github/actions/connect-cluster/action.yml").read_text(encoding="utf-8")
    read = set(re.findall(r"fromJSON\(inputs\.variables\)\.(\w+)", action))
    explained = set(re.findall(r"`([A-Z][A-Z_]+)`", (project / "k8s/cluster/README.md").read_text(encoding="utf-8")))
    assert read
    assert read - explained == set()


def test_the_pages_name_files_and_folders_that_exist(built: Built) -> None:
    pages = [built.project / "k8s/README.md", built.project / "k8s/cluster/README.md"]
    named = {name for page in pages for name in re.findall(r"`([a-z/-]+/[a-z./-]*)`", page.read_text(encoding="utf-8"))}
    assert named
    places = (built.project, built.project / "k8s", built.project / "k8s/overlays/staging")
    assert {name for name in named if not any((place / name).exists() for place in places)} == set()
