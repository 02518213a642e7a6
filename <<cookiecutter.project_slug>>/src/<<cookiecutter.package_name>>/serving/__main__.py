"""Serve the exported model: `python -m <package>.serving`, configured by environment variables."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time

from ..errors import PipelineError, shown
from . import logs
from .assembly import assemble
from .options import from_environment
from .server import Server


def main() -> int:
    """Serve until a signal ends it; return 0, or 2 when the service cannot start."""
    begun = time.perf_counter()
    try:
        options = from_environment(os.environ)
        logs.configure(options.log_level, pod=options.pod)
        service = assemble(options)
    except PipelineError as error:
        print(f"error: {shown(str(error))}", file=sys.stderr)
        return 2
    seconds = round(time.perf_counter() - begun, 3)
    logs.say(logging.INFO, "loaded", model=str(options.model_dir), seconds=seconds)
    gc.collect()
    gc.freeze()  # what was loaded stays, so that no collection during a request walks through it
    server = Server(service, options)
    server.run()
    logs.say(logging.INFO, "stopped")
    return 0 if server.started else 2


if __name__ == "__main__":
    sys.exit(main())
