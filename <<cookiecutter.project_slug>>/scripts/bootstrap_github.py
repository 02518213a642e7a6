r"""Set up the GitHub repository: environments with approval, branch rules, least rights for workflows.

Without --apply it prints the plan and asks nobody, not even GitHub. With --apply it acts (gh auth login as an
administrator first), reads everything back, and exits 1 when something is not as planned. Run it as often as you like.

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
from collections.abc import Sequence
from pathlib import Path

import check_environment
from github_api.cli import EPILOG, GitHubError, api, fail, gh, pages, run
from github_api.plan import CHECK, ENVIRONMENTS, RULESET, Call, Entry, Facts, Settings, plan

LIMITS = """\
Required reviewers and branch rules are free for public repositories. For a private one, branch rules need Pro, Team or
Enterprise, and required reviewers need Enterprise. Without reviewers, --approval dispatch makes the start of deploy.yml
by hand the approval, and only a second person may start it."""


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
            reviewers=tuple(arguments.reviewer),
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
    print("\nThis was the plan; nothing was done. Add --apply to carry it out.")
    return 0


def apply(settings: Settings) -> int:
    """Carry the plan out, read back, and return 1 when anything is not as planned."""
    failed = [title for call in plan(settings, gather(settings)) if (title := attempt(call))]
    lacking = read_back(settings)
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
    branches = {name: check_environment.read(repo, name) for name in ENVIRONMENTS}
    return Facts(
        reviewers=tuple(reviewer(name) for name in settings.reviewers),
        allowed_actions=str(api(f"repos/{repo}/actions/permissions").get("allowed_actions", "all")),
        ruleset=ruleset(repo),
        branches={name: found[1] if found else frozenset() for name, found in branches.items()},
    )


def reviewer(name: str) -> dict[str, object]:
    """Return a person or a team as the environments' API wants it."""
    if "/" in name:
        organisation, _, team = name.partition("/")
        return {"type": "Team", "id": api(f"orgs/{organisation}/teams/{team}")["id"]}
    return {"type": "User", "id": api(f"users/{name}")["id"]}


def ruleset(repo: str) -> int | None:
    """Return the id of the ruleset that an earlier run made."""
    found = [one["id"] for one in pages(f"repos/{repo}/rulesets?includes_parents=false") if one["name"] == RULESET]
    return int(found[0]) if found else None


def read_back(settings: Settings) -> list[str]:
    """Return what GitHub holds otherwise than planned."""
    repo = settings.repo
    production = check_environment.read(repo, "production")
    lacking = check_environment.problems(*production) if production else ["it does not exist"]
    tolerated = {check_environment.UNREVIEWED} if settings.dispatch else set()
    lacking = [f"environment production: {problem}" for problem in lacking if problem not in tolerated]
    if not api(f"repos/{repo}/actions/permissions").get("sha_pinning_required"):
        lacking.append("actions may be used without a full commit SHA")
    if api(f"repos/{repo}/actions/permissions/workflow")["default_workflow_permissions"] != "read":
        lacking.append("workflows start with a token that may write")
    number = ruleset(repo)
    rules = api(f"repos/{repo}/rulesets/{number}")["rules"] if number else []
    checks = [
        check["context"] for rule in rules for check in rule.get("parameters", {}).get("required_status_checks", [])
    ]
    if CHECK not in checks:
        lacking.append(f"{settings.branch} can be changed without the check {CHECK!r}")
    return lacking


def origin() -> str:
    """Return owner/name of the remote `origin`, without asking it. Raises ValueError when there is none."""
    done = subprocess.run(["git", "remote", "get-url", "origin"], capture_output=True, text=True, check=False)
    found = re.search(r"[:/]([^/:]+/[^/]+?)(?:\.git)?$", done.stdout.strip())
    if not found:
        raise ValueError("this checkout has no remote named origin; name the repository with --repo OWNER/NAME")
    return found[1]


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
