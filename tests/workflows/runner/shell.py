"""Run one `run:` step as GitHub does, and read the files through which it talks back."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .cancellation import Cancel, kill, started
from .errors import StepFailed, Unsupported
from .state import JobState

# An unset shell is `bash -e`; the pipefail variant is only used when the workflow says `shell: bash`.
SHELLS = {
    None: ["bash", "-e"],
    "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
    "sh": ["sh", "-e"],
    "python": ["python3"],
}
COMMAND_FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_STATE")
ANNOTATION = re.compile(r"^::(error|warning|notice)(?: [^:]*)?::(.*)$")
ADD_MASK = re.compile(r"^::add-mask::(.+)$", re.MULTILINE)
REMOVED = re.compile(r"^::(set-output|save-state|set-env|add-path)\b", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What a script left behind."""

    ok: bool
    log: str
    outputs: Mapping[str, str]
    cancelled: bool = False


def run_script(
    state: JobState,
    script: str,
    *,
    shell: str | None,
    directory: str,
    env: Mapping[str, str],
    minutes: float,
    cancel: Cancel | None = None,
) -> Outcome:
    """Run `script` in the job's workspace and apply what it wrote to the command files."""
    if shell not in SHELLS:
        raise Unsupported(state.result.path, f"shell '{shell}'")
    files = {name: state.temp / f"{name.lower()}_{state.hub.next_id()}" for name in COMMAND_FILES}
    for path in files.values():
        path.touch()
    file = state.temp / f"step_{state.hub.next_id()}.sh"
    file.write_text(script)
    variables = {**env, **{name: str(path) for name, path in files.items()}}
    command, seconds = [*SHELLS[shell], str(file)], min(minutes * 60, state.settings.step_limit)
    code, text = _execute(command, state.workspace / directory, variables, seconds, cancel)
    _read_commands(state, text)
    log = state.mask(text)
    if cancel and not cancel.crash and cancel.after in text:
        return Outcome(ok=False, log=f"{log}Error: The operation was canceled.\n", outputs={}, cancelled=True)
    try:
        outputs = _apply_files(state, files)
    except StepFailed as error:
        return Outcome(ok=False, log=f"{log}{error}\n", outputs={})
    suffix = "" if code == 0 else f"Error: Process completed with exit code {code}.\n"
    return Outcome(ok=code == 0, log=log + suffix, outputs=outputs)


def _execute(
    command: list[str], folder: Path, env: Mapping[str, str], seconds: float, cancel: Cancel | None
) -> tuple[int, str]:
    if not folder.is_dir():
        return 1, f"An error occurred trying to start process 'bash' with working directory '{folder}'. No such file\n"
    late: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip

        def too_late() -> None:
            late.append(f"The action has timed out after {seconds / 60:g} minutes.\n")
            kill(process)

        assert process.stdout
        timers, text = [started(seconds, too_late)], ""
        for line in process.stdout:
            text += line
            if cancel and cancel.after in line:
                timers += cancel.end(process)
                cancel = None
        for timer in timers:
            timer.cancel()
    return process.returncode, text + "".join(late)


def _read_commands(state: JobState, text: str) -> None:
    state.masks += [value.strip() for value in ADD_MASK.findall(text)]
    removed = REMOVED.search(text)
    if removed:
        raise Unsupported(state.result.path, f"the workflow command '{removed[0]}', which GitHub has removed,")
    found = (ANNOTATION.match(line) for line in text.splitlines())
    state.result.annotations += [f"{match[1]}: {state.mask(match[2])}" for match in found if match]


def _apply_files(state: JobState, files: Mapping[str, Path]) -> dict[str, str]:
    state.result.summary += state.mask(files["GITHUB_STEP_SUMMARY"].read_text())
    state.paths += [line for line in files["GITHUB_PATH"].read_text().splitlines() if line]
    state.env.update(_pairs(files["GITHUB_ENV"]))
    return _pairs(files["GITHUB_OUTPUT"])


def _pairs(file: Path) -> dict[str, str]:
    """Read `name=value` lines and `name<<DELIMITER` blocks."""
    pairs: dict[str, str] = {}
    lines = iter(file.read_text().splitlines())
    for line in lines:
        block = re.match(r"^([^=]+?)<<(.+)$", line)
        if block:
            pairs[block[1]] = _block(lines, block[2])
        elif "=" in line:
            name, _, value = line.partition("=")
            pairs[name] = value
        elif line:
            raise StepFailed(f"Error: Unable to process file command successfully. Invalid format '{line}'")
    return pairs


def _block(lines: Iterator[str], delimiter: str) -> str:
    collected: list[str] = []
    for line in lines:
        if line == delimiter:
            return "\n".join(collected)
        collected.append(line)
    raise StepFailed(f"Error: Invalid value. Matching delimiter not found '{delimiter}'")
