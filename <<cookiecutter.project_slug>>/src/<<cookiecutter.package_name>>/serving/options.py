"""Settings of the service: environment variables, checked together before anything is loaded."""

from __future__ import annotations

import re
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError, each_fault

IN_IMAGE, IN_REPOSITORY = Path("/model"), Path("artifacts/serving")
LEVELS = ("debug", "info", "warning", "error")
SHORTEST_KEY = 16
OTHER_FILES = 64  # that the process opens besides connections


@dataclass(frozen=True)
class Options:
    """What the environment says; the defaults are those of a laptop."""

    model_dir: Path = IN_REPOSITORY
    host: str = "0.0.0.0"
    port: int = 8080
    log_level: str = "info"
    track: str = "stable"
    pod: str = ""
    ignore_unknown: bool = False
    max_body_bytes: int = 1 << 20
    max_rows: int = 1000
    queue_limit: int = 256
    max_connections: int = 512
    deadline_seconds: float = 10.0
    drain_seconds: float = 20.0
    threads: int = 1
    feedback_key: bytes = b""
    feedback_window_seconds: float = 7_776_000.0


def from_environment(environment: Mapping[str, str]) -> Options:
    """Return the options in `environment`, where an empty variable counts as absent.

    Raises ConfigError naming every variable that cannot be used.
    """
    read = _Reader(environment)
    most_connections = max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OTHER_FILES, 1)
    home = IN_IMAGE if IN_IMAGE.is_dir() else IN_REPOSITORY
    options = Options(
        model_dir=Path(read.text("MODEL_DIR", str(home))),
        host=read.text("HOST", Options.host),
        port=read.whole("PORT", Options.port, least=0, most=65_535),
        log_level=read.choice("LOG_LEVEL", Options.log_level, LEVELS),
        track=read.text("MODEL_TRACK", Options.track, r"[A-Za-z0-9._-]{1,63}"),
        pod=read.text("POD_NAME", Options.pod),
        ignore_unknown=read.choice("UNKNOWN_COLUMNS", "refuse", ("refuse", "ignore")) == "ignore",
        max_body_bytes=read.whole("MAX_BODY_BYTES", Options.max_body_bytes),
        max_rows=read.whole("MAX_ROWS", Options.max_rows),
        queue_limit=read.whole("QUEUE_LIMIT", Options.queue_limit),
        max_connections=read.whole(
            "MAX_CONNECTIONS", min(Options.max_connections, most_connections), most=most_connections
        ),
        deadline_seconds=read.seconds("DEADLINE_SECONDS", Options.deadline_seconds),
        drain_seconds=read.seconds("DRAIN_SECONDS", Options.drain_seconds),
        threads=read.whole("THREADS", Options.threads, most=256),
        feedback_key=read.key("FEEDBACK_KEY"),
        feedback_window_seconds=read.seconds("FEEDBACK_WINDOW_SECONDS", Options.feedback_window_seconds),
    )
    if read.faults:
        raise ConfigError(each_fault("environment", read.faults))
    return options


class _Reader:
    """Variables by kind; what cannot be used is kept as a fault and read as its default."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.faults: list[str] = []

    def text(self, name: str, default: str, pattern: str = r"[^\r\n]+") -> str:
        seen = self._environment.get(name) or default
        if seen == default or re.fullmatch(pattern, seen):
            return seen
        self.faults.append(f"{name} is {seen!r}, wanted text like {pattern}")
        return default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        seen = (self._environment.get(name) or default).lower()
        if seen in allowed:
            return seen
        self.faults.append(f"{name} is {seen!r}, wanted one of {', '.join(allowed)}")
        return default

    def whole(self, name: str, default: int, *, least: int = 1, most: int = 1 << 40) -> int:
        seen = self._environment.get(name) or str(default)
        if re.fullmatch(r"[0-9]{1,13}", seen, re.ASCII) and least <= int(seen) <= most:
            return int(seen)
        self.faults.append(f"{name} is {seen!r}, wanted a whole number from {least} to {most}")
        return default

    def seconds(self, name: str, default: float) -> float:
        seen = self._environment.get(name) or str(default)
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", seen, re.ASCII) and float(seen) > 0:
            return float(seen)
        self.faults.append(f"{name} is {seen!r}, wanted a number of seconds above 0")
        return default

    def key(self, name: str) -> bytes:
        key = self._environment.get(name, "").encode(errors="surrogateescape")
        if 0 < len(key) < SHORTEST_KEY:
            wanted = f"at least {SHORTEST_KEY}; `openssl rand -hex 32` makes one"
            self.faults.append(f"{name} has {len(key)} bytes, wanted {wanted}")
        return key
