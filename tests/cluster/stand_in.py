"""A stand-in for the model service: the same paths and metric names, and behaviour that its environment switches.

STAND_IN_SLOW_MS          milliseconds that a prediction takes longer
STAND_IN_ERRORS           share of predictions that answer 500, evenly spread: 0.1 is every tenth
STAND_IN_SHIFTED          1: the other class, another number
STAND_IN_CRASH            1: ends with code 3 at the start
STAND_IN_NEVER_READY      1: lives, and is never ready
STAND_IN_CRASH_AFTER      ends with code 3 on this prediction, counted from 1
STAND_IN_DEAD_AFTER       liveness fails from this prediction on
STAND_IN_START_MS         milliseconds before it listens
STAND_IN_ON_TERM          drain (the default), die (loses what is in flight), ignore
STAND_IN_TURN_AFTER       slowness, errors and shift begin only after this many predictions
STAND_IN_VERSION          model version, when MODEL_DIR has no metadata.json
MODEL_DIR                 golden.json, metadata.json and export.json are honoured when they are there

Only what is quick to import: a pod starts in a few hundredths of a second.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any, BinaryIO

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.cluster.stand_in_model import LATENCY, TENTHS, Metrics, Model, document, setting

PREDICTING = ("/predict", "/invocations")
REASONS = {200: "OK", 202: "Accepted", 307: "Temporary Redirect", 400: "Bad Request", 404: "Not Found"}
REASONS |= {405: "Method Not Allowed", 415: "Unsupported Media Type", 422: "Unprocessable Content"}
REASONS |= {500: "Internal Server Error", 503: "Service Unavailable"}


class Service:
    """What all connections share."""

    def __init__(self) -> None:
        self.model, self.metrics = Model(), Metrics()
        self.track = os.environ.get("MODEL_TRACK", "stable")
        self.ready = setting("NEVER_READY") != "1"
        self._lock = threading.Lock()
        self._predictions, self._owed = 0, 0.0
        self.busy = 0
        self.idle = threading.Condition(self._lock)
        for name in ("requests_shed_total", "model_queue_rows", "http_requests_in_progress"):
            self.metrics.count(name, 0)
        self.metrics.count("process_start_time_seconds", time.time())
        facts = {"track": self.track, "digest": "none", "runtime": "stand-in", "contract": "none"}
        self.metrics.count("model_info", 1, model=self.model.name, version=self.model.version, **facts)

    def begin(self) -> None:
        """Take note of a request."""
        with self._lock:
            self.busy += 1

    def end(self) -> None:
        """Take note that a request is answered."""
        with self._lock:
            self.busy -= 1
            self.idle.notify_all()

    def turned(self, name: str, default: str) -> str:
        """Return a switch that waits for its time."""
        return setting(name, default) if self._predictions > int(setting("TURN_AFTER", "0")) else default

    def next_prediction(self) -> tuple[int, bool]:
        """Return the number of a prediction, and whether it has to fail."""
        with self._lock:
            self._predictions += 1
            self._owed += float(self.turned("ERRORS", "0"))
            fails = self._owed >= 1 - 1e-9
            self._owed -= fails
            return self._predictions, fails

    def alive(self) -> bool:
        """Tell whether liveness holds."""
        after = int(setting("DEAD_AFTER", "0"))
        return not after or self._predictions < after

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Return code and body for a request."""
        if path in PREDICTING or path == f"/v2/models/{self.model.name}/infer":
            return self._predict(path, body) if method == "POST" else (405, {"detail": "POST is due"})
        if path == "/feedback":
            return 503, {"detail": "feedback needs the variable FEEDBACK_KEY"}
        return self._look_up(path)

    def _look_up(self, path: str) -> tuple[int, Any]:
        ready = 200 if self.ready else 503
        name, version = self.model.name, self.model.version
        pages: dict[str, tuple[int, Any]] = {
            "/v2/health/live": (200 if self.alive() else 503, {"live": True}),
            "/v2/health/ready": (ready, {"ready": self.ready}),
            "/ping": (ready, "\n"),
            "/health": (ready, "\n"),
            "/version": (200, version),
            "/v2": (200, {"name": name, "version": version, "extensions": []}),
            f"/v2/models/{name}": (200, {"name": name, "versions": [version], "inputs": [], "outputs": []}),
            f"/v2/models/{name}/ready": (ready, {"name": name, "ready": self.ready}),
            "/model/metadata": (200, document("metadata.json") or {"identity": {"name": name, "version": version}}),
            "/model": (200, f"# {name} {version}\n"),
            "/openapi.json": (200, {"openapi": "3.1.0", "info": {"title": name, "version": version}, "paths": {}}),
            "/docs": (200, f"{name} {version}\n"),
            "/": (307, ""),
        }
        return pages.get(path, (404, {"detail": "Not Found"}))

    def _predict(self, path: str, body: bytes) -> tuple[int, Any]:
        number, fails = self.next_prediction()
        if number == int(setting("CRASH_AFTER", "0")):
            print("fatal: out of luck", flush=True)
            os._exit(3)
        time.sleep(float(self.turned("SLOW_MS", "0")) / 1000)
        if fails:
            return 500, {"detail": "internal error"}
        try:
            given = json.loads(body)
        except ValueError:
            return 400, {"detail": "the body is no JSON"}
        rows = given.get("rows", given.get("dataframe_records")) if isinstance(given, dict) else None
        if problems := self.model.problems(rows):
            for problem in problems:
                self.metrics.count(
                    "contract_violations_total", column=str(problem["column"]), rule=str(problem["rule"])
                )
            return 422, {"detail": problems}
        shifted = self.turned("SHIFTED", "0") == "1"
        predictions = [self.model.predict(row, shifted=shifted) for row in rows or []]
        self._measure(predictions)
        if path == "/invocations":
            return 200, {"predictions": [item["prediction"] for item in predictions]}
        return 200, {"model": self.model.name, "version": self.model.version, "predictions": predictions}

    def _measure(self, predictions: list[dict[str, Any]]) -> None:
        self.metrics.observe("model_batch_rows", len(predictions), (1, 2, 4, 8, 16, 32, 64, 128, 256))
        for item in predictions:
            odds = item.get("probabilities")
            if odds is None:
                self.metrics.observe("model_prediction", item["prediction"], tuple(range(10, 101, 10)))
                continue
            self.metrics.count("model_predictions_total", prediction=str(item["prediction"]))
            self.metrics.observe("model_prediction", list(odds.values())[-1], TENTHS)
            self.metrics.observe("model_confidence", max(odds.values()), TENTHS)


