"""Say whether variant B (the canary) is better than variant A (stable), from the outcomes that came back as feedback.

How to run an A/B test:
  1. Decide what difference would matter, and see how many outcomes it takes:
       python3 scripts/analyze_ab.py --plan 0.80 --minimum-difference 0.02
  2. Put B beside A and leave it there; each prediction's header X-Model-Track names its variant:
       python3 scripts/canary.py production --image … --hold 14d
  3. Send what really happened to POST /feedback with the id of each prediction; whichever pod takes it, it counts for
     the variant that predicted.
  4. When both variants have enough, look:
       python3 scripts/analyze_ab.py production --since 14d
     Counters come from Prometheus when config/delivery.toml names one; choose --since so that it begins after B. Else
     they come from the pods and count from --hold on; a pod that ends takes what it had counted with it. Either way an
     outcome counts when it comes in, so the first ones may be of predictions that A made before B was there.
     Counts kept elsewhere do as well:
       python3 scripts/analyze_ab.py --counts counts.csv      lines variant,correct,wrong or variant,count,mean,sd

Accuracy is compared by Newcombe's interval, mean absolute errors by Welch's. B is called worse as soon as the interval
says so, and better only with enough outcomes: who looks every day and stops at a good one finds winners that are none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from delivery import experiment, feedback, settings
from delivery.canary_release import Canary
from delivery.canary_settings import CanarySettings
from delivery.errors import MisuseError, run
from delivery.experiment import Answer, Question, Shares
from delivery.exposition import Series
from delivery.feedback import Variant
from delivery.records import summarise, write_json
from delivery.sources import Pods, Prometheus

EPILOG = "exit codes: 0 B is better, 1 B is worse, 2 misuse or missing evidence, 3 inconclusive"
REPORT = Path("artifacts/ab-test.json")
NO_B = "there is no variant B; put one beside the release by canary.py with --hold"
CODES = {"better": 0, "worse": 1, "inconclusive": 3}


def main(argv: Sequence[str] | None = None) -> int:
    """Compare two variants, or plan how long to compare them."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", nargs="?", help="read the counters of this environment, such as production")
    parser.add_argument("--counts", type=Path, metavar="FILE", help="read a CSV or JSON file instead")
    parser.add_argument("--plan", type=share, metavar="ACCURACY", help="only say how many outcomes it takes")
    parser.add_argument("--since", default="14d", metavar="SPAN", help="of Prometheus' history [%(default)s]")
    parser.add_argument(
        "--minimum-difference", type=positive, default=0.02, metavar="X", help="that matters [%(default)s]"
    )
    parser.add_argument("--confidence", type=share, default=0.95, help="of the interval [%(default)s]")
    parser.add_argument("--power", type=share, default=0.8, help="chance to see such a difference [%(default)s]")
    parser.add_argument("--config", type=Path, default=settings.PATH, help="[%(default)s]")
    options = parser.parse_args(argv)
    if sum(given is not None for given in (options.environment, options.counts, options.plan)) != 1:
        parser.error("name an environment, --counts or --plan, one of them")
    return run(lambda: plan(options) if options.plan else analyze(options))


def share(text: str) -> float:
    """Return a number between 0 and 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def positive(text: str) -> float:
    """Return a number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def question(options: argparse.Namespace) -> Question:
    """Return what is to be found out."""
    return Question(options.minimum_difference, options.confidence, options.power)


def plan(options: argparse.Namespace) -> int:
    """Say how many outcomes per variant the question takes."""
    needed = experiment.sample_size_of_shares(options.plan, question(options))
    print(
        f"{needed} outcomes of each variant show a difference of {options.minimum_difference:g} from {options.plan:g}"
    )
    return 0


def analyze(options: argparse.Namespace) -> int:
    """Compare the variants, leave a report, and return what it means for B."""
    if options.counts:
        a, b = feedback.of_file(options.counts)
    else:
        a, b = of_environment(options)
    answer = experiment.compare(a.outcomes, b.outcomes, question(options))
    notes = warnings(a, b, options.confidence)
    document = {**asdict(answer), "difference": answer.difference, "coverage": [a.coverage, b.coverage], "notes": notes}
    write_json(REPORT, {"format": "ab-test/1", **document})
    print(f"{answer.verdict}: {answer.reason}")
    for line in [described(answer, options.confidence), *notes]:
        print(f"  {line}")
    summarise(page(answer, notes, options.confidence))
    return CODES[answer.verdict]


def of_environment(options: argparse.Namespace) -> tuple[Variant, Variant]:
    """Return both variants from the counters of an environment."""
    rules = settings.load(options.config)
    canary, where = Canary.of(rules, options.environment), CanarySettings.of(rules).prometheus
    with canary.app.cluster.proxy() as base:
        if where:
            found = Prometheus(canary.app.cluster, base, where).increase(feedback.NAMES, options.since)
        else:
            found = since_hold(canary, base)
    if not found["canary"]:
        raise MisuseError(NO_B)
    return feedback.of_tracks(found)


def since_hold(canary: Canary, base: str) -> dict[str, dict[Series, float]]:
    """Return by track what the pods counted since the canary is held. Raises MisuseError when it is not.

    The stable pods have counted for longer than there is a canary, and under other circumstances.
    """
    baseline = canary.baseline()
    if not baseline:
        raise MisuseError(NO_B)
    return feedback.since(baseline, Pods(canary.app.cluster, base, feedback.OF_PODS).snapshot(canary.app.pods()))


def warnings(a: Variant, b: Variant, confidence: float) -> list[str]:
    """Return what makes the comparison doubtful: outcomes that come back more often from one variant than the other."""
    if not a.predictions or not b.predictions:
        return []
    covered = [Shares(min(one.outcomes.total, one.predictions or 0.0), one.predictions or 1.0) for one in (a, b)]
    low, high = experiment.newcombe(covered[0], covered[1], confidence)
    if low <= 0 <= high:
        return []
    return [
        f"outcomes are known of {covered[0].mean:.1%} of A's predictions and of {covered[1].mean:.1%} of B's: "
        "find out why before you trust the difference"
    ]


def described(answer: Answer, confidence: float) -> str:
    """Return the difference in one line."""
    return (
        f"{answer.metric}: A {answer.a:.4g} of {answer.outcomes_a:.0f}, B {answer.b:.4g} of {answer.outcomes_b:.0f}; "
        f"B - A = {answer.difference:+.4g}, {confidence:.0%} interval {answer.low:+.4g} to {answer.high:+.4g}"
    )


def page(answer: Answer, notes: Sequence[str], confidence: float) -> str:
    """Return the result as a section for people."""
    rows = [
        ("variant", answer.metric, "outcomes"),
        ("---", "---", "---"),
        ("A (stable)", f"{answer.a:.4g}", f"{answer.outcomes_a:.0f} of {answer.needed}"),
        ("B (canary)", f"{answer.b:.4g}", f"{answer.outcomes_b:.0f} of {answer.needed}"),
    ]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    lines = [f"## A/B test: {answer.verdict}", "", f"{answer.reason}.", "", table, described(answer, confidence)]
    return "\n".join([*lines, *(f"\n**{note}**" for note in notes)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
