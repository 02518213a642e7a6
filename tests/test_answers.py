"""Bad answers are refused together, before anything is written; every other answer is harmless in every file."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from cookiecutter.environment import StrictEnvironment
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from hooks.answers import PROPOSED, RULES, TAKEN, follows, is_cron, refusals
from hooks.extension import AnswerFilters, quoted

from .conftest import QUESTIONS, ROOT, Render, files, render
from .test_rendering import EXPRESSION, GENERATED, parse

GOOD = {question: sample for question, (_, _, sample) in RULES.items()}

HOSTILE = [
    "",
    " ",
    "-",
    "--help",
    "'; rm -rf / #",
    '"""',
    "'''",
    "r'''",
    "\\",
    "\\'''",
    "a\nb",
    "a\r\nb",
    "a\u2028b",
    "\x00",
    "\x1b[31m",
    "\ud800",
    "\u202egnp.exe",
    "$(touch owned)",
    "`touch owned`",
    "${HOME}",
    "${{ secrets.TOKEN }}",
    "{{ 7 * 7 }}",
    "<" * 2 + " 7 * 7 >>",
    "<% raise %>",
    "]]>",
    "</script>",
    "é" * 500,
    "日本語",
    "a" * 10_000,
    "null",
    "yes",
    "0x10",
    "*anchor",
    "&anchor",
    "!!python/object:os.system",
    "| block",
    "# comment",
    "key: value",
    "@at",
    "%directive",
    "con",
    "..",
    ".",
    "/etc/passwd",
    "~root",
]

# What people type, what breaks formats, and anything at all.
text = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=80),
    st.text(st.sampled_from("'\"`$#{}<>%&*!|\\:;,.-_ @~[]()\n\tazAZ09éŁ日"), max_size=40),
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("project_name", "Łukasz' modèle: v2 #1 & co"),
        ("project_name", "--help"),
        ("project_slug", "a"),
        ("project_slug", "a" * 40),
        ("package_name", "churn2_model"),
        ("description", 'Says "who leaves", at < 5 ms; costs $3 or {{ more }}.'),
        ("author_name", "Conan O'Brien"),
        ("author_name", "Łukasz"),
        ("author_name", 'The "A" Team'),
        ("author_email", "o.brien+ml@mail.example.co.uk"),
        ("github_owner", "Octo-Org"),
        ("github_owner", "someone_corp"),
        ("retraining_cron", "*/15 0-6,22 1,15 JAN-mar MON-FRI"),
        ("retraining_cron", "0 0 1 1 *"),
        ("retraining_cron", "0 0 29 2 *"),
        ("retraining_cron", "0 0 31 2 1"),
        ("retraining_cron", "0 0 28/3 FEB,APR *"),
        ("retraining_cron", "20/15 5 * * 1"),
    ],
)
def test_reasonable_answers_pass(question: str, answer: str) -> None:
    assert refusals({**GOOD, question: answer}) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        *[
            ("project_name", answer)
            for answer in ("", " x", "x ", "...", "a\nb", "a\\b", "${{ x }}", "<" * 2, "x" * 61)
        ],
        *[
            ("project_slug", answer)
            for answer in ("", "../x", "a/b", ".", "-a", "a-", "a--b", "A", "1a", "a_b", "a" * 41)
        ],
        *[("project_slug", answer) for answer in ("mlflow", "scikit-learn", "łukasz", "a b", "a\n")],
        *[
            ("package_name", answer)
            for answer in ("", "class", "json", "pandas", "train", "tests", "_a", "a-b", "a__b", "é")
        ],
        # Standard modules of one supported Python and not of the one that asks.
        *[("package_name", answer) for answer in ("annotationlib", "compression", "cgi", "distutils")],
        *[("description", answer) for answer in ("", "two\nlines", "<% x", "<# x", "x" * 201, "\u202e")],
        *[("author_name", answer) for answer in ("", "<script>", "a <b@c.d>", "\x00", '"')],
        *[("author_email", answer) for answer in ("", "ada", "a@b", "a@b.c\n", "a b@c.d", "é@b.c", "a@-b.c", ".a@b.c")],
        *[("github_owner", answer) for answer in ("", "-a", "a--b", "a/b", "a" * 40)],
        *[
            ("retraining_cron", answer)
            for answer in ("", "@weekly", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *")
        ],
        *[
            ("retraining_cron", answer)
            for answer in ("* * * 13 *", "* * * * 7", "5-1 * * * *", "*/0 * * * *", "1,, * * * *")
        ],
        *[
            ("retraining_cron", answer)
            for answer in ("* * * * * *", "*  * * * *", "1-2-3 * * * *", "٣ * * * *", "* * * MON *")
        ],
        # Days that never come.
        *[
            ("retraining_cron", answer)
            for answer in (
                "0 0 31 2 *",
                "0 0 30,31 feb *",
                "0 0 31 2,4,6 *",
                "0 0 29/2 4/30 *",
                "0 0 30/1 2 *",
                "0 0 31 2 */2",
            )
        ],
    ],
)
def test_unusable_answers_are_refused_with_what_is_allowed_and_an_example(question: str, answer: str) -> None:
    (refusal,) = refusals({**GOOD, question: answer})
    assert refusal.startswith(f"  {question}: '")
    assert f"\n    example: {GOOD[question]}" in refusal


