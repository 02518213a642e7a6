"""Make `.venv` with the locked dependencies: any python3 can run this, it needs nothing but itself.

The wanted Python is taken when this machine has it, otherwise the newest supported one, and the choice is printed.
When nothing changed since the last time, nothing is done.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path

SUPPORTED = ("3.14", "3.13", "3.12", "3.11")
VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "setup.sha256"

# pip's settings and the names under which uv knows them; what is already set for uv wins.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the environment and return 0, or print one error line and return 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None, allow_abbrev=False)
    parser.add_argument("--python", default=SUPPORTED[0], choices=SUPPORTED, help="wanted version [%(default)s]")
    parser.add_argument(
        "--requirements", type=Path, default=Path("requirements/dev.txt"), metavar="FILE", help="[%(default)s]"
    )
    parser.add_argument("--uv", type=Path, default=Path("requirements/uv.txt"), metavar="FILE", help="[%(default)s]")
    parser.add_argument("--no-project", action="store_true", help="install the requirements only")
    options = parser.parse_args(argv)
    try:
        return set_up(options.python, options.requirements, options.uv, project=not options.no_project)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or VENV}: {error.strerror or error}", file=sys.stderr)
    return 2


def set_up(wanted: str, requirements: Path, uv_pin: Path, *, project: bool) -> int:
    """Bring `.venv` in line with the files that describe it."""
    version, interpreter = choose_python(wanted)
    fingerprint = digest([requirements, uv_pin, *([Path("pyproject.toml")] if project else [])], interpreter)
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint:
        print(f"{VENV} is up to date (Python {version})")
        return 0
    print(f"Python {version}: {interpreter}")
    STAMP.unlink(missing_ok=True)  # an interrupted setup starts again
    make_venv(version, interpreter)
    environment = {**os.environ, **uv_settings(pip_settings(), os.environ), "VIRTUAL_ENV": str(VENV.resolve())}
    uv = find_uv(uv_pin)
    run([uv, "pip", "sync", "--quiet", "--require-hashes", str(requirements)], environment, "the locked dependencies")
    if project:
        run([uv, "pip", "install", "--quiet", "--no-deps", "--editable", "."], environment, "this project")
    STAMP.write_text(fingerprint, encoding="utf-8")
    print(f"{VENV} is ready: {requirements} installed by hash{', this project editable' if project else ''}")
    return 0


def digest(files: Sequence[Path], interpreter: str) -> str:
    """Return a digest of everything that decides what the environment holds, its own place included."""
    found = hashlib.sha256(f"{interpreter} {VENV.resolve()}".encode())
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()


def choose_python(wanted: str) -> tuple[str, str]:
    """Return version and path of the wanted Python, or of the newest supported one, and say when they differ."""
    for version in (wanted, *(other for other in SUPPORTED if other != wanted)):
        interpreter = next((path for path in candidates(version) if answers(path, version)), None)
        if interpreter:
            if version != wanted:
                print(f"Python {wanted} is not on this machine, so the newest supported one that is here is taken")
            return version, interpreter
    raise SetupError(
        f"no supported Python found (looked for {', '.join(SUPPORTED)} on the PATH, in pyenv and in uv); "
        f"install one, such as by 'uv python install {wanted}' or 'pyenv install {wanted}', and run 'make setup' again"
    )


def candidates(version: str) -> Iterator[str]:
    """Yield paths at which Python `version` may be, the likeliest first."""
    name = f"python{version}"
    for found in (shutil.which(name), sys.executable, shutil.which("python3")):
        if found:
            yield found
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for pattern in (pyenv / f"{version}.*/bin" / name, managed / f"cpython-{version}.*/bin" / name):
        yield from sorted(glob(str(pattern)), key=patch_level, reverse=True)


def patch_level(path: str) -> tuple[int, ...]:
    """Return the numbers in `path`, so that 3.13.10 sorts after 3.13.9."""
    return tuple(int(number) for number in re.findall(r"\d+", path))


def answers(interpreter: str, version: str) -> bool:
    """Say whether `interpreter` runs and is a plain CPython `version`; a pyenv shim may exist and still refuse."""
    code = (
        "import sys, sysconfig; print('%d.%d' % sys.version_info[:2], sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    )
    try:
        seen = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return seen.returncode == 0 and seen.stdout.strip() == f"{version} 0"


def make_venv(version: str, interpreter: str) -> None:
    """Make `.venv` for `interpreter`; one that runs the same version already is kept."""
    if PYTHON.exists() and answers(str(PYTHON), version):
        return
    result = subprocess.run(
        [interpreter, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if result.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    said = result.stdout + result.stderr
    if "ensurepip" in said or "No module named venv" in said:
        raise SetupError(
            f"{interpreter} cannot make virtual environments; on Debian and Ubuntu run "
            f"'sudo apt install python{version}-venv', then 'make setup' again"
        )
    raise SetupError(f"{interpreter} -m venv {VENV} failed: {last_line(said)}")


def find_uv(pin: Path) -> str:
    """Return a uv of the pinned minor version and at least its patch: the one on the PATH, or one installed by hash."""
    wanted = release(pin.read_text(encoding="utf-8"))
    for place in (shutil.which("uv"), VENV / "bin" / "uv"):
        if place and compatible(str(place), wanted):
            return str(place)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(pin)]
    run([*command, "--disable-pip-version-check"], os.environ, "uv")
    return str(VENV / "bin" / "uv")


def compatible(uv: str, wanted: tuple[int, ...]) -> bool:
    """Say whether `uv` runs and can stand in for the `wanted` release."""
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    seen = release(said)
    return seen[:2] == wanted[:2] and seen >= wanted


def release(text: str) -> tuple[int, ...]:
    """Return the first `uv 1.2.3` or `uv==1.2.3` in `text` as numbers, or nothing."""
    found = re.search(r"^uv(?:==| )(\d+)\.(\d+)\.(\d+)", text, re.MULTILINE)
    return tuple(map(int, found.groups())) if found else ()


def pip_settings() -> dict[str, str]:
    """Return what pip would use here, from its files and from PIP_* variables."""
    listed = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for line in listed.stdout.splitlines():  # global.index-url='...', install.find-links='...', :env:.cert='...'
        key, _, value = line.partition("=")
        found[key.rpartition(".")[2]] = value.strip().strip("'\"").replace("\\n", " ")
    variables = {
        name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name.startswith("PIP_")
    }
    return {**found, **variables}


def uv_settings(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables that make uv look where pip would and compile where Python must not; those that are set stay."""
    made = {PIP_TO_UV[key]: value for key, value in pip.items() if key in PIP_TO_UV and value}
    if "UV_FIND_LINKS" in made:  # pip separates by spaces, uv by commas
        made["UV_FIND_LINKS"] = ",".join(made["UV_FIND_LINKS"].split())
    if "UV_INDEX" in made:
        # uv stops at the first index that knows a name; every file is checked by its hash, so all may be asked.
        made["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if environment.get("PYTHONDONTWRITEBYTECODE"):
        # Where Python may keep nothing that it compiled, every command would compile pandas and scikit-learn again.
        made["UV_COMPILE_BYTECODE"] = "1"
    return {name: value for name, value in made.items() if name not in environment}


def run(command: Sequence[str], environment: Mapping[str, str], what: str) -> None:
    """Run `command`, whose own messages go to the terminal; raise SetupError when it fails."""
    code = subprocess.run(command, env=dict(environment), check=False).returncode
    if code:
        raise SetupError(
            f"installing {what} failed with exit code {code} (see above); run 'make setup' again when it is mended"
        )


def last_line(text: str) -> str:
    """Return the last line of `text` that says something."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no message")


if __name__ == "__main__":
    sys.exit(main())
