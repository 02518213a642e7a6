"""Roles decide what a client may do, and the log shows what it did."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

import pytest

from .emulator import Emulator
from .emulator.credentials import certificate
from .sample import NAMESPACE, deployment, running, service

RBAC = "rbac.authorization.k8s.io"
ACCOUNT = f"{NAMESPACE}/deployer"


def role(*rules: tuple[str, str, str], names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return a Role of the ServiceAccount `deployer`: apiGroup, resource, verbs."""
    written: list[dict[str, Any]] = [
        {
            "apiGroups": [group],
            "resources": [resource],
            "verbs": verbs.split(),
            **({"resourceNames": names} if names else {}),
        }
        for group, resource, verbs in rules
    ]
    metadata = {"name": "deployer", "namespace": NAMESPACE}
    subject = {"kind": "ServiceAccount", "name": "deployer", "namespace": NAMESPACE}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "deployer"}
    binding = {"metadata": metadata, "roleRef": reference, "subjects": [subject]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": dict(metadata)},
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": dict(metadata), "rules": written},
        {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", **binding},
    ]


def as_deployer(cluster: Emulator, *arguments: str, given: str | None = None) -> tuple[int, str]:
    kubeconfig = cluster.kubeconfig_for(ACCOUNT, namespace=NAMESPACE)
    done = cluster.kubectl(*arguments, given=given, kubeconfig=kubeconfig)
    return done.returncode, done.stdout + done.stderr


def test_what_no_role_allows_is_forbidden(cluster: Emulator) -> None:
    cluster.apply(role(("apps", "deployments", "get")))
    user = f"system:serviceaccount:{NAMESPACE}:deployer"
    code, text = as_deployer(cluster, "get", "deployments")
    rule = 'cannot list resource "deployments" in API group "apps" in the namespace "shop"'
    assert f'Error from server (Forbidden): deployments.apps is forbidden: User "{user}" {rule}' in text
    assert code == 1
    assert "NotFound" in as_deployer(cluster, "get", "deployment/app")[1]
    assert cluster.requests.of(user=user, verb="list", target="deployments", code=403)


@pytest.mark.parametrize("verbs", ["patch", "patch create"])
def test_applying_a_new_object_needs_create_too(cluster: Emulator, verbs: str) -> None:
    cluster.apply(role(("", "services", verbs)))
    given = '{"apiVersion":"v1","kind":"Service","metadata":{"name":"app"},"spec":{"ports":[{"port":80}]}}'
    for _ in range(2):
        code, text = as_deployer(cluster, "apply", "--server-side", "-f", "-", given=given)
    assert (code, "cannot create resource" in text) == ((0, False) if "create" in verbs else (1, True))
    assert len(cluster.requests.of(verb="create", target="services", code=201)) == (1 if code == 0 else 0)


def test_the_log_shows_which_rules_of_a_role_were_used(cluster: Emulator) -> None:
    cluster.apply(role(("", "configmaps", "patch create delete"), ("apps", "deployments", "list")))
    given = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"config"}}'
    assert as_deployer(cluster, "apply", "--server-side", "-f", "-", given=given)[0] == 0
    as_deployer(cluster, "get", "pods")
    used = {("", "configmaps", "patch"), ("", "configmaps", "create")}
    assert cluster.requests.used(f"system:serviceaccount:{NAMESPACE}:deployer") == used


def test_subresources_and_names_are_judged_for_themselves(cluster: Emulator) -> None:
    running(cluster, deployment(), service(), service("other"))
    path = f"/api/v1/namespaces/{NAMESPACE}/services/http:%s:80/proxy/version"
    cluster.apply(role(("", "services/proxy", "get"), names=("http:app:80",)))
    assert as_deployer(cluster, "get", "--raw", path % "app") == (0, "1.0.0")
    code, text = as_deployer(cluster, "get", "--raw", path % "other")
    assert (code, "Forbidden" in text) == (1, True)
    assert as_deployer(cluster, "create", "--raw", path % "app", "-f", "-", given="{}")[0] == 1
    assert as_deployer(cluster, "get", "service/app")[0] == 1


def test_clients_can_ask_what_they_may_do(cluster: Emulator) -> None:
    cluster.apply(role(("apps", "deployments", "get patch"), ("", "services/proxy", "create")))
    assert as_deployer(cluster, "auth", "can-i", "patch", "deployments.apps") == (0, "yes\n")
    assert as_deployer(cluster, "auth", "can-i", "delete", "deployments.apps") == (1, "no\n")
    assert as_deployer(cluster, "auth", "can-i", "create", "services", "--subresource=proxy") == (0, "yes\n")
    assert "deployments.apps" in as_deployer(cluster, "auth", "can-i", "--list")[1]
    assert f"system:serviceaccount:{NAMESPACE}:deployer" in as_deployer(cluster, "auth", "whoami")[1]


def test_groups_and_users_can_be_bound(cluster: Emulator) -> None:
    objects = role(("apps", "deployments", "list"))
    objects[2]["subjects"] = [{"kind": "Group", "name": "deployers"}, {"kind": "User", "name": "ada"}]
    cluster.apply(objects)
    for user, groups, code in (("ada", (), 0), ("ben", ("deployers",), 0), ("ben", (), 1)):
        kubeconfig = cluster.kubeconfig_for(user, groups=groups, namespace=NAMESPACE)
        assert cluster.kubectl("get", "deployments", kubeconfig=kubeconfig).returncode == code


def test_a_token_of_a_service_account_works_until_it_is_withdrawn(cluster: Emulator) -> None:
    cluster.apply(role(("apps", "deployments", "list")))
    token = cluster.kubectl("-n", NAMESPACE, "create", "token", "deployer").stdout.strip()
    bearer = ("-n", NAMESPACE, "--kubeconfig=/dev/null", f"--server={cluster.url}", "--insecure-skip-tls-verify")
    assert cluster.kubectl(*bearer, f"--token={token}", "get", "deployments").returncode == 0
    cluster.withdraw(token)
    refused = cluster.kubectl(*bearer, f"--token={token}", "get", "deployments")
    assert "You must be logged in to the server" in refused.stderr


def test_nobody_is_let_in_without_a_name(cluster: Emulator) -> None:
    context = ssl.create_default_context(cadata=certificate()[0].decode())
    connection = http.client.HTTPSConnection(cluster.url.removeprefix("https://"), context=context, timeout=10)
    connection.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods")
    answer = connection.getresponse()
    status = json.load(answer)
    connection.close()
    rule = 'User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "shop"'
    assert (answer.status, status["message"]) == (403, f"pods is forbidden: {rule}")
