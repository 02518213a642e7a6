"""The scripts around data and contract: exit codes, one line per error, files written whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import classify_contract_change
import infer_contract
import pytest
import validate_data

from tests.contracts import HEADER, ROWS, make_schema, write_lines

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory with the example's contract, data and settings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contract").mkdir()
    (tmp_path / "config").mkdir()
    (tmp_path / "contract/data.schema.json").write_text(json.dumps(make_schema()), encoding="utf-8")
    write_lines(tmp_path / "contract/dataset.toml", "[rows]", "min = 1")
    write_lines(tmp_path / "config/gates.toml", "# the previous gates")
    write_lines(tmp_path / "good.csv", HEADER, *ROWS)
    write_lines(tmp_path / "bad.csv", HEADER, ROWS[0].replace("basic", "pro"))
    return tmp_path


def test_valid_data_gives_0_and_a_report(project: Path, capsys: Capture) -> None:
    assert validate_data.main(["--data", "good.csv"]) == 0
    assert capsys.readouterr().out.startswith("**Data valid**: 3 rows")
    assert json.loads((project / "artifacts/data-report.json").read_bytes())["valid"] is True


def test_broken_data_gives_1_and_names_column_rule_and_row(project: Path, capsys: Capture) -> None:
    assert validate_data.main(["--data", "bad.csv"]) == 1
    assert '| plan | enum | \\["basic", "plus"\\] | 1 | row 1: "pro" |' in capsys.readouterr().out
    report = json.loads((project / "artifacts/data-report.json").read_bytes())
    assert (report["format"], report["valid"], len(report["violations"])) == ("data-report/1", False, 1)


def _read_only(project: Path) -> None:
    (project / "artifacts").write_text("a file where a folder is wanted", encoding="utf-8")


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing file": (lambda project: (project / "good.csv").unlink(), "error: good.csv: no such file"),
    "empty file": (lambda project: (project / "good.csv").write_text(""), "error: good.csv: the file is empty"),
    "faulty contract": (
        lambda project: (project / "contract/data.schema.json").write_text("{"),
        "cannot be read as JSON",
    ),
    "no contract": (lambda project: (project / "contract/dataset.toml").unlink(), "contract/dataset.toml: not found"),
    "folder that cannot be written": (_read_only, "error: artifacts"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_misuse_gives_2_and_one_line(name: str, project: Path, capsys: Capture) -> None:
    breakage, message = BREAKAGES[name]
    breakage(project)
    assert validate_data.main(["--data", "good.csv"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error


def test_an_old_report_does_not_outlive_a_failed_validation(project: Path) -> None:
    validate_data.main(["--data", "good.csv"])
    assert validate_data.main(["--data", "none.csv"]) == 2
    assert not (project / "artifacts/data-report.json").exists()


@pytest.mark.slow
def test_validation_imports_nothing_of_training(project: Path) -> None:
    code = (
        "import sys, validate_data\n"
        "code = validate_data.main(['--data', 'good.csv'])\n"
        "print(code, sorted({'pandas', 'mlflow', 'sklearn', 'scipy', 'matplotlib', 'sqlalchemy'} & set(sys.modules)))"
    )
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'scripts'}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=path)
    assert done.stdout.splitlines()[-1] == "0 []"


def write_wide(path: Path) -> Path:
    """Write a table that has nothing to do with the example."""
    return write_lines(
        path, "größe,kind,ziel", *[f"{n * 0.5},{'ab'[n % 2]},{'yes' if n % 3 else 'no'}" for n in range(60)]
    )


def test_a_contract_is_inferred_and_the_previous_one_kept(project: Path, capsys: Capture) -> None:
    old = (project / "contract/data.schema.json").read_text(encoding="utf-8")
    write_wide(project / "wide.csv")
    assert infer_contract.main(["wide.csv", "--target", "ziel"]) == 0
    out = capsys.readouterr().out
    assert "notice: target 'ziel': positive class 'yes', because of its name" in out
    written = "config/gates.toml, contract/dataset.toml, contract/data.schema.json"
    assert f"contract 2.0.0 in contract/; written: {written}" in out
    assert "make pipeline DATA=wide.csv" in out
    kept = project / "artifacts/previous-contract"
    assert sorted(path.name for path in kept.iterdir()) == ["data.schema.json", "dataset.toml", "gates.toml"]
    assert (kept / "data.schema.json").read_text(encoding="utf-8") == old
    assert "skill = { min = 0.01 }" in (project / "config/gates.toml").read_text(encoding="utf-8")
    assert validate_data.main(["--data", "wide.csv"]) == 0


def test_the_next_command_is_quoted_for_the_shell(project: Path, capsys: Capture) -> None:
    write_wide(project / "my table.csv")
    assert infer_contract.main(["my*.csv", "--target", "ziel"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "read it, then run: make pipeline DATA='my*.csv'"


def test_the_next_command_survives_make(project: Path, capsys: Capture) -> None:
    write_lines(project / "a $b.csv", "x,y", *[f"{number * 7 % 11},{'ab'[number % 2]}" for number in range(40)])
    assert infer_contract.main(["a $b.csv", "--target", "y"]) == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("read it, then run: ")
    (project / "Makefile").write_text('export DATA\npipeline:\n\t@echo "$$DATA"\n', encoding="utf-8")
    shown = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # as typed
    assert "a $b.csv" in shown.stdout.splitlines()


def test_a_glob_that_the_shell_replaced_is_explained(project: Path, capsys: Capture) -> None:
    before = (project / "contract/data.schema.json").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        infer_contract.main(["good.csv", "bad.csv", "--target", "won"])
    said = capsys.readouterr().err
    assert said.startswith("error: more files than wanted, from bad.csv on; put a glob in quotes: 'data/*.csv'; see ")
    assert said.count("\n") == 1
    assert (project / "contract/data.schema.json").read_bytes() == before


def contents(project: Path) -> dict[str, tuple[bytes, int]]:
    """Return the bytes of each file that an inference may write, and when it was written."""
    paths = [path for folder in ("contract", "config", "artifacts") for path in (project / folder).rglob("*")]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths if path.is_file()}


def test_inferring_again_changes_nothing(project: Path, capsys: Capture) -> None:
    old = (project / "contract/data.schema.json").read_text(encoding="utf-8")
    write_wide(project / "wide.csv")
    infer_contract.main(["wide.csv", "--target", "ziel"])
    first = contents(project)
    assert infer_contract.main(["wide.csv", "--target", "ziel"]) == 0
    assert contents(project) == first
    assert (project / "artifacts/previous-contract/data.schema.json").read_text(encoding="utf-8") == old
    assert "contract 2.0.0 in contract/ says so already, nothing was written" in capsys.readouterr().out


def test_what_people_add_stays_while_the_rules_are_the_same(project: Path) -> None:
    path = write_wide(project / "wide.csv")
    infer_contract.main(["wide.csv", "--target", "ziel"])
    schema = json.loads((project / "contract/data.schema.json").read_bytes())
    schema["properties"]["größe"]["description"] = "in metres"
    (project / "contract/data.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    write_lines(project / "config/gates.toml", "# raised by people")
    first = contents(project)
    path.rename(project / "renamed.csv")
    infer_contract.main(["renamed.csv", "--target", "ziel"])
    assert contents(project) == first


def test_another_table_of_the_same_rules_raises_no_version(project: Path) -> None:
    path = write_wide(project / "wide.csv")
    infer_contract.main(["wide.csv", "--target", "ziel"])
    schema = (project / "contract/data.schema.json").read_bytes()
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    write_lines(project / "longer.csv", header, *rows, *rows)
    infer_contract.main(["longer.csv", "--target", "ziel"])
    assert (project / "contract/data.schema.json").read_bytes() == schema
    assert "min = 60\n" in (project / "contract/dataset.toml").read_text(encoding="utf-8")


def test_another_target_is_a_breaking_change(project: Path) -> None:
    write_wide(project / "wide.csv")
    infer_contract.main(["wide.csv", "--target", "ziel"])
    infer_contract.main(["wide.csv", "--target", "kind"])
    assert json.loads((project / "contract/data.schema.json").read_bytes())["x-version"] == "3.0.0"


def test_the_first_contract_of_a_folder_is_1_0_0(project: Path) -> None:
    write_wide(project / "wide.csv")
    assert infer_contract.main(["wide.csv", "--target", "ziel", "--contract", "new", "--gates", "new/gates.toml"]) == 0
    assert json.loads((project / "new/data.schema.json").read_bytes())["x-version"] == "1.0.0"


def test_a_table_that_cannot_be_described_leaves_the_contract_alone(project: Path, capsys: Capture) -> None:
    before = (project / "contract/data.schema.json").read_bytes()
    assert infer_contract.main(["good.csv", "--target", "wonn"]) == 2
    assert "error: --target 'wonn': the table has no such column; did you mean 'won'" in capsys.readouterr().err
    assert (project / "contract/data.schema.json").read_bytes() == before


def git(*arguments: str) -> None:
    """Run git with an identity of its own."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(project: Path) -> Path:
    """Return the project as a Git repository whose first commit holds the contract."""
    git("init")
    git("add", "contract")
    git("commit", "-m", "contract")
    return project


