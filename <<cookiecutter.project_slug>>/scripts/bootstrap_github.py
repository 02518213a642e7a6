r"""Set up the GitHub repository: environments with approval, branch rules, least rights for workflows.

Without --apply it prints the plan and asks nobody, not even GitHub. With --apply it acts (gh auth login as an
administrator first), reads everything back, and exits 1 when something is not as planned. Run it as often as you like:
other rules of the three environments and of the ruleset "default branch" are replaced.

  python scripts/bootstrap_github.py --reviewer octocat
  python scripts/bootstrap_github.py --reviewer octocat --apply
  python scripts/bootstrap_github.py --reviewer acme/platform --variable TRAIN_RUNNER=large \
      --variable staging:NAMESPACE=churn-staging --secret production:KUBECONFIG=@prod.kubeconfig --apply
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from github_api.cli import EPILOG, GitHubError, api, fail, gh, pages, run
from github_api.plan import ENVIRONMENTS, RULESET, Call, Entry, Facts, Settings, plan
from github_api.read_back import UNAVAILABLE, api_or_none, problems, rules

LIMITS = """\
A public repository has environments, required reviewers and branch rules on every plan. A private one on Free has none
of them: nothing reaches production until it is public or the plan is another. On Pro and Team it has environments and
branch rules, but required reviewers need Enterprise: there, --approval dispatch makes the start of deploy.yml by hand
the approval, and only a second person may start it."""
REPLACED = (
    f"Other rules of the environments {', '.join(ENVIRONMENTS)} and of the ruleset {RULESET!r} are replaced, and other "
    "branches lose the right to deploy."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan, or carry it out."""
    arguments = _parser().parse_args(argv)
    return run(lambda: bootstrap(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"{LIMITS}\n\n{EPILOG}",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--repo", metavar="OWNER/NAME", help="[the remote origin of this checkout]")
    add("--branch", default="main", help="the branch that deploys [%(default)s]")
    add("--reviewer", action="append", default=[], metavar="NAME", help="login, or ORG/TEAM; repeat it, at most six")
    add("--approvals", type=int, default=1, metavar="N", help="reviews a pull request needs; 0 if you are alone [1]")
    add(
        "--approval",
        choices=("reviewers", "dispatch"),
        default="reviewers",
        help="how production is approved [%(default)s]",
    )
    add("--allow-self-review", action="store_true", help="let the author of a run approve it; only if you are alone")
    add("--variable", action="append", default=[], metavar="[ENV:]NAME=VALUE", help="repeat it")
    add("--secret", action="append", default=[], metavar="[ENV:]NAME[=@FILE]", help="value from FILE, or from $NAME")
    add("--apply", action="store_true", help="act; without it the plan is only printed")
    return parser


def bootstrap(arguments: argparse.Namespace) -> int:
    """Print the plan; with --apply carry it out and read it back."""
    dispatch = arguments.approval == "dispatch"
    if dispatch and arguments.reviewer:
        return fail("--reviewer names who approves in GitHub's own way; with --approval dispatch leave it out")
    if not dispatch and not 0 < len(arguments.reviewer) <= 6 and (arguments.apply or arguments.reviewer):
        return fail(f"{len(arguments.reviewer)} reviewers were named; production needs one to six (--reviewer NAME)")
    try:
        settings = Settings(
            repo=arguments.repo or origin(),
            branch=arguments.branch,
            reviewers=tuple(login(name) for name in arguments.reviewer),
            approvals=arguments.approvals,
            self_review=arguments.allow_self_review,
            dispatch=dispatch,
            variables=tuple(variable(text) for text in arguments.variable),
            secrets=tuple(secret(text, read=arguments.apply) for text in arguments.secret),
        )
    except ValueError as error:
        return fail(str(error))
    if arguments.apply:
        return apply(settings)
    for call in plan(settings, Facts()):
        print(call.describe())
    print(f"\n{REPLACED}\nThis was the plan; nothing was done. Add --apply to carry it out.")
    return 0


def apply(settings: Settings) -> int:
    """Carry the plan out, read back, and return 1 when anything is not as planned."""
    failed = [title for call in plan(settings, gather(settings)) if (title := attempt(call))]
    lacking = problems(plan(settings, gather(settings)))
    for problem in lacking:
        print(f"not as planned: {problem}")
    if failed or lacking:
        print(f"\n{LIMITS}")
    return 1 if failed or lacking else 0


def attempt(call: Call) -> str | None:
    """Make one call; return its title when GitHub refused, so that the rest is still done."""
    try:
        gh(*call.arguments, stdin=call.stdin)
    except GitHubError as error:
        print(f"failed: {call.title}: {error}")
        return call.title
    print(f"done: {call.title}")
    return None


def gather(settings: Settings) -> Facts:
    """Ask GitHub what the plan depends on: reviewers' ids, and what is there already."""
    repo = settings.repo
    environments = {name: api_or_none(f"repos/{repo}/environments/{name}") for name in ENVIRONMENTS}
    return Facts(
        reviewers=tuple(reviewer(name) for name in settings.reviewers),
        allowed_actions=str(api(f"repos/{repo}/actions/permissions").get("allowed_actions", "all")),
        ruleset=ruleset(repo),
        policies={name: policies(repo, name) for name, found in environments.items() if found},
        ruled=frozenset(name for name, found in environments.items() if found and ruled(found)),
    )


def reviewer(name: str) -> dict[str, object]:
    """Return a person or a team as the environments' API wants it."""
    if "/" in name:
        organisation, _, team = name.partition("/")
        return {"type": "Team", "id": api(f"orgs/{organisation}/teams/{team}")["id"]}
    return {"type": "User", "id": api(f"users/{name}")["id"]}


def ruleset(repo: str) -> int | None:
    """Return the id of the ruleset that an earlier run made."""
    found = listed(f"repos/{repo}/rulesets?includes_parents=false")
    return next((int(one["id"]) for one in found if one["name"] == RULESET), None)


def policies(repo: str, environment: str) -> list[dict[str, Any]]:
    """Return the branches and tags that an environment takes."""
    return listed(f"repos/{repo}/environments/{environment}/deployment-branch-policies", "branch_policies")


def listed(path: str, key: str | None = None) -> list[dict[str, Any]]:
    """Return every item of a list; none where the plan of the account has no such thing."""
    try:
        return pages(path, key)
    except GitHubError as error:
        if error.status in UNAVAILABLE:
            return []
        raise


def ruled(environment: Mapping[str, Any]) -> bool:
    """Return whether an environment waits or has reviewers."""
    found = rules(environment)
    return bool(found["wait_timer"] or found["reviewers"])


def origin() -> str:
    """Return owner/name of the remote `origin`, without asking it. Raises ValueError when there is none."""
    done = subprocess.run(["git", "remote", "get-url", "origin"], capture_output=True, text=True, check=False)
    found = re.search(r"[:/]([^/:]+/[^/]+?)(?:\.git)?$", done.stdout.strip())
    if not found:
        raise ValueError("this checkout has no remote named origin; name the repository with --repo OWNER/NAME")
    return found[1]


def login(text: str) -> str:
    """Return the name of a person or `ORG/TEAM`. Raises ValueError for another form, such as a mention."""
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*(/[\w.-]+)?", text):
        raise ValueError(f"--reviewer {text!r}: wanted a login such as octocat, or ORG/TEAM, without @")
    return text


def variable(text: str) -> Entry:
    """Return `[ENV:]NAME=VALUE`. Raises ValueError for another form."""
    found = re.fullmatch(r"(?:([\w-]+):)?([A-Za-z_]\w*)=(.*)", text, re.DOTALL)
    if not found:
        raise ValueError(f"--variable {text!r}: wanted [ENV:]NAME=VALUE, such as staging:NAMESPACE=churn")
    return Entry(found[1], found[2], found[3])


def secret(text: str, *, read: bool) -> Entry:
    """Return `[ENV:]NAME[=@FILE]` with its value, which comes from the file or from the variable of that name.

    The value never stands on a command line, where other processes see it. Raises ValueError when there is none.
    """
    found = re.fullmatch(r"(?:([\w-]+):)?([A-Za-z_]\w*)(?:=@(.+))?", text)
    if not found:
        raise ValueError(f"--secret {text.partition('=')[0]!r}: wanted [ENV:]NAME or [ENV:]NAME=@FILE")
    if not read:
        return Entry(found[1], found[2], "")
    value = Path(found[3]).read_text(encoding="utf-8") if found[3] else os.environ.get(found[2], "")
    if not value:
        raise ValueError(f"--secret {found[2]}: the value is empty; set the variable {found[2]}, or add =@FILE")
    return Entry(found[1], found[2], value)


if __name__ == "__main__":
    sys.exit(main())
