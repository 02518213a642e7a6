"""The modelled `gh` commands."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gh_arguments import Unmodelled
from gh_client import Failure, HttpFailure, ask, call, print_json, repo, show


def body_of(options: argparse.Namespace) -> str:
    """Return the text given by `--body` or `--body-file`."""
    if options.body_file:
        return sys.stdin.read() if options.body_file == "-" else Path(options.body_file).read_text()
    if options.body is None:
        raise Failure("must provide `--title` and `--body` when not running interactively")
    return str(options.body)


def api(options: argparse.Namespace) -> None:
    """`gh api`."""
    path = options.path.replace("repos/{owner}/{repo}", repo(options)) if "{owner}" in options.path else options.path
    body: Any = dict(_field(text, typed=False) for text in options.raw_field)
    body.update(_field(text, typed=True) for text in options.field)
    if options.input:
        body = json.loads(sys.stdin.read() if options.input == "-" else Path(options.input).read_text())
    method = options.method or ("POST" if body else "GET")
    if method == "GET" and body:
        path, body = f"{path}{'&' if '?' in path else '?'}{urlencode(body)}", {}
    try:
        data = _pages(path) if options.paginate else call(method, path, body or None)
    except HttpFailure as error:
        print(error.body.decode())
        raise Failure(f"gh: {error.reason} (HTTP {error.status})") from error
    if not options.silent:
        _print_answer(data, options.jq)


def _print_answer(data: bytes, query: str | None) -> None:
    if query is not None:
        print_json(json.loads(data or b"null"), query)
    else:
        sys.stdout.buffer.write(data)


def _pages(path: str) -> bytes:
    first = json.loads(call("GET", path))
    if isinstance(first, list) and len(first) == 30:
        raise Unmodelled("a second page of `gh api --paginate`")
    return json.dumps(first).encode()


def _field(text: str, *, typed: bool) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    if "[" in key:
        raise Unmodelled(f"the nested field {key!r}")
    if not typed:
        return key, value
    if value.startswith("@"):
        return key, sys.stdin.read() if value == "@-" else Path(value[1:]).read_text()
    known = {"true": True, "false": False, "null": None}
    return key, known[value] if value in known else int(value) if re.fullmatch(r"-?\d+", value) else value


def issue_list(options: argparse.Namespace) -> None:
    """`gh issue list`."""
    query = {"state": options.state, "labels": ",".join(options.label), "per_page": 100}
    found = [item for item in ask("GET", f"{repo(options)}/issues?{urlencode(query)}") if "pull_request" not in item]
    words = re.sub(r"\bin:title\b", "", options.search or "").replace('"', "").strip().lower()
    found = [item for item in found if words in item["title"].lower()][: options.limit]
    if options.json:
        show(options, found)
    else:
        print("".join(f"{item['number']}\t{item['state'].upper()}\t{item['title']}\n" for item in found), end="")


def issue_create(options: argparse.Namespace) -> None:
    """`gh issue create`; unlike the API, gh refuses a label that does not exist."""
    known = {item["name"] for item in ask("GET", f"{repo(options)}/labels?per_page=100")} if options.label else set()
    missing = [name for name in options.label if name not in known]
    if missing:
        raise Failure(f"could not add label: '{missing[0]}' not found")
    body = {"title": options.title, "body": body_of(options), "labels": options.label, "assignees": options.assignee}
    print(ask("POST", f"{repo(options)}/issues", body)["html_url"])


def issue_edit(options: argparse.Namespace) -> None:
    """`gh issue edit`."""
    body = {"title": options.title} if options.title else {}
    if options.body_file or options.body is not None:
        body["body"] = body_of(options)
    path = f"{repo(options)}/issues/{options.number}"
    if options.add_label:
        ask("POST", f"{path}/labels", {"labels": options.add_label})
    print(ask("PATCH", path, body)["html_url"])


def issue_close(options: argparse.Namespace) -> None:
    """`gh issue close` and `gh issue reopen`."""
    path = f"{repo(options)}/issues/{options.number}"
    if options.comment:
        ask("POST", f"{path}/comments", {"body": options.comment})
    ask("PATCH", path, {"state": "open" if options.command[1] == "reopen" else "closed"})


def comment(options: argparse.Namespace) -> None:
    """`gh issue comment` and `gh pr comment`."""
    path = f"{repo(options)}/issues/{options.number}/comments"
    mine = [item for item in ask("GET", f"{path}?per_page=100") if item["user"]["login"] == "github-actions[bot]"]
    if options.edit_last and mine:
        changed = ask("PATCH", f"{repo(options)}/issues/comments/{mine[-1]['id']}", {"body": body_of(options)})
        print(changed["html_url"])
        return
    if options.edit_last and not options.create_if_none:
        raise Failure("no comments found for current user")
    print(ask("POST", path, {"body": body_of(options)})["html_url"])


def view(options: argparse.Namespace) -> None:
    """`gh issue view`, `gh pr view`, `gh run view` and `gh repo view`."""
    folder = {"issue": "issues/", "pr": "pulls/", "run": "actions/runs/", "repo": ""}[options.command[0]]
    show(options, ask("GET", f"{repo(options)}/{folder}{getattr(options, 'number', '') or ''}".rstrip("/")))


def run_list(options: argparse.Namespace) -> None:
    """`gh run list`."""
    filters = {name: getattr(options, name) for name in ("branch", "status", "event") if getattr(options, name)}
    folder = f"actions/workflows/{options.workflow}/runs" if options.workflow else "actions/runs"
    query = urlencode({**filters, "per_page": options.limit})
    show(options, ask("GET", f"{repo(options)}/{folder}?{query}")["workflow_runs"])


def run_download(options: argparse.Namespace) -> None:
    """`gh run download`."""
    found = ask("GET", f"{repo(options)}/actions/runs/{options.number}/artifacts?per_page=100")["artifacts"]
    wanted = options.name + options.pattern
    chosen = [item for item in found if not wanted or any(fnmatch(item["name"], name) for name in wanted)]
    live = [item for item in chosen if not item["expired"]]
    if not live:
        raise Failure(
            "no artifact matches any of the names or patterns provided" if found else "no valid artifacts found"
        )
    for item in live:
        folder = Path(options.dir) if len(options.name) == 1 else Path(options.dir) / item["name"]
        data = call("GET", f"{repo(options)}/actions/artifacts/{item['id']}/zip")
        zipfile.ZipFile(io.BytesIO(data)).extractall(folder)


def workflow_run(options: argparse.Namespace) -> None:
    """`gh workflow run`."""
    branch = options.ref or ask("GET", repo(options))["default_branch"]
    inputs = dict(text.partition("=")[::2] for text in options.raw_field + options.field)
    ask("POST", f"{repo(options)}/actions/workflows/{options.name}/dispatches", {"ref": branch, "inputs": inputs})


def setting_set(options: argparse.Namespace) -> None:
    """`gh variable set` and `gh secret set`."""
    base = f"{repo(options)}/{f'environments/{options.env}' if options.env else 'actions'}/{options.command[0]}s"
    value = sys.stdin.read() if options.body is None else options.body
    if options.command[0] == "secret":
        ask("PUT", f"{base}/{options.name}", {"encrypted_value": value, "key_id": "1"})
        return
    try:
        ask("PATCH", f"{base}/{options.name}", {"value": value})
    except HttpFailure as error:
        if error.status != 404:
            raise
        ask("POST", base, {"name": options.name, "value": value})


def setting_list(options: argparse.Namespace) -> None:
    """`gh variable list` and `gh secret list`."""
    base = f"{repo(options)}/{f'environments/{options.env}' if options.env else 'actions'}/{options.command[0]}s"
    found = ask("GET", f"{base}?per_page=100")[f"{options.command[0]}s"]
    if options.json:
        show(options, found)
    else:
        print("".join(f"{item['name']}\t{item.get('value', '')}\n" for item in found), end="")


def label_create(options: argparse.Namespace) -> None:
    """`gh label create`."""
    try:
        ask("POST", f"{repo(options)}/labels", {"name": options.name})
    except HttpFailure as error:
        if error.status != 422:
            raise
        if not options.force:
            message = (
                f'label with name "{options.name}" already exists; use --force to update its color and description'
            )
            raise Failure(message) from error


def attestation_verify(options: argparse.Namespace) -> None:
    """`gh attestation verify`."""
    digest = options.subject.rpartition("@")[2]
    found = ask("GET", f"{repo(options)}/attestations/{digest}")["attestations"]
    signer = (options.signer_workflow or "").partition("/.github/")[2]
    kept = [item for item in found if not signer or item["workflow"] == f".github/{signer}"]
    kept = [item for item in kept if options.source_ref in (None, item["ref"])]
    kept = [item for item in kept if options.predicate_type in (None, item["predicate_type"])]
    if not kept:
        raise Failure("Error: verifying with issuer failed: no attestation matches the policy")
    print(f"✓ Verification succeeded! {len(kept)} attestation(s) for {digest}")


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "api": api,
    "issue list": issue_list,
    "issue create": issue_create,
    "issue edit": issue_edit,
    "issue close": issue_close,
    "issue reopen": issue_close,
    "issue comment": comment,
    "issue view": view,
    "pr comment": comment,
    "pr view": view,
    "repo view": view,
    "run view": view,
    "run list": run_list,
    "run download": run_download,
    "workflow run": workflow_run,
    "variable set": setting_set,
    "variable list": setting_list,
    "secret set": setting_set,
    "secret list": setting_list,
    "label create": label_create,
    "attestation verify": attestation_verify,
}