@given(answers=st.fixed_dictionaries(dict.fromkeys(RULES, text)))
def test_each_refused_answer_gets_its_own_printable_paragraph(answers: dict[str, str]) -> None:
    for refusal in refusals(answers):
        assert refusal.isascii()
        assert [row.split(":")[0].strip() for row in refusal.split("\n")][1:] == ["allowed", "example"]


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"project_name": "", "project_slug": "", "package_name": ""}, ["project_name"]),
        (
            {"project_name": "Scikit Learn", "project_slug": "scikit-learn", "package_name": "scikit_learn"},
            ["project_slug"],
        ),
        ({"project_name": "Class", "project_slug": "class", "package_name": "class"}, ["package_name"]),
        (
            {"project_name": "", "project_slug": "a--b", "package_name": "json"},
            ["project_name", "project_slug", "package_name"],
        ),
    ],
    ids=["no-name", "slug", "package", "each-typed"],
)
def test_an_answer_that_follows_from_a_refused_one_is_not_refused_as_well(
    answers: dict[str, str], told: list[str]
) -> None:
    assert [refusal.partition(":")[0].strip() for refusal in refusals(GOOD | answers)] == told


def test_every_free_text_question_has_a_rule_and_the_examples_pass() -> None:
    asked = {name for name, value in QUESTIONS.items() if isinstance(value, str) and not name.startswith("_")}
    assert set(RULES) == asked
    assert refusals(GOOD) == []


@given(minute=st.integers(0, 59), hour=st.integers(0, 23), day=st.integers(1, 31), month=st.integers(1, 12))
def test_every_plain_schedule_is_accepted(minute: int, hour: int, day: int, month: int) -> None:
    assert is_cron(f"{minute} {hour} {day} {month} {day % 7}")


def test_names_that_the_generated_project_installs_or_runs_are_taken() -> None:
    locked = re.findall(r"^([a-z0-9._-]+)==", (GENERATED / "requirements/dev.txt").read_text(encoding="utf-8"), re.M)
    scripts = {path.stem for path in GENERATED.glob("scripts/*.py")} | {
        path.stem for path in GENERATED.glob("data/*.py")
    }
    wanted = {re.sub("[-.]", "_", name) for name in locked} | scripts
    assert wanted - TAKEN == set()


@given(answers=st.dictionaries(st.from_regex("[a-z]{1,9}", fullmatch=True), text.filter(lambda seen: "\n" not in seen)))
@example(answers={"a": '"""), SystemExit(3))#'})
@example(answers={"a": '\\"""', "b": "\\"})
@example(answers={"a": "b=c", "d": "\\n\\u0027"})
def test_answers_reach_the_hook_as_data(answers: dict[str, str]) -> None:
    source = (ROOT / "hooks/post_gen_project.py").read_text(encoding="utf-8")
    environment = StrictEnvironment(context={}, keep_trailing_newline=True, **QUESTIONS["_jinja2_env_vars"])
    AnswerFilters(environment)
    rendered = environment.from_string(source).render(cookiecutter={**answers, "_private": '"""'})
    trees = [ast.parse(code) for code in (source, rendered)]
    constants = [[node for node in ast.walk(tree) if isinstance(node, ast.Constant)] for tree in trees]
    ((before, after),) = [pair for pair in zip(*constants, strict=True) if pair[0].value != pair[1].value]
    assert after.value == "\n".join(f"{name}={answer}" for name, answer in answers.items())
    after.value = before.value
    assert ast.dump(trees[0]) == ast.dump(trees[1])


@given(seen=text)
def test_accepted_text_in_quotes_means_itself_in_every_format(seen: str) -> None:
    rule = RULES["description"][0]
    assume(rule(seen))
    assert json.loads(quoted(seen)) == seen
    assert ast.literal_eval(quoted(seen)) == seen
    assert tomllib.loads(f"x = {quoted(seen)}") == {"x": seen}
    assert yaml.safe_load(f"x: {quoted(seen)}") == {"x": seen}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(answers=st.fixed_dictionaries(dict.fromkeys(("project_name", "description", "author_name"), text)))
@example(answers={"project_name": "-- 'x' \"y\" #: {", "description": "\"'''\"", "author_name": 'O\'Brien "Ł"'})
@example(
    answers={"project_name": "${HOME} `id` &*!|", "description": "]]> </script> {{ x }} $$", "author_name": "-e $x"}
)
def test_any_accepted_answers_give_a_well_formed_project(answers: dict[str, str]) -> None:
    assume(not refusals({**GOOD, **answers}))
    with TemporaryDirectory() as folder:
        project = render(Path(folder), project_slug="some-model", **answers)
        for path in files(project):
            if path.suffix != ".csv":
                parse(path.suffix, (project / path).read_text(encoding="utf-8"))
        metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        stored = json.loads((project / ".template.json").read_text(encoding="utf-8"))
    assert metadata["description"] == stored["description"] == answers["description"]
    assert metadata["authors"][0]["name"] == stored["author_name"] == answers["author_name"]
    assert stored["project_name"] == answers["project_name"]


