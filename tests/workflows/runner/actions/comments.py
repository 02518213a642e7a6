"""Comments on pull requests."""

from __future__ import annotations

from ..errors import StepFailed
from ..records import Comment
from .model import ActionCall, Outputs, model

MARKER = "<!-- Sticky Pull Request Comment{header} -->"


@model("marocchino/sticky-pull-request-comment")
def sticky_comment(call: ActionCall) -> Outputs:
    """Create the pull request's comment of this header, or update it in place."""
    call.only("header", "path", "message", "number", "GITHUB_TOKEN", "skip_unchanged")
    call.require("pull-requests", "write", "Resource not accessible by integration")
    number = int(call.get("number") or call.state.contexts["github"]["event"].get("number") or 0)
    if not number:
        call.log("no pull request numbers given: skip step")
        return {}
    marker = MARKER.format(header=call.get("header"))
    body = f"{_body(call)}\n{marker}"
    previous = next((item for item in call.hub.comments_on(number) if marker in item.body), None)
    if previous:
        previous.body = body
        return {"previous_comment_id": str(previous.id)}
    comment = Comment(call.hub.next_id(), number, "github-actions[bot]", body)
    call.hub.comments.append(comment)
    return {"created_comment_id": str(comment.id)}


def _body(call: ActionCall) -> str:
    if not call.get("path"):
        return call.need("message")
    files = sorted(call.state.workspace.glob(call.get("path")))
    if not files:
        raise StepFailed(f"Error: no file found at {call.get('path')}")
    return "\n".join(file.read_text() for file in files)
