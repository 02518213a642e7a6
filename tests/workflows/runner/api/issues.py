"""Issues, pull requests, comments and labels."""

from __future__ import annotations

from typing import Any

from ..events import describe_pull
from ..hub import GitHub
from ..records import Comment, Issue
from .actions import page
from .routes import FORBIDDEN, ApiError, Reply, Request, route

# Either grant covers the conversation of a pull request; which one is needed depends on the number.
CONVERSATION = "issues|pull-requests"


def _issue(hub: GitHub, issue: Issue) -> dict[str, Any]:
    url = f"https://github.com/{hub.repository}/{'pull' if issue.pull else 'issues'}/{issue.number}"
    body = {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "user": {"login": issue.author},
        "labels": [{"name": name} for name in issue.labels],
        "assignees": [{"login": name} for name in issue.assignees],
        "html_url": url,
        "comments": len(hub.comments_on(issue.number)),
    }
    return {**body, "pull_request": {"html_url": url}} if issue.pull else body


def _comment(hub: GitHub, comment: Comment) -> dict[str, Any]:
    url = f"https://github.com/{hub.repository}/issues/{comment.issue}#issuecomment-{comment.id}"
    kind = "Bot" if comment.author.endswith("[bot]") else "User"
    return {"id": comment.id, "body": comment.body, "user": {"login": comment.author, "type": kind}, "html_url": url}


def _find(request: Request, level: str) -> Issue:
    """Return the issue when the token covers it: a pull request takes other grants than an issue."""
    issue = request.hub.issues.get(request.number("number"))
    if issue is None:
        raise ApiError(404, "Not Found")
    scopes = ("issues", "pull-requests") if issue.pull else ("issues",)
    if not any(request.hub.permits(request.token, scope, level) for scope in scopes):
        raise ApiError(403, FORBIDDEN)
    return issue


@route("GET", "/repo/issues", needs="issues:read")
def list_issues(request: Request) -> Reply:
    """List issues and pull requests by state and labels, the newest first."""
    state = request.query.get("state", "open")
    labels = set(filter(None, request.query.get("labels", "").split(",")))
    found = [
        _issue(request.hub, issue)
        for issue in reversed(request.hub.issues.values())
        if state in ("all", issue.state) and labels <= set(issue.labels)
    ]
    return Reply(body=page(request, found))


@route("POST", "/repo/issues", needs="issues:write")
def create_issue(request: Request) -> Reply:
    """Open an issue; labels that do not exist are created, as on GitHub."""
    (title,) = request.require("title")
    hub = request.hub
    labels = list(request.body.get("labels") or [])
    issue = Issue(hub.next_number(), title, request.body.get("body") or "", request.token.actor, labels)
    issue.assignees = list(request.body.get("assignees") or [])
    hub.issues[issue.number] = issue
    hub.labels += [name for name in labels if name not in hub.labels]
    return Reply(201, _issue(hub, issue))


@route("GET", "/repo/issues/{number}", needs=f"{CONVERSATION}:read")
def get_issue(request: Request) -> Reply:
    """Return one issue."""
    return Reply(body=_issue(request.hub, _find(request, "read")))


@route("PATCH", "/repo/issues/{number}", needs=f"{CONVERSATION}:write")
def edit_issue(request: Request) -> Reply:
    """Change title, body, state or labels."""
    issue = _find(request, "write")
    for name in ("title", "body", "state", "labels"):
        if name in request.body:
            setattr(issue, name, request.body[name])
    return Reply(body=_issue(request.hub, issue))


@route("GET", "/repo/issues/{number}/comments", needs=f"{CONVERSATION}:read")
def list_comments(request: Request) -> Reply:
    """List the comments, the oldest first."""
    comments = request.hub.comments_on(_find(request, "read").number)
    return Reply(body=page(request, [_comment(request.hub, comment) for comment in comments]))


@route("POST", "/repo/issues/{number}/comments", needs=f"{CONVERSATION}:write")
def create_comment(request: Request) -> Reply:
    """Add a comment."""
    issue = _find(request, "write")
    (body,) = request.require("body")
    comment = Comment(request.hub.next_id(), issue.number, request.token.actor, body)
    request.hub.comments.append(comment)
    return Reply(201, _comment(request.hub, comment))


@route("PATCH", "/repo/issues/comments/{id}", needs=f"{CONVERSATION}:write")
def edit_comment(request: Request) -> Reply:
    """Replace the text of a comment."""
    comment = next((item for item in request.hub.comments if item.id == request.number("id")), None)
    if comment is None:
        raise ApiError(404, "Not Found")
    (comment.body,) = request.require("body")
    return Reply(body=_comment(request.hub, comment))


@route("POST", "/repo/issues/{number}/labels", needs=f"{CONVERSATION}:write")
def add_labels(request: Request) -> Reply:
    """Add labels to an issue."""
    issue = _find(request, "write")
    (names,) = request.require("labels")
    issue.labels += [name for name in names if name not in issue.labels]
    return Reply(body=[{"name": name} for name in issue.labels])


@route("GET", "/repo/labels", needs="issues:read")
def list_labels(request: Request) -> Reply:
    """List the labels of the repository."""
    return Reply(body=[{"name": name} for name in request.hub.labels])


@route("POST", "/repo/labels", needs="issues:write")
def create_label(request: Request) -> Reply:
    """Create a label; a second time is refused."""
    (name,) = request.require("name")
    if name in request.hub.labels:
        raise ApiError(422, "Validation Failed")
    request.hub.labels.append(name)
    return Reply(201, {"name": name})


@route("GET", "/repo/pulls", needs="pull-requests:read")
def list_pulls(request: Request) -> Reply:
    """List the open pull requests."""
    found = [describe_pull(request.hub, issue) for issue in request.hub.issues.values() if issue.pull]
    return Reply(body=page(request, [pull for pull in found if pull["state"] == "open"]))


@route("GET", "/repo/pulls/{number}", needs="pull-requests:read")
def get_pull(request: Request) -> Reply:
    """Return one pull request."""
    return Reply(body=describe_pull(request.hub, _pull(request)))


@route("GET", "/repo/pulls/{number}/files", needs="pull-requests:read")
def list_files(request: Request) -> Reply:
    """List the files that a pull request changes."""
    pull = _pull(request).pull
    changed = request.hub.origin.changed(pull.base_sha, pull.head_sha) if pull else ()
    return Reply(body=page(request, [{"filename": name} for name in changed]))


def _pull(request: Request) -> Issue:
    issue = request.hub.issues.get(request.number("number"))
    if issue is None or issue.pull is None:
        raise ApiError(404, "Not Found")
    return issue
