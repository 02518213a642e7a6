"""How the fake `gh` talks to the API, finds its repository and prints JSON."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from gh_arguments import Unmodelled

API = os.environ.get("GITHUB_API_URL", "")
# gh has its own names for what the REST API calls otherwise.
RENAMED = {
    "databaseId": "id", "headSha": "head_sha", "headBranch": "head_branch", "createdAt": "created_at",
    "workflowName": "name", "url": "html_url", "author": "user", "nameWithOwner": "full_name",
    "updatedAt": "updated_at", "headRefName": "head_ref", "baseRefName": "base_ref", "attempt": "run_attempt",
}  # fmt: skip


class Failure(Exception):
    """The command ends with this message and exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class HttpFailure(Failure):
    """The API refused a request."""

    def __init__(self, status: int, body: bytes, url: str) -> None:
        self.status, self.body = status, body
        self.reason = json.loads(body or b"{}").get("message", "")
        super().__init__(f"HTTP {status}: {self.reason} ({url})")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leave redirects to the caller: the token must not travel to the other host."""

    def redirect_request(self, *arguments: Any) -> None:
        """Follow nothing."""


def call(method: str, path: str, body: Any = None) -> bytes:
    """Send one request and return the answer's bytes."""
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN", "")
    data = None if body is None else json.dumps(body).encode()
    url = f"{API}/{path.lstrip('/')}"
    request = urllib.request.Request(url, data, {"Authorization": f"Bearer {token}"}, method=method)
    try:
        with urllib.request.build_opener(NoRedirect).open(request) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 302:
            return bytes(urllib.request.urlopen(error.headers["Location"]).read())
        raise HttpFailure(error.code, error.read(), url) from error


def ask(method: str, path: str, body: Any = None) -> Any:
    """Send one request and return the decoded answer."""
    return json.loads(call(method, path, body) or b"null")


def repo(options: argparse.Namespace) -> str:
    """Return the API path of the repository: from `--repo`, `$GH_REPO` or the git remote, never from elsewhere."""
    named = getattr(options, "repo", None) or os.environ.get("GH_REPO") or _remote()
    return f"repos/{named}"


def _remote() -> str:
    done = subprocess.run(["git", "config", "remote.origin.url"], capture_output=True, text=True, check=False)
    match = re.search(r"github\.com[/:](.+?)(?:\.git)?$", done.stdout.strip())
    if match is None:
        raise Failure("failed to run git: fatal: not a git repository (or any of the parent directories): .git")
    return match[1]


def show(options: argparse.Namespace, value: Any) -> None:
    """Print JSON fields and filter them, as `--json` and `--jq` ask."""
    names = (options.json or "").split(",")
    rows = [_select(row, names) for row in value] if isinstance(value, list) else _select(value, names)
    print_json(rows, options.jq)


def _select(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    unknown = [name for name in names if RENAMED.get(name, name) not in row]
    if unknown:
        raise Unmodelled(f"the JSON field {unknown[0]!r}")
    picked = {name: row[RENAMED.get(name, name)] for name in names}
    return {**picked, **({"state": picked["state"].upper()} if "state" in picked else {})}


def print_json(value: Any, query: str | None) -> None:
    """Print JSON, through jq when there is a query."""
    text = json.dumps(value)
    if query is None:
        print(text)
        return
    done = subprocess.run(["jq", "-r", "-c", query], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(done.stderr.strip())
    sys.stdout.write(done.stdout)
