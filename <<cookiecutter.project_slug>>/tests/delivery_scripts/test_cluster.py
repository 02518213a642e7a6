from __future__ import annotations

import pytest
from delivery.cluster import Cluster, ClusterError, Done
from delivery.complaints import TRANSIENT, complaint, told
from delivery.conflicts import conflicts, owners

Answers = list[Done]

# As kubectl 1.32 writes them.
REFUSED = "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?"
FORBIDDEN = (
    'Error from server (Forbidden): deployments.apps "app" is forbidden: User "ada" cannot get resource "deployments" '
    'in API group "apps" in the namespace "space"'
)
CONFLICT = (
    'Error from server (Conflict): Operation cannot be fulfilled on configmaps "lock": the object has been modified'
)
CONFLICTS = """error: Apply failed with 6 conflicts: conflicts with "kubectl-edit" using apps/v1:
- .spec.minReadySeconds
- .spec.template.spec.containers[name="server"].image
conflict with "hpa-like" with subresource "scale" using apps/v1: .spec.replicas
conflict with "night-shift": .spec.paused
conflicts with "kubectl":
- .spec.progressDeadlineSeconds
- .spec.template.spec.containers[name="server"].env[name="LOG_LEVEL"].value
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
"""
INVALID = """The HTTPRoute "app" is invalid:
* spec.hostnames[0]: Invalid value: "": spec.hostnames[0] in body should be at least 1 chars long
* spec.parentRefs[0].name: Invalid value: "": spec.parentRefs[0].name in body should be at least 1 chars long
"""


def answering(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> Cluster:
    monkeypatch.setattr(Cluster, "_once", lambda *_: answers.pop(0))
    return Cluster("space", retries=2, pause=0)


@pytest.mark.parametrize(
    "said",
    [
        REFUSED,
        "Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        'error: Get "https://10.0.0.1/api?timeout=32s": read: connection reset by peer',
        "Error from server (InternalError): an error on the server has prevented the request from succeeding",
        "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
        "Error from server (TooManyRequests): the server has received too many requests",
        "Error from server: etcdserver: leader changed",
        "Unable to connect to the server: EOF",
    ],
)
def test_what_may_pass_by_itself_is_tried_again(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    answers = [Done(1, "", said), Done(1, "", said), Done(0, "yes", "")]
    assert answering(monkeypatch, answers).run("get", "pods").out == "yes"
    assert answers == []


@pytest.mark.parametrize(
    "said", [FORBIDDEN, CONFLICT, 'The Deployment "app" is invalid: spec: Required value', CONFLICTS]
)
def test_what_will_not_pass_is_told_at_once(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    answers = [Done(1, "", said), Done(0, "never asked", "")]
    with pytest.raises(ClusterError):
        answering(monkeypatch, answers).run("get", "pods")
    assert len(answers) == 1


def test_tries_are_counted_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ClusterError, match="kubectl get pods failed after 3 tries: .*; see `kubectl cluster-info`"
    ) as error:
        answering(monkeypatch, [Done(1, "", REFUSED)] * 3).run("get", "pods")
    assert error.value.transient


def test_a_no_whose_question_got_lost_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [Done(1, "no\n", REFUSED), Done(0, "yes\n", "")]
    assert answering(monkeypatch, answers).can("patch", "deployments.apps")


def test_a_refusal_names_what_to_look_at_and_the_word_of_the_server() -> None:
    error = complaint(("get", "deployments.apps"), FORBIDDEN, 1)
    assert (error.reason, error.transient) == ("Forbidden", False)
    assert "see `kubectl auth whoami`" in str(error)
    assert complaint(("patch",), CONFLICT, 1).reason == "Conflict"
    missing = "The connection to the server localhost:8080 was refused - did you specify the right host or port?"
    assert "set KUBECONFIG" in str(complaint(("get",), missing, 5))


def test_log_lines_and_general_advice_are_left_out() -> None:
    noise = 'E1121 13:42:03.439625   24196 memcache.go:265] "Unhandled Error" err="connection refused"\nWarning: old\n'
    assert told(noise + REFUSED + "\n") == REFUSED
    advice = CONFLICTS[CONFLICTS.index("Please review") :]
    assert told(f"{REFUSED}\n{advice}See https://kubernetes.io/docs\n{advice}") == REFUSED
    assert told("") == "it gave no reason"
    assert len(told("x" * 1000)) < 500
    assert not TRANSIENT.search(FORBIDDEN)


def test_each_field_that_the_server_refuses_is_told() -> None:
    assert told(INVALID) == " ".join(INVALID.split())


def test_owners_of_fields_are_read_from_the_complaint() -> None:
    assert list(owners(CONFLICTS)) == [
        ("kubectl-edit", '.spec.minReadySeconds, .spec.template.spec.containers[name="server"].image'),
        ("hpa-like", ".spec.replicas"),
        ("night-shift", ".spec.paused"),
        (
            "kubectl",
            '.spec.progressDeadlineSeconds, .spec.template.spec.containers[name="server"].env[name="LOG_LEVEL"].value',
        ),
    ]
    assert list(owners(FORBIDDEN)) == []


def test_what_the_pipeline_patched_itself_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    said = """error: Apply failed with 2 conflicts: conflicts with "github-actions" using gateway.networking.k8s.io/v1:
- .spec.rules
conflicts with "kubectl-edit" using gateway.networking.k8s.io/v1:
- .spec.hostnames
"""
    cluster = answering(monkeypatch, [Done(1, "", said), Done(0, "", "")])
    assert conflicts(cluster, "kind: HTTPRoute") == [("kubectl-edit", ".spec.hostnames")]