def change_contract(project: Path, *, version: str = "1.0.0", **plan: object) -> None:
    """Change the column `plan` in the working tree."""
    schema = make_schema({"plan": {"type": "string", "x-role": "feature", **plan}})
    (project / "contract/data.schema.json").write_text(json.dumps({**schema, "x-version": version}), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "categories", "code", "kind"),
    [
        ("1.0.0", ["basic", "plus"], 0, "none"),
        ("1.1.0", ["basic", "plus", "pro"], 0, "compatible"),
        ("1.1.0", ["basic"], 1, "breaking"),
        ("2.0.0", ["basic"], 0, "breaking"),
        ("0.9.0", ["basic", "plus", "pro"], 1, "compatible"),
    ],
    ids=["none", "compatible", "undeclared", "declared", "backwards"],
)
def test_a_contract_change_is_classified_against_the_base(
    version: str, categories: list[str], code: int, kind: str, repository: Path, capsys: Capture
) -> None:
    change_contract(repository, version=version, enum=categories)
    assert classify_contract_change.main(["--base", "HEAD"]) == code
    assert capsys.readouterr().out.startswith(f"**Contract change: {kind}**")
    assert classify_contract_change.main(["--base", "HEAD", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["kind"]) == ("contract-change/1", kind)


def test_a_base_without_contract_is_no_change(repository: Path, capsys: Capture) -> None:
    git("rm", "-r", "--cached", "contract")
    git("commit", "-m", "none")
    assert classify_contract_change.main(["--base", "HEAD"]) == 0
    assert "1.0.0, the first" in capsys.readouterr().out


@pytest.mark.parametrize("base", ["nowhere", "--help", "HEAD~7"])
def test_an_unknown_base_gives_2(base: str, repository: Path, capsys: Capture) -> None:
    assert classify_contract_change.main([f"--base={base}"]) == 2
    assert f"error: --base '{base}': no such commit here; fetch it first" in capsys.readouterr().err


def test_a_faulty_contract_at_the_base_is_told_with_its_place(repository: Path, capsys: Capture) -> None:
    (repository / "contract/data.schema.json").write_text('{"type": "object"}', encoding="utf-8")
    git("commit", "-am", "faulty")
    change_contract(repository, enum=["basic"])
    assert classify_contract_change.main(["--base", "HEAD"]) == 2
    assert "error: HEAD:contract/data.schema.json#/properties: nothing there" in capsys.readouterr().err


def test_outside_of_git_there_is_no_base(project: Path, capsys: Capture) -> None:
    assert classify_contract_change.main(["--base", "main"]) == 2
    assert "error: contract: not a folder of a Git repository" in capsys.readouterr().err
