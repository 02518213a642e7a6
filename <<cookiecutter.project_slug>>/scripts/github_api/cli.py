"""GitHub through its own command, `gh`: answers as JSON, refusals as one clear line, nothing installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

EPILOG = "exit codes: 0 yes, 1 no, 2 misuse or missing evidence"
PAGE = 100  # the most that GitHub lists at once
PAUSES = (1.0, 4.0)  # seconds before the second and third try of a read
TIMEOUT = 120  # seconds for one request; a download has more
DOWNLOAD_TIMEOUT = 900


class GitHubError(Exception):
    """GitHub refused, or did not answer; `status` is the HTTP status when there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """Keep the status beside the message."""
        super().__init__(message)
        self.status = status


def api(path: str, *, method: str = "GET", body: Mapping[str, Any] | None = None) -> Any:
    """Return the answer of one REST call as JSON, or None when it is empty.

    Reads are tried again after a failure on GitHub's side; writes are not, because they may have worked.
    """
    arguments = ["api", path, "--method", method]
    text = None if body is None else json.dumps(body)
    if text is not None:
        arguments += ["--input", "-"]
    answer = _read(arguments) if method == "GET" else gh(*arguments, stdin=text)
    try:
        return json.loads(answer) if answer.strip() else None
    except ValueError as error:
        raise GitHubError(f"the answer to {path} is not JSON: {answer[:80]!r}") from error


def pages(path: str, key: str | None = None) -> list[Any]:
    """Return every item of a list; `key` names the list inside the answer.

    Raises GitHubError when GitHub counts more items than it hands out.
    """
    return list(each(path, key))


def each(path: str, key: str | None = None) -> Iterator[Any]:
    """Yield the items of a list, asking for a page only when it is wanted; else as `pages`."""
    seen = 0
    for number in range(1, 1000):
        answer = api(f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={number}")
        page = answer.get(key) if isinstance(answer, dict) else answer if key is None else None
        if not isinstance(page, list):
            raise GitHubError(f"the answer to {path} holds no list of {key or 'items'}")
        yield from page
        seen += len(page)
        if len(page) < PAGE:
            break
    total = answer.get("total_count", 0) if isinstance(answer, dict) else 0
    if seen < total:
        raise GitHubError(f"{path}: {seen} of {total} items were listed; run the job again")


def download(path: str, target: Path) -> None:
    """Write the bytes that GitHub answers for `path` to `target`."""
    with target.open("wb") as stream:
        done = _run(["api", path], stdout=stream, timeout=DOWNLOAD_TIMEOUT)
    _check(done, path)


def gh(*arguments: str, stdin: str | None = None) -> str:
    """Run `gh` and return what it prints. Raises GitHubError when it fails or is missing."""
    done = _run(arguments, stdin=stdin)
    _check(done, _target(arguments))
    return bytes(done.stdout).decode()


def repository() -> str:
    """Return `owner/name`: the one the workflow runs in, or the one of this checkout."""
    named = os.environ.get("GITHUB_REPOSITORY")
    return named or gh("repo", "view", "--json", "nameWithOwner", "--jq", ".nameWithOwner").strip()


def run_url() -> str:
    """Return the address of the workflow run that this process belongs to."""
    server, run = os.environ.get("GITHUB_SERVER_URL", "https://github.com"), os.environ.get("GITHUB_RUN_ID", "0")
    return f"{server}/{repository()}/actions/runs/{run}"


def event() -> dict[str, Any]:
    """Return the event that started the workflow; empty outside of one."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    return dict(json.loads(Path(path).read_text(encoding="utf-8"))) if path else {}


def from_fork() -> bool:
    """Return whether a pull request from another repository started the workflow."""
    pull = event().get("pull_request")
    if pull is None:
        return False
    return (pull["head"].get("repo") or {}).get("full_name") != repository()  # a deleted fork is null


def output(name: str, value: str) -> None:
    """Print `name=value`, and hand it to later steps of a workflow.

    Raises GitHubError when the value has a line break: what follows it would be another output.
    """
    if len(value.splitlines()) > 1 or value != value.rstrip("\r\n"):
        raise GitHubError(f"the output {name} is {value!r}, wanted one line")
    path = os.environ.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{name}={value}\n")
    print(f"{name}={value}")


def run(step: Callable[[], int]) -> int:
    """Run `step` and return its exit code; an error becomes one `error:` line and code 2."""
    try:
        return step()
    except GitHubError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or 'file system'}: {error.strerror or error}")


def fail(message: str) -> int:
    """Print one error line and return 2."""
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return 2


def verdict(problems: Sequence[str], passed: str) -> int:
    """Print what is refused, also where a phone shows it, or what `passed`; return the exit code, 1 or 0."""
    for problem in problems:
        told = " ".join(problem.split())  # GitHub obeys a line that begins with `::`, whoever wrote it
        print(f"refused: {told}")
        if os.environ.get("GITHUB_ACTIONS"):
            print(f"::error title=Refused::{told}")
    if not problems:
        print(passed)
    return 1 if problems else 0


def _read(arguments: list[str]) -> str:
    for pause in PAUSES:
        try:
            return gh(*arguments)
        except GitHubError as error:
            if error.status is not None and error.status < 500 and error.status != 429:
                raise
            time.sleep(pause)
    return gh(*arguments)


def _run(
    arguments: Sequence[str],
    *,
    stdin: str | None = None,
    stdout: IO[bytes] | int = subprocess.PIPE,
    timeout: int = TIMEOUT,
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["gh", *arguments],
            input=None if stdin is None else stdin.encode(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise GitHubError("the command gh is not installed; see https://cli.github.com") from error
    except subprocess.TimeoutExpired as error:
        raise GitHubError(f"GitHub did not answer {_target(arguments)} within {timeout} s") from error


def _check(done: subprocess.CompletedProcess[bytes], target: str) -> None:
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or "no message"
        status = re.search(r"\(HTTP (\d{3})\)", said)
        raise GitHubError(f"GitHub refused {target}: {said}", int(status[1]) if status else None)


def _target(arguments: Sequence[str]) -> str:
    return arguments[1] if arguments[0] == "api" else " ".join(arguments[:3])
