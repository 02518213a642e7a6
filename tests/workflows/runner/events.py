"""What happens to a repository; each function does it and returns the event that GitHub sends out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .origin import NO_COMMIT, Files
from .records import Issue, PullRequest

if TYPE_CHECKING:
    from .hub import GitHub


@dataclass(frozen=True)
class Event:
    """An event: `sha` is the commit whose workflows run, `target` the only file it is meant for."""

    name: str
    ref: str
    sha: str
    actor: str
    payload: Mapping[str, Any]
    changed: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None
    base_ref: str = ""
    head_ref: str = ""
    from_fork: bool = False

    @property
    def ref_name(self) -> str:
        """Return the ref without `refs/heads/`, `refs/tags/` or `refs/pull/`."""
        return self.ref.split("/", 2)[2]


def push(
    hub: GitHub, files: Files | None = None, *, branch: str = "", actor: str = "dev", message: str = "change"
) -> Event:
    """Commit `files` and push them; without `files`, the first push of what is there."""
    branch = branch or hub.default_branch
    before = hub.origin.branches().get(branch, hub.origin.head(hub.default_branch)) if files is not None else NO_COMMIT
    sha = hub.origin.head(branch) if files is None else _commit(hub, files, branch, message)
    created = files is None
    payload = _payload(
        hub, actor, ref=f"refs/heads/{branch}", before=before, after=sha, created=created, deleted=False,
        head_commit={"id": sha, "message": message, "author": {"name": actor}},
    )  # fmt: skip
    return Event("push", f"refs/heads/{branch}", sha, actor, payload, changed=hub.origin.changed(before, sha))


def pull_request(
    hub: GitHub, files: Files, *, branch: str = "topic", fork: bool = False, actor: str = "dev", title: str = "Change"
) -> Event:
    """Open a pull request with `files`, or push to the one that is open for `branch`."""
    base = hub.origin.head(hub.default_branch)
    issue = next((issue for issue in hub.issues.values() if issue.pull and issue.pull.head_branch == branch), None)
    action = "synchronize" if issue else "opened"
    number = issue.number if issue else hub.next_number()
    head = _commit(hub, files, branch, title)
    merge = hub.origin.merge(base, head, ref=f"refs/pull/{number}/merge")
    home = f"{actor}/{hub.repository.split('/')[1]}" if fork else hub.repository
    pull = PullRequest(branch, head, hub.default_branch, base, home, merge)
    hub.issues[number] = Issue(number, title, "", actor, pull=pull)
    return Event(
        "pull_request",
        f"refs/pull/{number}/merge",
        merge,
        actor,
        _payload(hub, actor, action=action, number=number, pull_request=describe_pull(hub, hub.issues[number])),
        changed=hub.origin.changed(base, head),
        base_ref=hub.default_branch,
        head_ref=branch,
        from_fork=fork,
    )


def merge_group(hub: GitHub, files: Files, *, actor: str = "dev") -> Event:
    """Put a change into the merge queue."""
    base = hub.origin.head(hub.default_branch)
    branch = f"gh-readonly-queue/{hub.default_branch}/pr-{hub.next_number()}-{base}"
    sha = _commit(hub, files, branch, "queued change")
    group = {"head_sha": sha, "head_ref": f"refs/heads/{branch}", "base_sha": base, "base_ref": hub.default_branch}
    payload = _payload(hub, actor, action="checks_requested", merge_group=group)
    return Event("merge_group", f"refs/heads/{branch}", sha, actor, payload, changed=hub.origin.changed(base, sha))


def schedule(hub: GitHub, workflow: str) -> Event:
    """Let the clock start a workflow; GitHub names the last editor of the cron line as the actor."""
    return _on_default_branch(hub, "schedule", "owner", target=workflow)


def workflow_dispatch(
    hub: GitHub, workflow: str, inputs: Mapping[str, Any] | None = None, *, actor: str = "dev", ref: str = ""
) -> Event:
    """Start a workflow by hand or through the API; inputs are texts, as in the API."""
    branch = (ref or hub.default_branch).removeprefix("refs/heads/")
    values = dict(inputs or {})
    payload = _payload(hub, actor, inputs=values, ref=f"refs/heads/{branch}", workflow=f".github/workflows/{workflow}")
    sha = hub.origin.head(branch)
    return Event("workflow_dispatch", f"refs/heads/{branch}", sha, actor, payload, inputs=values, target=workflow)


def repository_dispatch(
    hub: GitHub, event_type: str, client_payload: Mapping[str, Any] | None = None, *, actor: str = "dev"
) -> Event:
    """Send an event of one's own."""
    return _on_default_branch(
        hub, "repository_dispatch", actor, action=event_type, client_payload=dict(client_payload or {})
    )


def describe_pull(hub: GitHub, issue: Issue) -> dict[str, Any]:
    """Return the `pull_request` object of payloads and of the REST API."""
    if issue.pull is None:
        raise ValueError(f"#{issue.number} is not a pull request")
    pull = issue.pull
    home = {"full_name": pull.head_repository, "fork": pull.head_repository != hub.repository}
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "draft": False,
        "user": {"login": issue.author},
        "head": {"ref": pull.head_branch, "sha": pull.head_sha, "repo": home},
        "base": {"ref": pull.base_branch, "sha": pull.base_sha, "repo": hub.describe()},
        "merge_commit_sha": pull.merge_sha,
        "html_url": f"https://github.com/{hub.repository}/pull/{issue.number}",
    }


def _on_default_branch(hub: GitHub, name: str, actor: str, *, target: str | None = None, **more: Any) -> Event:
    ref = f"refs/heads/{hub.default_branch}"
    payload = _payload(hub, actor, **more)
    return Event(name, ref, hub.origin.head(hub.default_branch), actor, payload, target=target)


def _payload(hub: GitHub, actor: str, **more: Any) -> dict[str, Any]:
    return {**more, "repository": hub.describe(), "sender": {"login": actor}}


def _commit(hub: GitHub, files: Files, branch: str, message: str) -> str:
    return hub.origin.commit(files, branch=branch, base=hub.default_branch, message=message)
