"""Which answers are allowed; the rest are refused together, each with an example that passes."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Callable, Mapping

from slugify import slugify

# Names that the generated project imports, installs or runs: as a package they would shadow it or be shadowed,
# as a slug they would replace an installed distribution.
TAKEN = frozenset(
    """
    aiohappyeyeballs aiohttp aiosignal alembic annotated_doc annotated_types anyio ast_serialize attr attrs blinker
    cachetools certifi cffi charset_normalizer click cloudpickle colorama contourpy coverage cryptography cycler
    databricks databricks_sdk dateutil docker dotenv execnet fastapi flask flask_cors flatbuffers fonttools frozenlist
    git gitdb gitpython google google_auth granian graphene graphql graphql_core graphql_relay gunicorn h11 httptools
    huey hypothesis idna importlib_metadata iniconfig itsdangerous jinja2 joblib jsonschema jsonschema_rs
    jsonschema_specifications kiwisolver librt mako markupsafe matplotlib ml_dtypes mlflow mlflow_skinny mlflow_tracing
    mpl_toolkits multidict mypy mypy_extensions mypyc narwhals numpy onnx onnxruntime opentelemetry opentelemetry_api
    opentelemetry_proto opentelemetry_sdk opentelemetry_semantic_conventions orjson packaging pandas pandas_stubs
    pathspec pillow pip pkg_resources pluggy prettytable prometheus_client propcache protobuf py pyarrow pyasn1
    pyasn1_modules pycparser pydantic pydantic_core pygments pylab pyparsing pytest pytest_cov pytest_xdist
    python_dateutil python_dotenv pywin32 pyyaml referencing requests rpds rpds_py ruff scikit_learn scipy setuptools
    skl2onnx sklearn skops smmap sortedcontainers sqlalchemy sqlparse starlette threadpoolctl tqdm types_jsonschema
    types_tqdm typing_extensions typing_inspection tzdata urllib3 uv uvicorn uvloop waitress wcwidth werkzeug wheel
    xdist yaml yarl zipp
    conftest scripts src tests
    analyze_ab bootstrap_github build_image build_report canary check_champion check_environment check_gate
    check_origin check_record check_triggers classify_contract_change compare_runs delivery deploy detect_drift
    evaluate export_model github_api infer_contract make_sample normalise_table pipeline plan_changes predict
    promote_model pull_data pull_request_comment register_model report_refusal review_deployment rollback
    setup_environment smoke_test tracking_store train validate_data
    """.split()
)

# Standard modules that came with Python 3.14 or left after 3.11: the project runs on all of these, and the Python that
# asks knows its own alone.
STANDARD = sys.stdlib_module_names | frozenset(
    """
    annotationlib compression
    aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap msilib nis nntplib
    ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
    """.split()
)

# A backslash or the template's own delimiters would need escaping in every kind of file, and GitHub evaluates `${{`.
UNSAFE = re.compile(r"\\|\$\{\{|<[%#<]")

MONTHS = dict(zip("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), range(1, 13), strict=True))
DAYS = dict(zip("SUN MON TUE WED THU FRI SAT".split(), range(7), strict=True))
CRON: tuple[tuple[int, int, Mapping[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, MONTHS),
    (0, 6, DAYS),
)
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month


def matches(pattern: str, longest: int) -> Callable[[str], bool]:
    """Return a rule: the whole answer matches `pattern` and has at most `longest` characters."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda seen: len(seen) <= longest and compiled.fullmatch(seen) is not None


def line(longest: int) -> Callable[[str], bool]:
    """Return a rule: one printable line with a letter or digit that no file format or shell can misread."""

    def rule(seen: str) -> bool:
        whole = 0 < len(seen) <= longest and seen == seen.strip() and seen.isprintable()
        return whole and any(map(str.isalnum, seen)) and not UNSAFE.search(seen)

    return rule


