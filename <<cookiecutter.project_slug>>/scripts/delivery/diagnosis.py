"""Why pods do not come up, in words: from the Deployment, its pods, the events and the last lines of the logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cluster import Cluster, ClusterError
from .records import cell, fenced
from .release import DEPLOYMENT, REVISION

PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
CONFIGURATION = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
NAMED = re.compile(r'^.*?pods "[^"]*" is forbidden: ')  # each try to make a pod has another name for it
SHOWN = 3  # pods whose logs are shown: those of one release fail alike

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One reason, for one pod or for all of them, and what to do about it."""

    what: str
    words: str


@dataclass(frozen=True)
class Diagnosis:
    """The reasons, and the last log lines by pod."""

    findings: Sequence[Finding]
    logs: Mapping[str, str]

    def __bool__(self) -> bool:
        """Return whether there is anything to tell."""
        return bool(self.findings or self.logs)

    def __str__(self) -> str:
        """Return the lines for a terminal."""
        lines = [f"  {finding.what}: {finding.words}" for finding in self.findings]
        for pod, log in self.logs.items():
            lines += [f"  last lines of {pod}:", *(f"    {line}" for line in log.splitlines())]
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return the section for the page of the workflow run."""
        lines = ["### Why it failed", "", *(f"- **{cell(one.what)}**: {cell(one.words)}" for one in self.findings), ""]
        for pod, log in self.logs.items():
            lines += [f"Last lines of {cell(pod)}:", "", fenced(log)]
        return "\n".join(lines)


def diagnose(cluster: Cluster, deployment: str) -> Diagnosis:
    """Return why the newest pods of a Deployment are not available; what cannot be read is said, not hidden."""
    try:
        found = cluster.get(DEPLOYMENT, deployment)
        if found is None:
            return Diagnosis([Finding(deployment, "is not in the cluster")], {})
        replicaset = newest(cluster.items("replicasets.apps"), deployment)
        pods = [pod for pod in cluster.items("pods") if replicaset and _owned(pod, "ReplicaSet", replicaset)]
        events = warnings(cluster.items("events"), [replicaset or "", *(pod["metadata"]["name"] for pod in pods)])
        findings = list(dict.fromkeys(explain(found, pods, events)))
        return Diagnosis(findings, _logs(cluster, [pod for pod in pods if not _ready(pod)][:SHOWN]))
    except ClusterError as error:
        return Diagnosis([Finding("the cluster", f"could not be asked: {error}")], {})


def newest(replicasets: Sequence[Object], deployment: str) -> str | None:
    """Return the name of the newest ReplicaSet of a Deployment."""
    mine = [one for one in replicasets if _owned(one, "Deployment", deployment)]
    ages = {int((one["metadata"].get("annotations") or {}).get(REVISION, 0)): one["metadata"]["name"] for one in mine}
    return str(ages[max(ages)]) if ages else None


def warnings(events: Sequence[Object], names: Sequence[str]) -> list[Object]:
    """Return the warnings about the objects called `names`, oldest first."""
    mine = [one for one in events if one.get("type") == "Warning" and one["involvedObject"].get("name") in names]
    return sorted(mine, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))


def explain(deployment: Object, pods: Sequence[Object], events: Sequence[Object]) -> Iterator[Finding]:
    """Yield what keeps the pods of a release from being available."""
    found = False
    refusals = [
        one for one in (deployment.get("status") or {}).get("conditions") or () if one["type"] == "ReplicaFailure"
    ]
    for message in dict.fromkeys(
        NAMED.sub("", one.get("message", ""))
        for one in refusals + [e for e in events if e.get("reason") == "FailedCreate"]
    ):
        found = True
        yield Finding("no pod was made", _refused(message))
    for pod in pods:
        for words in _of_pod(pod, events):
            found = True
            yield Finding(pod["metadata"]["name"], words)
    if not pods and not found:
        yield Finding(deployment["metadata"]["name"], "has no pods of this release, and the cluster does not say why")


def _of_pod(pod: Object, events: Sequence[Object]) -> Iterator[str]:
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            yield f"fits on no node ({condition.get('message', 'Unschedulable')}); lower its requests or add nodes"
            return
    told = False
    for container in status.get("containerStatuses") or ():
        for words in _of_container(container):
            told = True
            yield words
    if not told and not _ready(pod):
        probes = [
            one.get("message", "") for one in events if one["involvedObject"].get("name") == pod["metadata"]["name"]
        ]
        seen = f" ({probes[-1]})" if probes else ""
        yield f"runs but never became ready{seen}; see what /v2/health/ready answers and the log below"


def _of_container(container: Object) -> Iterator[str]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    ended = (
        (container.get("lastState") or {}).get("terminated") or (container.get("state") or {}).get("terminated") or {}
    )
    if reason in PULLING:
        todo = "see that the digest exists and the cluster may pull it (k8s/README.md, Secrets)"
        yield f"{reason}: the image cannot be had ({message}); {todo}"
    elif reason in CONFIGURATION:
        yield f"{reason}: {message}; a ConfigMap or Secret that the pod names is missing"
    elif ended.get("reason") == "OOMKilled":
        yield "OOMKilled: it needed more memory than its limit; raise resources.limits.memory in k8s/base"
    elif reason == "CrashLoopBackOff" or ended.get("exitCode"):
        code, times = ended.get("exitCode", "?"), container.get("restartCount", 0)
        yield f"{reason or 'crashed'}: it ended with exit code {code} and was restarted {times} times; see its log"


def _refused(message: str) -> str:
    if "violates PodSecurity" in message:
        return f"Pod Security refuses it: {message}; mend securityContext in k8s/base"
    if "exceeded quota" in message:
        return f"the quota of the namespace is used up: {message}"
    return f"the cluster refuses it: {message}"


def _ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _owned(one: Object, kind: str, name: str) -> bool:
    return any(
        owner["kind"] == kind and owner["name"] == name for owner in one["metadata"].get("ownerReferences") or ()
    )


def _logs(cluster: Cluster, pods: Sequence[Object]) -> dict[str, str]:
    logs = {}
    for pod in pods:
        name, statuses = pod["metadata"]["name"], (pod.get("status") or {}).get("containerStatuses") or ()
        if any(one.get("restartCount") or "running" in (one.get("state") or {}) for one in statuses):
            logs[name] = _log(cluster, name, crashed=any(one.get("restartCount") for one in statuses))
    return {name: text for name, text in logs.items() if text}


def _log(cluster: Cluster, pod: str, *, crashed: bool) -> str:
    """Return the log of the container that crashed, or else of the one that runs; they come and go while we look."""
    for previous in [True, False] if crashed else [False]:
        try:
            if text := cluster.logs(pod, previous=previous).strip():
                return text
        except ClusterError as error:
            text = str(error)
    return text
