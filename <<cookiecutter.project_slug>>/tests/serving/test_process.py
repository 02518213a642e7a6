"""The real process: how it starts, what it imports, how it is asked by MLflow's own client, and how it goes."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from <<cookiecutter.package_name>>.files import read_json

from tests.example import ROOT
from tests.serving.client import JSON, KEY, MODULE, process, serve
from tests.serving.conftest import Folders

Row = dict[str, Any]
HEAVY = ("pandas", "pyarrow", "sklearn", "skops", "mlflow", "scipy", "matplotlib", "sqlalchemy")


def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MODEL_DIR": str(folder), **variables}
    return subprocess.run([sys.executable, "-m", MODULE], env=environment, capture_output=True, text=True, check=False)


def golden_rows(folder: Path) -> list[Row]:
    """Return the rows that the model was asked at its export."""
    return list(read_json(folder / "golden.json", expect="golden/1")["rows"])


@pytest.mark.slow
def test_a_model_file_that_was_changed_is_not_served(folder: Path, runtime: str, tmp_path: Path) -> None:
    changed = shutil.copytree(folder, tmp_path / "changed")
    with (changed / f"model.{runtime}").open("ab") as stream:
        stream.write(b" ")
    done = start(changed)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {changed}/model.{runtime}: sha256 is ")


@pytest.mark.slow
def test_settings_that_cannot_be_used_are_told_together(folders: Folders) -> None:
    done = start(folders("binary", "onnx"), PORT="high", UNKNOWN_COLUMNS="maybe", FEEDBACK_KEY="short")
    assert done.returncode == 2
    for name in ("PORT is 'high'", "UNKNOWN_COLUMNS is 'maybe'", "FEEDBACK_KEY has 5 bytes"):
        assert name in done.stderr


@pytest.mark.slow
def test_the_onnx_service_imports_only_what_it_needs(folders: Folders) -> None:
    program = (
        "import os, sys\n"
        "from {package}.serving.assembly import assemble\n"
        "from {package}.serving.options import from_environment\n"
        "from {package}.serving import __main__\n"
        "assemble(from_environment(os.environ))\n"
        "print(*sys.modules)"
    ).format(package=MODULE.partition(".")[0])
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MODEL_DIR": str(folders("binary", "onnx"))}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert imported.isdisjoint(
        {*HEAVY, "jsonschema"}
    )  # which only checks a contract that the model's digest does not prove
    package = MODULE.partition(".")[0]
    for room in ("learning", "store", "steps", "dataset", "reporting", "exporting"):
        assert f"{package}.{room}" not in done.stdout.split()


def mlflow_client() -> Any:
    with warnings.catch_warnings():  # MLflow warns of its own type hints
        warnings.simplefilter("ignore")
        return import_module("mlflow.pyfunc.scoring_server.client").ScoringServerClient


@pytest.mark.slow
def test_mlflows_own_client_gets_the_same_answers(folders: Folders) -> None:
    folder = folders("binary", "onnx")
    whole = [row for row in golden_rows(folder) if None not in [row[name] for name in row.keys() - {"empty"}]]
    frame = pd.DataFrame(whole).astype({"empty": object})
    expected = [answer["prediction"] for answer in serve(folder).predict(*whole).json["predictions"]]
    with process(folder) as running:
        asked = mlflow_client()("127.0.0.1", running.port)
        asked.wait_server_ready(timeout=10, scoring_server_proc=running.handle)
        assert list(asked.invoke(frame).get_predictions()[0]) == expected
        assert list(asked.invoke(frame, params={"ignored": 1}).get_predictions()[0]) == expected
        assert list(asked.invoke(frame.to_numpy().tolist()).get_predictions()[0]) == expected
        assert list(asked.invoke(np.array(frame.values.tolist(), dtype=object)).get_predictions()[0]) == expected


@pytest.mark.slow
def test_log_lines_are_json_and_hold_no_values(folders: Folders) -> None:
    folder = folders("binary", "onnx")
    variables = {"LOG_LEVEL": "debug", "POD_NAME": "pod-1", "FEEDBACK_KEY": KEY.decode()}
    with process(folder, **variables) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        body = json.dumps(
            {"rows": [{**golden_rows(folder)[0], "kind": "secret-of-a-customer", "secret-of-a-client": 1}]}
        )
        connection.request("POST", "/predict", body, {**JSON, "X-Request-Id": "r-1"})
        assert connection.getresponse().status == 422
        connection.close()
        running.handle.send_signal(signal.SIGTERM)
        text, _ = running.handle.communicate(timeout=15)
    lines = [json.loads(line) for line in text.splitlines()]
    refused = next(line for line in lines if line["event"] == "refused")
    told = {name: refused[name] for name in ("level", "pod", "request_id", "handler", "status", "rules")}
    wanted = {"level": "info", "pod": "pod-1", "request_id": "r-1", "handler": "/predict", "status": 422}
    assert told == {**wanted, "rules": ["additionalProperties", "kind: enum"]}
    assert "secret" not in text
    assert [line["event"] for line in lines][-2:] == ["draining", "stopped"]


class Caller(threading.Thread):
    """Sends the same request again and again, as long as the service is told to be ready."""

    def __init__(self, port: int, body: bytes, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.body, self.halt = port, body, stop
        self.statuses: list[int] = []
        self.lost: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.halt.is_set():
            try:
                connection.request("POST", "/predict", self.body, JSON)
                answer = connection.getresponse()
                answer.read()
                self.statuses.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
        connection.close()


def probe_until_not_ready(port: int, stop: threading.Event) -> None:
    """Play the cluster: ask for readiness, and when it is gone let no new request come, a moment later."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/v2/health/ready")
        status = connection.getresponse().status
        connection.close()
        if status == 503:
            break
        time.sleep(0.02)
    time.sleep(0.3)
    stop.set()