def is_slug(seen: str) -> bool:
    """Say whether `seen` can name a repository, an image, a Kubernetes object and a distribution."""
    return matches(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", 40)(seen) and seen.replace("-", "_") not in TAKEN


def is_package(seen: str) -> bool:
    """Say whether `seen` can be imported without hiding a module that the project needs."""
    reserved = keyword.iskeyword(seen) or seen in STANDARD or seen in TAKEN
    return matches(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", 40)(seen) and not reserved


def is_person(seen: str) -> bool:
    """Say whether `seen` can stand before an e-mail address in angle brackets."""
    return line(80)(seen) and not set(seen) & set("<>")


def is_cron(seen: str) -> bool:
    """Say whether `seen` is a schedule as GitHub reads it, five fields, on a day that comes at least in leap years."""
    fields = seen.split(" ")
    if len(fields) != len(CRON):
        return False
    values = [cron_values(field, *limits) for field, limits in zip(fields, CRON, strict=True)]
    if not all(values):
        return False
    _, _, days, months, _ = values
    # Where weekdays are named, too, a day of either kind is enough; to cron, a field that begins with * names none.
    return not fields[-1].startswith("*") or any(min(days) <= LONGEST[month - 1] for month in months)


def cron_values(field: str, low: int, high: int, names: Mapping[str, int]) -> set[int]:
    """Return the values that `field` lists; none when a part of it cannot be read."""
    items = [cron_item(item, low, high, names) for item in field.split(",")]
    return set().union(*items) if all(items) else set()


def cron_item(item: str, low: int, high: int, names: Mapping[str, int]) -> range:
    """Return what `item` means: `*`, a value or a range, perhaps with a step; nothing outside of `low` to `high`."""
    span, slash, step = item.partition("/")
    if slash and not (matches("[0-9]{1,2}", 2)(step) and 1 <= int(step) <= high):
        return range(0)
    if span == "*":
        return range(low, high + 1, int(step or 1))
    ends = [names.get(end.upper(), int(end) if matches("[0-9]{1,2}", 2)(end) else -1) for end in span.split("-")]
    if not (len(ends) in (1, 2) and ends == sorted(ends) and low <= ends[0] and ends[-1] <= high):
        return range(0)
    last = high if slash and len(ends) == 1 else ends[-1]  # 5/15 goes on to the end
    return range(ends[0], last + 1, int(step or 1))


# question: rule, what is allowed, an answer that passes
RULES: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "project_name": (
        line(60),
        "1 to 60 printable characters with a letter or digit; no backslash, no template delimiter, no '${{'",
        "Customer Churn",
    ),
    "project_slug": (
        is_slug,
        "1 to 40 lower-case letters, digits and single hyphens, a letter first; not the name of a dependency or script",
        "customer-churn",
    ),
    "package_name": (
        is_package,
        "1 to 40 lower-case letters, digits and single underscores, a letter first; not a Python keyword, "
        "nor the name of a standard module, dependency or script",
        "customer_churn",
    ),
    "description": (
        line(200),
        "1 to 200 printable characters on one line; no backslash, no template delimiter, no '${{'",
        "Predicts which customers leave.",
    ),
    "author_name": (
        is_person,
        "1 to 80 printable characters with a letter or digit; no '<', '>' or backslash",
        "Ada Lovelace",
    ),
    "author_email": (
        matches(
            r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]+(-+[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-+[A-Za-z0-9]+)*)+", 254
        ),
        "an address such as name@host.domain in ASCII",
        "ada@example.com",
    ),
    "github_owner": (
        matches(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*(_[A-Za-z0-9]+)?", 39),
        "1 to 39 letters, digits and single hyphens, as on GitHub",
        "example-org",
    ),
    "retraining_cron": (
        is_cron,
        "five fields separated by one space: minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-6; "
        "a day that one of the months has",
        "17 5 * * 1",
    ),
}

# question: the question before that proposes an answer to it, and how; cookiecutter.json says the same
PROPOSED: dict[str, tuple[str, Callable[[str], str]]] = {
    "project_slug": ("project_name", slugify),
    "package_name": ("project_slug", lambda slug: slug.replace("-", "_")),
}


def refused(answers: Mapping[str, object]) -> list[str]:
    """Return the questions whose answers cannot be used."""
    return [question for question, (rule, _, _) in RULES.items() if not rule(str(answers[question]))]


def follows(question: str, answers: Mapping[str, object]) -> bool:
    """Say whether the answer to `question` is the one that another answer proposes, and changes with it."""
    if question not in PROPOSED:
        return False
    source, derived = PROPOSED[question]
    return str(answers[question]) == derived(str(answers[source]))


def refusals(answers: Mapping[str, object]) -> list[str]:
    """Return one paragraph per answer that must change: what was seen, what is allowed, what would pass."""
    wrong = refused(answers)
    return [
        f"  {question}: {shown(answers[question])}\n    allowed: {allowed}\n    example: {example}"
        for question, (_, allowed, example) in RULES.items()
        if question in wrong and not (follows(question, answers) and PROPOSED[question][0] in wrong)
    ]


def kept(answers: Mapping[str, object]) -> list[str]:
    """Return the answers that need not be given again as `question=answer`, without those that follow from another."""
    wrong = refused(answers)
    asked = [question for question in answers if not question.startswith("_")]
    return [f"{one}={answers[one]}" for one in asked if one not in wrong and not follows(one, answers)]


def shown(answer: object, longest: int = 80) -> str:
    """Return `answer` in quotes, escaped and shortened, so that it cannot disturb a terminal."""
    text = ascii(str(answer))
    return text if len(text) <= longest else f"{text[:longest]}... ({len(str(answer))} characters)"


def message(paragraphs: list[str], command: str = "") -> str:
    """Return the text that a person reads when answers are refused; `command` starts again with the other answers."""
    count = "1 answer" if len(paragraphs) == 1 else f"{len(paragraphs)} answers"
    told = [f"error: {count} cannot be used, so nothing was written", "", *paragraphs]
    again = ["", "Start again with this, and Enter takes each of the other answers:", "", f"  {command}"]
    return "\n".join([*told, *again] if command else told)