def test_names_of_greatest_length_still_give_a_well_formed_project(tmp_path: Path) -> None:
    project = render(tmp_path, project_slug="a" * 40, description="d" * 200, project_name="n" * 60)
    assert (project / "src" / ("a" * 40) / "__init__.py").exists()
    assert not [path for path in files(project) if EXPRESSION.search(str(path))]


@pytest.mark.parametrize("slug", ["", ".", "..", "../x", "a/b", "a/../../x", "A B", "/OUT/absolute", "<", "-rf"])
def test_a_bad_slug_leaves_nothing_behind(slug: str, tmp_path: Path, generate: Render) -> None:
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(FailedHookException, match="nothing was written"):
        generate(into=into, project_slug=slug.replace("/OUT", str(tmp_path)), package_name="fine")
    assert [path.name for path in tmp_path.rglob("*")] == ["into"]


def test_an_existing_folder_is_not_touched(tmp_path: Path) -> None:
    kept = tmp_path / "customer-churn" / "notes.txt"
    kept.parent.mkdir()
    kept.write_text("mine", encoding="utf-8")
    refused = command_line(tmp_path, {})
    assert refused.returncode == 1
    assert "already exists" in refused.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]


def test_all_bad_answers_are_named_at_once_and_without_a_traceback(tmp_path: Path) -> None:
    refused = command_line(tmp_path, {"package_name": "class", "author_email": "ada", "retraining_cron": "weekly"})
    assert refused.returncode == 1
    assert refused.stdout.startswith("error: 3 answers cannot be used, so nothing was written\n")
    assert "Traceback" not in refused.stdout + refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_rules_know_which_answers_the_questions_propose(tmp_path: Path) -> None:
    project = render(tmp_path, project_name="Łódź: 2nd Café_Model")
    given = json.loads((project / ".template.json").read_text(encoding="utf-8"))
    assert [question for question in given if follows(question, given)] == sorted(PROPOSED)
    templated = {question for question, default in QUESTIONS.items() if "<<" in str(default) and question[0] != "_"}
    assert templated == set(PROPOSED)


def test_a_refusal_ends_with_the_command_that_keeps_the_other_answers(tmp_path: Path) -> None:
    typed = ["O'Brien & Søn: $HOME", "", "class", 'Says "who".', "", "ada", "", "2", "", "", "", "", "weekly", "n"]
    (tmp_path / "o-brien-son-home").mkdir()
    first = command_line(tmp_path, {}, "--overwrite-if-exists", typed=typed)
    assert first.returncode == 1
    command = first.stdout.rstrip().rpartition("\n")[2].strip()
    done = subprocess.run(command, shell=True, input="\n" * 14, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stored = json.loads((tmp_path / "o-brien-son-home" / ".template.json").read_text(encoding="utf-8"))
    assert (stored["project_name"], stored["description"]) == (typed[0], typed[3])
    assert (stored["license"], stored["package_name"]) == ("Apache-2.0", "o_brien_son_home")
    assert (stored["author_email"], stored["retraining_cron"]) == ("ada@example.com", "17 5 * * 1")
    assert not (tmp_path / "o-brien-son-home" / ".git").exists()


def test_a_refusal_without_questions_names_no_command(tmp_path: Path) -> None:
    assert "Start again" not in command_line(tmp_path, {"package_name": "class"}).stdout


def test_a_replayed_session_is_refused_by_the_hook(tmp_path: Path, generate: Render) -> None:
    generate(into=tmp_path / "first")
    (session,) = Path(os.environ["COOKIECUTTER_CONFIG"]).parent.glob(f"replay/{ROOT.name}.json")
    answers = json.loads(session.read_text(encoding="utf-8"))
    answers["cookiecutter"] |= {"package_name": "class", "github_owner": "a--b"}
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(answers), encoding="utf-8")
    with pytest.raises(FailedHookException, match=r"(?s)2 answers.*package_name: 'class'.*github_owner: 'a--b'"):
        cookiecutter(str(ROOT), replay=str(edited), output_dir=str(tmp_path / "second"))
    assert list((tmp_path / "second").iterdir()) == []


def command_line(
    into: Path, answers: Mapping[str, str], *options: str, typed: Sequence[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the generator as a person does, who answers its questions by what is `typed`; None: without questions."""
    given = [f"{name}={value}" for name, value in answers.items()]
    chosen = [*options, "--output-dir", str(into), *(["--no-input"] if typed is None else [])]
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), *chosen, *given]
    lines = "".join(f"{line}\n" for line in typed or ())
    return subprocess.run(command, input=lines, capture_output=True, text=True, check=False, env=dict(os.environ))
