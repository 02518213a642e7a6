"""A script that the preloaded interpreter runs sees, says and does the same as under an interpreter of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .preloaded import preloaded

PYTHON = Path(sys.executable)
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": "src", "OWN": "żółw"}

ENDS = {
    "at the end": "print('said')",
    "by a number": "raise SystemExit(3)",
    "by a large number": "raise SystemExit(259)",
    "by None": "raise SystemExit(None)",
    "by a text": "raise SystemExit('what went wrong')",
    "by an error": "print('said')\nraise ValueError('what went wrong')",
    "by a syntax error": "print(",
    "by an interrupt": "raise KeyboardInterrupt",
    "by a signal": "import os\nprint('said', flush=True)\nos.kill(os.getpid(), 15)",
    "by a signal that nobody can catch": "import os\nos.kill(os.getpid(), 9)",
    "with a thread": "import threading\nthreading.Timer(0.2, print, ['later']).start()\nprint('said')",
    "with a last word": "import atexit\natexit.register(print, 'last')\nraise SystemExit(4)",
    "after reading": "print(input()[::-1])",
}
SEEN = """
import json, os, sys
own = sorted(pair for pair in os.environ.items() if pair[0] not in ("PWD", "_"))  # a shell adds these
print(json.dumps([sys.argv, sys.path, os.getcwd(), own, __file__, __name__, sys.executable, sys.stdout.encoding]))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a program that stands for this interpreter, which has few libraries to import."""
    with preloaded(PYTHON, tmp_path_factory.mktemp("preloaded"), "decimal") as made:
        yield made


def run(python: Path, *words: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `python` as a job does."""
    return subprocess.run(
        [python, *words], cwd=folder, env={**ENVIRONMENT, **more}, input="first\nsecond\n", capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("ending", ENDS)
def test_a_script_ends_as_it_would_alone(program: Path, tmp_path: Path, ending: str) -> None:
    (tmp_path / "script.py").write_text(ENDS[ending])
    expected, seen = (run(python, "script.py", folder=tmp_path) for python in (PYTHON, program))
    assert (seen.returncode, seen.stdout) == (expected.returncode, expected.stdout), seen.stderr
    assert seen.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


@pytest.mark.parametrize(
    "words",
    [["scripts/see.py", "--name", "a b"], ["-c", SEEN, "more"], ["-m", "scripts.see"], ["scripts/absent.py"]],
    ids=["a script", "a command", "a module", "a script that is not there"],
)
def test_a_script_sees_what_it_would_alone(program: Path, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "see.py").write_text(SEEN)
    expected, seen = (run(python, *words, folder=tmp_path) for python in (PYTHON, program))
    assert (seen.returncode, seen.stdout, seen.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def test_a_setting_of_the_interpreter_is_heeded(program: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("print(hash('a'))")
    hashes = {run(program, "script.py", folder=tmp_path, PYTHONHASHSEED=seed).stdout for seed in "1122"}
    assert len(hashes) == 2


def test_libraries_are_imported_once_and_the_code_of_a_job_each_time(program: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "src" / "package.py").write_text(f"NAME = {name!r}\n")
        (tmp_path / name / "script.py").write_text(
            "import sys\nknown = set(sys.modules)\nimport package\nprint(package.NAME, 'decimal' in known)\n"
        )
    for name in ("one", "two", "one"):
        assert run(program, "script.py", folder=tmp_path / name).stdout == f"{name} True\n"
    (tmp_path / "one" / "src" / "package.py").write_text("NAME = 'changed'\n")
    assert run(program, "script.py", folder=tmp_path / "one").stdout == "changed True\n"


def test_scripts_run_beside_each_other(program: Path, tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text("print(input())")
    (tmp_path / "second.py").write_text("print(input().upper())\nraise SystemExit(3)")
    pipe = f"'{program}' first.py | '{program}' second.py"
    done = run(Path("/bin/sh"), "-c", pipe, folder=tmp_path)
    assert (done.returncode, done.stdout) == (3, "FIRST\n"), done.stderr


@contextmanager
def started(program: Path, folder: Path, script: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a script in a group of its own, as a step is run, and yield the process and what the script says."""
    (folder / "script.py").write_text(script)
    command = [str(program), "script.py"]
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


@pytest.mark.parametrize(
    ("handler", "code"),
    [("", -signal.SIGTERM), ("signal.signal(15, lambda *_: exit(7))", 7)],
    ids=["dies", "handles it"],
)
def test_a_signal_reaches_the_script(program: Path, tmp_path: Path, handler: str, code: int) -> None:
    script = f"import os, signal, time\n{handler}\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    with started(program, tmp_path, script) as (process, _):
        process.terminate()
        assert process.wait(timeout=30) == code


def test_nothing_of_a_step_that_is_killed_goes_on(program: Path, tmp_path: Path) -> None:
    script = "import os, subprocess\nprint(os.getpid(), flush=True)\nsubprocess.run(['sleep', '60'])"
    with started(program, tmp_path, script) as (process, number):
        assert Path(f"/proc/{number}").exists()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)  # output ends when the last process that could write to it has ended
        assert process.returncode == -signal.SIGKILL
    (tmp_path / "script.py").write_text("print('the next step')")
    assert run(program, "script.py", folder=tmp_path).stdout == "the next step\n"


def test_a_library_that_starts_a_thread_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[3], daemon=True).start()"
    )
    (tmp_path / "script.py").touch()
    with preloaded(PYTHON, tmp_path, "threaded", PYTHONPATH=str(tmp_path)) as program:
        done = run(program, "script.py", folder=tmp_path)
    assert done.returncode == 1
    assert "no preloaded interpreter answers at" in done.stderr
    assert "a thread would be missing in every copy" in capfd.readouterr().err


def test_no_two_scripts_draw_the_same_numbers(interpreter: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import random, numpy\nprint(random.random(), numpy.random.rand())")
    drawn = [run(interpreter, "script.py", folder=tmp_path).stdout.split() for _ in range(2)]
    assert [len(set(numbers)) for numbers in zip(*drawn, strict=True)] == [2, 2]