@pytest.mark.slow
def test_sixty_four_clients_lose_nothing_when_the_service_goes(folder: Path, rows: list[Row]) -> None:
    stop = threading.Event()
    body = json.dumps({"rows": rows[:1]}).encode()
    with process(folder) as running:
        callers = [Caller(running.port, body, stop) for _ in range(64)]
        for caller in callers:
            caller.start()
        while not all(caller.statuses for caller in callers):
            assert not any(caller.lost for caller in callers)
            time.sleep(0.01)
        running.handle.send_signal(signal.SIGTERM)
        probe_until_not_ready(running.port, stop)
        for caller in callers:
            caller.join(10)
        assert running.handle.wait(20) == 0
    assert [caller.lost for caller in callers if caller.lost] == []
    assert {status for caller in callers for status in caller.statuses} == {200}


@pytest.mark.slow
def test_clients_that_never_stop_cannot_keep_the_service(folders: Folders) -> None:
    stop = threading.Event()
    folder = folders("binary", "onnx")
    body = json.dumps({"rows": golden_rows(folder)[:1]}).encode()
    with process(folder, DRAIN_SECONDS="1") as running:
        callers = [Caller(running.port, body, stop) for _ in range(4)]
        for caller in callers:
            caller.start()
        while not all(caller.statuses for caller in callers):
            time.sleep(0.01)
        running.handle.send_signal(signal.SIGTERM)
        assert running.handle.wait(15) == 0  # the default would let it answer for 15 seconds before it closes
        stop.set()
        for caller in callers:
            caller.join(10)
    assert {status for caller in callers for status in caller.statuses} == {200}


@pytest.mark.slow
def test_a_request_that_never_becomes_whole_is_given_up(folders: Folders) -> None:
    with process(folders("binary", "onnx"), DEADLINE_SECONDS="1") as running:
        large = b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000
        chunked = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        trailers = chunked + b"0\r\nx: " + b"y" * 70_000
        opened: list[socket.socket] = []
        bodiless = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"
        with ExitStack() as stack:
            for head in (large, b"", b"GET / HT", bodiless, trailers):
                raw = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=10))
                raw.sendall(head)
                opened.append(raw)
            assert [raw.recv(100) for raw in opened] == [b""] * 5


@pytest.mark.slow
def test_what_surrounds_the_parts_of_a_body_is_bounded_and_its_parts_are_not(folders: Folders) -> None:
    folder = folders("binary", "onnx")
    body = json.dumps({"rows": golden_rows(folder)[:1]}).encode() + b" " * 20_000
    chunks = b"".join(b"1\r\n%c\r\n" % letter for letter in body)
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    with process(folder) as running:
        assert said(running.port, head + chunks + b"0\r\n\r\n", end=b"}]}").startswith(b"HTTP/1.1 200 OK")
        assert said(running.port, head + b"0\r\n" + (b"x: " + b"y" * 1000 + b"\r\n") * 90) == b""


@pytest.mark.slow
def test_requests_may_be_sent_ahead_of_answers_but_not_without_end(folders: Folders) -> None:
    ask = b"GET /version HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with process(folders("binary", "onnx")) as running:
        assert said(running.port, ask * 10 + last).count(b"HTTP/1.1 200 OK") == 11
        many = said(running.port, ask * 1000 + last)
        assert many.count(b"HTTP/1.1 200 OK") < 20
        assert b"HTTP/1.1 400" not in many


@pytest.mark.slow
def test_a_client_that_reads_no_answer_is_cut_off(folders: Folders) -> None:
    folder = folders("binary", "onnx")
    body = json.dumps({"rows": golden_rows(folder)[:1] * 1000}).encode()
    ask = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    with process(folder, DEADLINE_SECONDS="1") as running, socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(1)
        raw.connect(("127.0.0.1", running.port))
        with suppress(OSError):  # until nothing more is taken
            while True:
                raw.sendall(ask)
        time.sleep(3)
        raw.settimeout(10)
        late = 0
        with suppress(ConnectionResetError):
            while part := raw.recv(1 << 16):
                late += len(part)
    assert late < 150_000  # what had crossed the network by then, and not what the service kept


def said(port: int, sent: bytes, *, end: bytes = b"never") -> bytes:
    """Return what the service answers to `sent` until `end` or until it closes the connection."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, suppress(ConnectionError):
        raw.sendall(sent)
        while (part := raw.recv(1 << 16)) and not found.endswith(end):
            found += part
            if found.endswith(end):
                break
    return found


@pytest.mark.slow
def test_a_port_that_is_taken_is_told(folders: Folders) -> None:
    with process(folders("binary", "onnx")) as running:
        done = start(folders("binary", "onnx"), PORT=str(running.port), HOST="127.0.0.1")
    assert done.returncode == 2
    assert "address already in use" in done.stdout
    assert f"error: port {running.port} of 127.0.0.1 cannot be opened (see above); PORT=… names another" in done.stderr
