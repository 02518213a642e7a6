"""An interpreter that answers at once: one process imports the heavy libraries, and a copy of it runs each script.

Most of the time of a job's script goes into importing. `server.py` does that once for a session and forks; `client.py`
stands for the interpreter in a job. A script sees its own arguments, folder, environment and streams, and imports the
project's package from where it runs. What it shares with the other scripts of the session is the seed of `hash(str)`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CLIENT = "#!/bin/sh\nexec '{own}' -IS '{client}' '{address}' '{python}' \"$@\"\n"
# What the project's scripts import, themselves or through a library. A name that is missing here costs time only.
LIBRARIES = """
    alembic.command jinja2 jsonschema jsonschema_rs matplotlib.figure mlflow orjson pandas pyarrow.csv pyarrow.parquet
    skops.io sklearn.ensemble sqlalchemy.dialects.sqlite tqdm mlflow.store.model_registry.sqlalchemy_workspace_store
    mlflow.store.tracking.sqlalchemy_workspace_store
""".split()
# What libraries read when they are imported, as jobs and scripts set it; the last two keep them from starting threads.
ENVIRONMENT = {
    "LANG": "C.UTF-8", "CI": "true", "MLFLOW_DISABLE_TELEMETRY": "true",
    "OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false",
}  # fmt: skip


@contextmanager
def preloaded(python: Path, folder: Path, *libraries: str, **environment: str) -> Iterator[Path]:
    """Yield a program that runs scripts as `python` does, with `libraries` imported already in `environment`."""
    if sys.platform != "linux":
        yield python  # elsewhere libraries do not survive a fork
        return
    program, address = folder / "python", folder / "socket"
    program.write_text(CLIENT.format(own=sys.executable, client=HERE / "client.py", address=address, python=python))
    program.chmod(0o755)
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), **ENVIRONMENT, **environment}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        listener.listen()  # clients wait from now on, until the server is ready
        number = listener.fileno()
        command = [str(python), str(HERE / "server.py"), str(number), *libraries]
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=variables, pass_fds=[number], start_new_session=True
        )
    try:
        yield program
    finally:
        server.communicate()  # it ends with its standard input
