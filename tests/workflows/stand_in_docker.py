"""Stands for docker in a job: a container is a process of the service on a copy of what the job built its image from.

Files in $STAND_IN make it misbehave: `other-model` serves another version, `bad-end` ends with 1 when it is stopped,
`late-change` changes the code in the job's workspace after that.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ["STAND_IN"])
SUPERVISE = 'echo $$ > "$0"; "$@" & trap "kill $!" TERM; wait $!; wait $!; echo $? > "$0.exit"'


def main() -> int:
    """Do what the words say, as far as the workflow uses them."""
    command, *words = sys.argv[1:]
    if command == "run":
        return run(words[words.index("--name") + 1])
    container = HOME / words[0 if command in ("port", "logs") else -1]
    if command == "port":
        print(f"127.0.0.1:{container.with_suffix('.port').read_text()}")
    elif command == "logs":
        print(container.with_suffix(".log").read_text())
    elif command == "stop":
        stop(container)
    elif command == "inspect":
        print("1" if (HOME / "bad-end").exists() else Path(f"{container}.pid.exit").read_text().strip())
    else:
        raise SystemExit(f"docker: '{command}' is not modelled")
    return 0


def run(name: str) -> int:
    """Start the service of the workspace on a free port."""
    container = HOME / name
    model = container.with_suffix(".model")
    shutil.rmtree(model, ignore_errors=True)  # each job has a new machine
    Path(f"{container}.pid.exit").unlink(missing_ok=True)
    shutil.copytree("artifacts/serving", model)
    if (HOME / "other-model").exists():
        metadata = json.loads((model / "metadata.json").read_text())
        metadata["identity"]["version"] = "9.9.9"
        (model / "metadata.json").write_text(json.dumps(metadata))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    container.with_suffix(".port").write_text(port)
    package = next(Path("src").glob("*/serving")).parent.name
    environment = {**os.environ, "MODEL_DIR": str(model), "HOST": "127.0.0.1", "PORT": port, "PYTHONPATH": "src"}
    service = [os.environ["SERVICE_PYTHON"], "-m", f"{package}.serving"]
    with container.with_suffix(".log").open("w") as log:
        command = ["sh", "-c", SUPERVISE, str(container.with_suffix(".pid")), *service]
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    return 0


def stop(container: Path) -> None:
    """Ask the service to end and wait for it."""
    os.kill(int(container.with_suffix(".pid").read_text()), signal.SIGTERM)
    ended, last = Path(f"{container}.pid.exit"), time.monotonic() + 30
    while not ended.exists() and time.monotonic() < last:
        time.sleep(0.05)
    if (HOME / "late-change").exists():
        (Path("src") / "late.py").touch()


if __name__ == "__main__":
    sys.exit(main())
