from __future__ import annotations

import re
from typing import Any

import pytest
from delivery.diagnosis import Diagnosis, Finding, explain, newest, warnings
from delivery.errors import say

DEPLOYMENT: dict[str, Any] = {"metadata": {"name": "app"}, "status": {}}
REFUSED = 'pods "app-1-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'


def pod(
    state: dict[str, Any] | None = None, last: dict[str, Any] | None = None, *, ready: bool = False, **more: Any
) -> dict[str, Any]:
    container = {"name": "server", "restartCount": 3, "state": state or {"running": {}}, "lastState": last or {}}
    conditions = [{"type": "Ready", "status": str(ready)}, *more.pop("conditions", [])]
    return {"metadata": {"name": "app-1-x"}, "status": {"containerStatuses": [container], "conditions": conditions}}


def event(reason: str, message: str, name: str = "app-1", at: str = "1") -> dict[str, Any]:
    about = {"involvedObject": {"name": name}, "reason": reason, "message": message}
    return about | {"type": "Warning", "lastTimestamp": at}


def waiting(reason: str, message: str = "told so") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


@pytest.mark.parametrize(
    ("seen", "events", "words"),
    [
        (pod(waiting("ImagePullBackOff")), [], "ImagePullBackOff: the image cannot be had (told so)"),
        (pod(waiting("CreateContainerConfigError")), [], "a ConfigMap or Secret that the pod names is missing"),
        (
            pod(waiting("CrashLoopBackOff"), {"terminated": {"reason": "Error", "exitCode": 3}}),
            [],
            "CrashLoopBackOff: it ended with exit code 3 and was restarted 3 times",
        ),
        (
            pod(waiting("CrashLoopBackOff"), {"terminated": {"reason": "OOMKilled", "exitCode": 137}}),
            [],
            "OOMKilled: it needed more memory than its limit",
        ),
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient cpu"}]),
            [],
            "fits on no node (0/3 nodes: Insufficient cpu)",
        ),
        (
            pod(),
            [event("Unhealthy", "Readiness probe failed: 503", "app-1-x")],
            "runs but never became ready (Readiness probe failed: 503)",
        ),
    ],
    ids=["pull", "configuration", "crash", "memory", "scheduling", "readiness"],
)
def test_what_keeps_a_pod_is_said_in_words(seen: dict[str, Any], events: list[dict[str, Any]], words: str) -> None:
    found = list(explain(DEPLOYMENT, [seen], events))
    assert [one.what for one in found] == ["app-1-x"]
    assert words in found[0].words


def test_pods_that_are_not_even_made_are_explained_once() -> None:
    condition = {"type": "ReplicaFailure", "reason": "FailedCreate", "message": REFUSED}
    failing = DEPLOYMENT | {"status": {"conditions": [condition]}}
    again = f"Error creating: {REFUSED.replace('app-1-x', 'app-1-y')}"
    events = [again, f"(combined from similar events): {again}", "exceeded quota: small"]
    found = list(explain(failing, [], [event("FailedCreate", message) for message in events]))
    assert [one.words.partition(":")[0] for one in found] == [
        "Pod Security refuses it",
        "the quota of the namespace is used up",
    ]


def test_a_warning_that_names_no_reason_is_no_obstacle() -> None:
    nameless = event("Unhealthy", "Readiness probe failed: 503", "app-1-x")
    del nameless["reason"]
    assert "Readiness probe failed: 503" in next(explain(DEPLOYMENT, [pod()], [nameless])).words


def test_no_pods_and_no_reason_is_said_too() -> None:
    assert "does not say why" in next(explain(DEPLOYMENT, [], [])).words


def test_a_ready_pod_needs_no_explanation() -> None:
    assert list(explain(DEPLOYMENT, [pod(ready=True)], [])) == []


def test_only_the_newest_pods_and_their_warnings_count() -> None:
    owner = [{"kind": "Deployment", "name": "app"}]
    sets = [
        {
            "metadata": {
                "name": f"app-{n}",
                "ownerReferences": owner,
                "annotations": {"deployment.kubernetes.io/revision": n},
            }
        }
        for n in ("2", "10", "9")
    ]
    assert newest(sets, "app") == "app-10"
    assert newest(sets, "other") is None
    events = [
        event("b", "", at="2"),
        event("a", "", at="1"),
        event("c", "", "other"),
        event("d", "") | {"type": "Normal"},
    ]
    assert [one["reason"] for one in warnings(events, ["app-1"])] == ["a", "b"]


@pytest.mark.parametrize("log", ["::add-mask::customer\n::error title=Approved::passed", '{"x": "##[error]y"}'])
def test_on_github_no_line_of_a_log_is_taken_for_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: str
) -> None:
    told = str(Diagnosis([Finding("pod", "crashed")], {"pod": log}))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    say(told)
    assert capsys.readouterr().err == f"{told}\n"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    say("nothing to hide")
    assert capsys.readouterr().err == "nothing to hide\n"
    say(told)
    say(told)
    found = re.findall(rf"::stop-commands::(\w{{64}})\n{re.escape(told)}\n::(\w+)::\n", capsys.readouterr().err)
    tokens = [begun for begun, ended in found if begun == ended]
    assert len(set(tokens)) == 2, "a token that was seen once is known to the next log"


def test_a_log_cannot_leave_its_block() -> None:
    page = Diagnosis([Finding("pod", "<b>")], {"pod": "```\n# not a title"}).markdown()
    assert "\\<b\\>" in page and "````\n```\n# not a title\n````" in page