def read(stream: BinaryIO) -> tuple[str, str, dict[str, str], bytes] | None:
    """Return method, path, headers and body of the next request; None at the end of the connection."""
    line = stream.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while field := stream.readline().decode("latin-1").strip():
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    return line[0], line[1].partition("?")[0], headers, stream.read(int(headers.get("content-length", "0")))


def serve(connection: socket.socket, service: Service) -> None:
    """Answer the requests of one connection."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as stream:
        while request := read(stream):
            method, path, headers, body = request
            service.begin()
            try:
                started = time.perf_counter()
                code, answer = (
                    (200, service.metrics.text()) if path == "/metrics" else service.answer(method, path, body)
                )
                note(service, method, path, code, time.perf_counter() - started)
                last = headers.get("connection", "").lower() == "close" or draining.is_set()
                connection.sendall(written(service, code, answer, headers, last=last))
            finally:
                service.end()
            if last:
                return


def note(service: Service, method: str, path: str, code: int, seconds: float) -> None:
    """Count a request; probes and scrapes are not counted."""
    handler = path if path in PREDICTING else "/v2/models/{name}/infer" if path.endswith("/infer") else ""
    if handler:
        service.metrics.count("http_requests_total", handler=handler, method=method, status=str(code))
        service.metrics.observe("http_request_duration_seconds", seconds, LATENCY, handler=handler, method=method)


def written(service: Service, code: int, answer: Any, asked: dict[str, str], *, last: bool) -> bytes:
    """Return an answer as it goes over the wire."""
    plain = isinstance(answer, str)
    data = (answer if plain else json.dumps(answer)).encode()
    headers = {
        "Content-Type": "text/plain; charset=utf-8" if plain else "application/json",
        "Content-Length": str(len(data)),
        "X-Model-Version": service.model.version,
        "X-Model-Track": service.track,
        "X-Request-Id": asked.get("x-request-id", os.urandom(8).hex()),
    }
    headers |= {"Connection": "close"} if last else {}
    headers |= {"Location": "/docs"} if code == 307 else {}
    lines = [f"HTTP/1.1 {code} {REASONS.get(code, '')}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + data


draining = threading.Event()


def on_term(service: Service, listener: socket.socket) -> None:
    """Do what the behaviour says when SIGTERM comes."""

    def drain(number: int, frame: FrameType | None) -> None:
        draining.set()
        service.ready = False
        threading.Thread(target=leave).start()

    def leave() -> None:
        with service.idle:
            service.idle.wait_for(lambda: service.busy == 0, timeout=20)
        print("drained", flush=True)
        os._exit(0)

    if setting("ON_TERM", "drain") == "drain":
        signal.signal(signal.SIGTERM, drain)
    elif setting("ON_TERM") == "ignore":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def main() -> int:
    """Serve until told to stop."""
    if setting("CRASH") == "1":
        print("error: cannot load the model", flush=True)
        return 3
    time.sleep(float(setting("START_MS", "0")) / 1000)
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    listener = socket.create_server((host, port), backlog=512)
    service = Service()
    on_term(service, listener)
    print(f"serving {service.model.name} {service.model.version} on {host}:{port}", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=[connection, service], daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
