"""Programs that tests run and whose pins fit into no other environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .conftest import ROOT

SETUP = ROOT / "<<cookiecutter.project_slug>>/scripts/setup_environment.py"
UV = ROOT / "<<cookiecutter.project_slug>>/requirements/uv.txt"


def installed(name: str, home: Path) -> Path:
    """Install `name` by hash below `home`, as a project installs itself, and return its command."""
    version = f"--python={sys.version_info.major}.{sys.version_info.minor}"
    pins = f"--requirements={ROOT / 'requirements' / name}.txt", f"--uv={UV}"
    command = [sys.executable, str(SETUP), "--no-project", version, *pins]
    made = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return home / ".venv/bin" / name
