"""Whether GitHub holds what was planned: each planned body against what GitHub answers about the same thing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from github_api.cli import GitHubError, api
from github_api.plan import Call

# Where the plan of the account lacks something, GitHub answers 403 (rulesets) or 404 (environments).
UNAVAILABLE = (403, 404)


def problems(calls: Iterable[Call]) -> list[str]:
    """Return what is not as planned; `calls` is a plan made after the first one was carried out."""
    return [f"{call.title}: {problem}" for call in calls for problem in _problems(call)]


def _problems(call: Call) -> Iterator[str]:
    if call.reads is None:  # a plan holds this only as long as it has not been done
        yield "not done"
        return
    seen = api_or_none(call.reads)
    if seen is None:
        yield "not there"
    else:
        yield from differences(call.wanted, rules(seen) if "deployment_branch_policy" in call.wanted else seen)


def api_or_none(path: str) -> Any:
    """Return the answer to a GET, or None when there is no such thing, or not on the plan of the account."""
    try:
        return api(path)
    except GitHubError as error:
        if error.status in UNAVAILABLE:
            return None
        raise


def rules(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return an environment as it is set; GitHub answers in another form than it takes."""
    found = {rule["type"]: rule for rule in environment.get("protection_rules") or []}
    review = found.get("required_reviewers", {})
    return {
        "wait_timer": found.get("wait_timer", {}).get("wait_timer", 0),
        "prevent_self_review": review.get("prevent_self_review", False),
        "reviewers": [{"type": one["type"], "id": one["reviewer"]["id"]} for one in review.get("reviewers") or []],
        "deployment_branch_policy": environment.get("deployment_branch_policy"),
    }


def differences(planned: Any, seen: Any, where: str = "") -> Iterator[str]:
    """Yield what is seen otherwise than planned: fields that the plan leaves out are free, items of a list are not."""
    if isinstance(planned, Mapping) and isinstance(seen, Mapping):
        for key, value in planned.items():
            yield from differences(value, seen.get(key), f"{where}.{key}" if where else key)
    elif isinstance(planned, list) and isinstance(seen, list):
        for one in planned:
            if not any(_same(one, other) for other in seen):
                yield f"{where} lacks {json.dumps(one)}"
        for other in seen:
            if not any(_same(one, other) for one in planned):
                yield f"{where} also holds {json.dumps(other)}"
    elif planned != seen:
        yield f"{where} is {json.dumps(seen)}, planned {json.dumps(planned)}"


def _same(planned: Any, seen: Any) -> bool:
    return not any(differences(planned, seen))
