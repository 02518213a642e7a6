"""Try a new release on a part of the traffic, measure it beside the stable one, and take it away unless it is good.

  python3 scripts/canary.py production --image registry/name@sha256:…     apply, smoke-test, then step by step
  python3 scripts/canary.py production --clear                            remove a canary, whoever left it behind
  python3 scripts/canary.py production --clear --older-than 2h            the same, unless it is younger or held
  python3 scripts/canary.py production --clear --older-than 0m            the same, unless it is held
  python3 scripts/canary.py production --image … --hold 14d               leave it in place for an A/B test

With canary.traffic = "replicas" users meet the canary as soon as its pod is ready, before its smoke test: the Service
that both tracks share selects it. Staging and the readiness probe come first; then the smoke test takes seconds, and a
canary that fails it is removed. Behind a gateway its weight is 0 until it has passed that test.

At each step of `canary.steps` in config/delivery.toml the canary gets that share of the traffic and is measured window
by window: errors, latency, predictions and broken contract rules, against limits and against the stable track. Too
little traffic is no success: send some (canary.probe.synthetic = true) or lower canary.limits.min_requests. After
exit 0 the canary is still there, for deploy.py to make it the release; otherwise it is gone and stable has all traffic.
Every window is a row in artifacts/canary.json and on the page of the workflow run.

During a trial the canary's pods follow the stable ones; behind a gateway they only become more. While it is held
nothing changes their number, no autoscaler either: see what load they bear, and `kubectl scale` them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from delivery import evidence, settings
from delivery.canary_release import Canary
from delivery.canary_trial import RECORD, Trial
from delivery.errors import raise_on_signals, run
from delivery.lock import locked

EPILOG = (
    "exit codes: 0 passed, 1 aborted, 2 misuse: nothing was changed, 3 inconclusive; after 1 and 3 the canary is gone"
)
SPAN = re.compile(r"(\d+)([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a canary, or remove one."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", help="a section of config/delivery.toml, such as production")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--image", metavar="NAME@sha256:…", help="the release to try, by digest")
    wanted.add_argument("--clear", action="store_true", help="remove the canary; repeating it does no harm")
    parser.add_argument("--older-than", type=span, metavar="SPAN", help="with --clear: only when it is older, as in 2h")
    parser.add_argument(
        "--hold", type=span, metavar="SPAN", help="keep it for an experiment after it passed, as in 14d"
    )
    parser.add_argument("--model", type=Path, default=evidence.FOLDER, metavar="FOLDER", help="[%(default)s]")
    parser.add_argument("--config", type=Path, default=settings.PATH, help="[%(default)s]")
    parser.add_argument("--reason", default="", help="why, for the record")
    arguments = parser.parse_args(argv)
    if (arguments.older_than is not None and not arguments.clear) or (arguments.hold and arguments.clear):
        parser.error("--older-than goes with --clear, --hold with --image")
    return run(lambda: clear(arguments) if arguments.clear else attempt(arguments))


def span(text: str) -> timedelta:
    """Return a length of time such as 30m, 2h or 14d."""
    found = SPAN.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length of time such as 30m, 2h or 14d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def clear(arguments: argparse.Namespace) -> int:
    """Remove the canary, unless it is to be older than it is."""
    chosen = settings.load(arguments.config)
    canary = Canary.of(chosen, arguments.environment)
    if why := spared(canary, arguments.older_than):
        print(f"{canary.app.canary} stays: {why}")
        return 0
    raise_on_signals()
    with locked(canary.app.cluster, canary.app.name, chosen["rollout"]["lock_seconds"]):
        why = spared(canary, arguments.older_than)  # the trial that this one waited for may have held it
        done = f" stays: {why}" if why else ": removed" if canary.clear() else ": there was none"
        print(f"{canary.app.canary}{done}")
    return 0


def spared(canary: Canary, older_than: timedelta | None) -> str:
    """Return why the canary is not to be removed; empty when it is, and without `older_than` it always is."""
    if older_than is None:
        return ""
    if held := canary.held_until():
        return f"held until {held:%Y-%m-%d %H:%M} UTC"
    age = canary.age()
    return f"age {age}" if age < older_than else ""


def attempt(arguments: argparse.Namespace) -> int:
    """Try a release as a canary."""
    RECORD.unlink(missing_ok=True)  # what an earlier run left is no evidence for this one
    trial = Trial.of(
        settings.load(arguments.config),
        evidence.load(arguments.model),
        environment=arguments.environment,
        image=arguments.image,
        reason=arguments.reason,
        hold=arguments.hold,
    )
    return trial.run()


if __name__ == "__main__":
    sys.exit(main())
