"""Decide what is predicted: two classes, several, or a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..contracts.csv_cells import parse_number
from ..contracts.semantics import Json
from ..errors import DataError
from .alike import alike, merging
from .column_profile import Profile
from .infer_columns import limits
from .spellings import advice

MOST_NUMBERED_CLASSES = 10
MOST_COUNTED_CLASSES = 20  # when each has many rows
MANY_ROWS = 20
MOST_CLASSES = 100
LEAST_ROWS = 2
FEW_ROWS = 10  # of a class: five folds of three quarters of the table want one each
SMALL_TABLE = 50  # rows that a quarter held out may leave too few of, on either side
LEAST_TABLE = 30  # rows without which no split does
_POSITIVE_WORDS = (
    "yes y ja oui sim true t 1 positive pos malignant churn churned left exited default defaulted fraud fraudulent "
    "spam bad sick disease diseased abnormal fail failed failure died dead bought clicked >50k"
)
POSITIVE = frozenset(_POSITIVE_WORDS.split())
_NEGATIVE_WORDS = (
    "no n nein non não false f 0 negative neg benign stay stayed retained paid legit legitimate ham good healthy "
    "normal pass passed ok survived alive none <=50k"
)
NEGATIVE = frozenset(_NEGATIVE_WORDS.split())


@dataclass(frozen=True)
class Wishes:
    """What the caller knows about the table.

    `source` is how the caller names it, `mend` the command that writes it in a contract's spellings, if there is one.
    `keep_spellings` says that labels which differ in case or blanks only are different classes.
    """

    target: str
    ids: tuple[str, ...] = ()
    timestamp: str | None = None
    positive: str | None = None
    problem: Literal["classification", "regression"] | None = None
    delimiter: str = ","
    keep_spellings: bool = False
    source: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Target:
    """The rules of the target, the share of its rarest class (None for regression), and what to tell about it."""

    name: str
    rules: Mapping[str, Json]
    rarest: float | None
    notices: tuple[str, ...]


def infer_target(profile: Profile, wishes: Wishes) -> Target:
    """Return what the column of `profile`, which has a value in every row, asks to predict; DataError when nothing."""
    if profile.distinct < LEAST_ROWS:
        value = next(iter(profile.counts), None)
        raise DataError(f"target {profile.name!r} is {value!r} in every row, so that there is nothing to predict")
    number = wishes.problem == "regression" or (wishes.problem is None and not _means_classes(profile))
    target = _regression(profile, wishes) if number else _classification(profile, wishes)
    return replace(target, notices=(*target.notices, *_scarce(profile, target)))


def _scarce(profile: Profile, target: Target) -> Iterator[str]:
    """Yield what training will lack, as far as the settings of a new project go."""
    if profile.rows < SMALL_TABLE:
        other = "" if profile.rows < LEAST_TABLE else ", or see split.holdout in config/pipeline.toml"
        yield f"the table has {profile.rows} rows, of which training wants 20 and the hold-out 10: add rows{other}"
    few = [value for value, count in profile.counts.items() if target.rarest is not None and count < FEW_ROWS]
    if few:
        shown = ", ".join(f"{_label(value)!r} ({profile.counts[value]} rows)" for value in sorted(few)[:5])
        yield (
            f"target {profile.name!r}: few rows of {shown}{' …' if len(few) > 5 else ''}, of which training wants one "
            "for each fold: add rows, drop or merge the class, or lower training.folds in config/pipeline.toml"
        )


def _means_classes(profile: Profile) -> bool:
    if not profile.numeric:
        return True
    rows_each = profile.rows / profile.distinct
    few = profile.distinct <= MOST_NUMBERED_CLASSES and (
        profile.distinct == 2 or min(profile.counts.values()) >= LEAST_ROWS
    )
    counted = (
        profile.distinct <= MOST_COUNTED_CLASSES
        and rows_each >= MANY_ROWS
        and min(profile.counts.values()) >= LEAST_ROWS
    )
    return all(float(value).is_integer() for value in profile.counts) and (few or counted)


def _regression(profile: Profile, wishes: Wishes) -> Target:
    if not profile.numeric:
        _refuse_foreign(profile, wishes)
        example = str(next(iter(profile.counts)))
        raise DataError(
            f"target {profile.name!r} holds {profile.kind} such as {example!r}, wanted numbers for regression"
        )
    if wishes.positive is not None:
        raise DataError(f"--positive {wishes.positive!r}: target {profile.name!r} is a number, wanted two classes")
    room = limits(min(profile.counts), max(profile.counts), whole=profile.kind == "integer")
    why = (
        "" if wishes.problem else f" ({profile.distinct} different numbers; for classes pass --problem classification)"
    )
    return Target(profile.name, {"type": profile.kind, **room}, None, (f"target {profile.name!r}: regression{why}",))


def _classification(profile: Profile, wishes: Wishes) -> Target:
    if not (profile.spelling and profile.spelling.measure and profile.distinct <= MOST_COUNTED_CLASSES):
        _refuse_foreign(profile, wishes)
    _refuse_alike(profile, wishes)
    _demand_rows(profile)
    labels = [_label(value) for value in sorted(profile.counts)]
    if fraction := next((label for label in labels if isinstance(label, float)), None):
        raise DataError(
            f"target {profile.name!r} holds {fraction!r}, wanted text or whole numbers as classes; "
            "write the classes as text, or leave --problem classification out to predict the number"
        )
    rules: dict[str, Json] = {"type": _type(labels[0]), "enum": labels}
    notices = [f"target {profile.name!r}: classes {', '.join(map(repr, labels))}{_hint(profile, wishes)}"]
    if len(labels) == 2:
        rules["x-positive"], why = _positive(labels, profile.counts, wishes.positive)
        notices.append(f"target {profile.name!r}: positive class {rules['x-positive']!r}, {why}")
    elif wishes.positive is not None:
        raise DataError(
            f"--positive {wishes.positive!r}: target {profile.name!r} has {len(labels)} classes, wanted two"
        )
    return Target(profile.name, rules, min(profile.counts.values()) / profile.rows, tuple(notices))


def _refuse_foreign(profile: Profile, wishes: Wishes) -> None:
    if profile.spelling:
        raise DataError(f"target {profile.name!r} holds {advice(profile.spelling, wishes.mend)}")


def _refuse_alike(profile: Profile, wishes: Wishes) -> None:
    same = "" if wishes.keep_spellings else alike(profile.counts)
    if same:
        raise DataError(
            f"target {profile.name!r}: {same}; to make them one class, {merging(profile.name, wishes.mend)}; "
            "to keep them as classes of their own, pass --keep-spellings"
        )


def _demand_rows(profile: Profile) -> None:
    if profile.distinct > MOST_CLASSES:
        raise DataError(
            f"target {profile.name!r} holds {profile.distinct} different values in {profile.rows} rows, wanted at most "
            f"{MOST_CLASSES} classes, or numbers"
        )
    if few := [value for value, count in profile.counts.items() if count < LEAST_ROWS]:
        shown = ", ".join(map(repr, sorted(few)[:5])) + (" …" if len(few) > 5 else "")
        raise DataError(
            f"target {profile.name!r} has classes of one row ({shown}), wanted {LEAST_ROWS} rows of each; "
            "drop or merge them" + ("; for numbers pass --problem regression" if profile.numeric else "")
        )


def _label(value: Json) -> Json:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _type(label: Json) -> str:
    if isinstance(label, bool):
        return "boolean"
    return "string" if isinstance(label, str) else "integer"


def _hint(profile: Profile, wishes: Wishes) -> str:
    asked = wishes.problem is not None or profile.distinct == LEAST_ROWS
    return "; for a number pass --problem regression" if profile.numeric and not asked else ""


def _positive(labels: Sequence[Json], counts: Mapping[Json, int], wanted: str | None) -> tuple[Json, str]:
    """Return the positive one of two labels, and why it is."""
    first, second = labels
    if wanted is not None:
        for label in labels:
            if str(label).lower() == wanted.lower() or (not isinstance(label, str) and label == parse_number(wanted)):
                return label, "as asked for"
        raise DataError(f"--positive {wanted!r}: wanted one of {first!r}, {second!r}")
    if not isinstance(first, str):
        return second, "the larger value; choose the other with --positive"
    words = [str(label).strip().lower() for label in labels]
    for label, word, other in ((second, words[1], words[0]), (first, words[0], words[1])):
        if (word in POSITIVE or other in NEGATIVE) and word not in NEGATIVE and other not in POSITIVE:
            return label, "because of its name; choose the other with --positive"
    rarer = second if counts[second] <= counts[first] else first
    return rarer, "the rarer; choose the other with --positive"
