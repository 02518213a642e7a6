"""The three probes of a container, asked of its real process."""

from __future__ import annotations

import http.client
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from .resources import Obj


@dataclass(frozen=True)
class Target:
    """Where a container's process listens, and the ports of the container by name."""

    host: str
    port: int
    environment: Mapping[str, str]


def passes(probe: Obj, target: Target, timeout: float) -> str:
    """Ask once; return "" for success, else what went wrong in the kubelet's words."""
    if "httpGet" in probe:
        return http_get(probe["httpGet"], target, timeout)
    if "tcpSocket" in probe:
        try:
            socket.create_connection((target.host, target.port), timeout).close()
        except OSError as problem:
            return f"dial tcp {target.host}:{target.port}: {problem}"
        return ""
    if "exec" in probe:
        return execute(probe["exec"]["command"], target, timeout)
    raise ValueError(f"the probe {sorted(probe)} is not emulated")


def http_get(wanted: Obj, target: Target, timeout: float) -> str:
    """Return "" when a GET answers 200 to 399."""
    connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout)
    headers = {item["name"]: item["value"] for item in wanted.get("httpHeaders", [])}
    try:
        connection.request("GET", wanted.get("path", "/"), headers={"User-Agent": "kube-probe/1.32"} | headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as problem:
        return f'Get "http://{target.host}:{target.port}{wanted.get("path", "/")}": {problem}'
    finally:
        connection.close()
    return "" if 200 <= answer.status < 400 else f"HTTP probe failed with statuscode: {answer.status}"


def execute(command: list[str], target: Target, timeout: float) -> str:
    """Return "" when a command in the container's environment ends with 0."""
    try:
        done = subprocess.run(
            command, env=dict(target.environment), timeout=timeout, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        return f'command timed out: "{" ".join(command)}"'
    except OSError as problem:
        return str(problem)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"
