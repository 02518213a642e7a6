from __future__ import annotations

import os
import platform
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>>.errors import TrackingError
from <<cookiecutter.package_name>>.store import embedded, lifecycle, registry, runs, tracking
from <<cookiecutter.package_name>>.store.tracking import Store

from tests.conftest import SETTINGS
from tests.documents import gate_document, metrics_document, run_document
from tests.example import make_contract


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """Yield a socket that takes connections, and its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def logged(store: Store, model: Path) -> dict[str, Any]:
    """Log the example's training and return its run.json."""
    run = run_document(model={"path": str(model), "sha256": "0" * 64, "bytes": 1})
    made = runs.log_run(store, run, model)
    return run | {"run_id": made.run_id, "model_id": made.model_id}


def test_a_refused_port_is_an_error_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv(tracking.VARIABLE, f"http://ann:secret@{address}")
    began = time.perf_counter()
    with pytest.raises(TrackingError, match="nobody listens there.*unset MLFLOW_TRACKING_URI") as caught:
        tracking.connect(replace(SETTINGS, retries=1))
    assert time.perf_counter() - began < 4
    assert str(caught.value).startswith(f"http://{address}: ")
    assert "secret" not in str(caught.value)


def test_a_dead_server_costs_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tracking, "_mlflow")
    with pytest.raises(TrackingError, match="nobody listens there"):
        tracking.connect(SETTINGS, f"http://127.0.0.1:{free_port()}")


@pytest.mark.slow
def test_a_silent_server_is_an_error_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tracking, "_mlflow")
    with listening() as (_, address), pytest.raises(TrackingError, match="no answer in time"):
        tracking.connect(replace(SETTINGS, timeout_seconds=1), address)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\n\r\n", b"\x15\x03\x01"], ids=["refusal", "no-http"])
def test_any_answer_is_a_sign_of_life(answer: bytes) -> None:
    asked: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(1000))
            connection.sendall(answer)

    with listening() as (listener, address), ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve, listener)
        uri = f"{address.replace('//', '//ann:secret@')}/models/"
        assert tracking.demand_answer(SETTINGS, uri) == uri
        serving.result()
    host = address.removeprefix("http://")
    assert asked == [f"GET /models/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()]


def test_a_server_behind_a_proxy_is_left_to_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tracking.demand_answer(SETTINGS, "http://nowhere.invalid")
    with pytest.raises(TrackingError, match="nobody listens there"):
        tracking.demand_answer(SETTINGS, f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("uri", ["file:./mlruns", "postgresql://ann:secret@host/db", "mlruns"])
def test_other_kinds_of_stores_are_refused(uri: str) -> None:
    with pytest.raises(TrackingError, match="must start with http:// or https:// or sqlite:///") as caught:
        tracking.connect(SETTINGS, uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        pytest.param("API request failed with error code 403 != 200", "access denied", id="forbidden"),
        pytest.param("(sqlite3.OperationalError) attempt to write a readonly database", "read-only", id="read-only"),
        pytest.param("Detected out-of-date database schema (found x)", "make setup", id="other-version"),
        pytest.param("(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT]", "make room", id="full"),
        pytest.param("database is locked", "another process", id="locked"),
        pytest.param("\n first\nsecond", "first", id="one-line"),
        pytest.param("for http://ann:secret@host/x", "for http://host/x", id="credentials"),
        pytest.param("[Errno -3] Temporary failure in name resolution", "cannot be looked up", id="name"),
        pytest.param("[Errno 101] Network is unreachable", "no network leads there", id="network"),
        pytest.param("", "unknown error", id="nothing"),
    ],
)
def test_messages_become_one_line_that_says_what_to_do(message: str, meaning: str) -> None:
    explained = tracking.explain(message)
    assert meaning in explained
    assert "\n" not in explained
    assert "secret" not in explained


@pytest.mark.slow
def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be looked at" * 50)
    with pytest.raises(TrackingError, match=r"mlflow\.db: cannot be used as tracking store \(file is not a database\)"):
        tracking.connect(SETTINGS, f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrackingError, match="cannot be written"):
        tracking.connect(SETTINGS, f"sqlite:///{tmp_path}/file/mlflow.db")


@pytest.mark.slow
def test_a_path_that_mlflow_cannot_open_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"what\?/mlflow\.db: MLflow cannot keep files under a path with % or \?"):
        tracking.connect(SETTINGS, f"sqlite:///{tmp_path}/what?/mlflow.db")


@pytest.mark.slow
def test_a_killed_creation_leaves_no_store(tmp_path: Path) -> None:
    def killed(uri: str) -> None:
        (embedded.locate(uri) or tmp_path).write_text("half a schema")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedded.prepare(tmp_path / "mlflow.db", killed)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_appears_meanwhile_is_kept(tmp_path: Path, pristine_store: Path) -> None:
    def late(uri: str) -> None:
        shutil.copyfile(pristine_store, tmp_path / "mlflow.db")
        (embedded.locate(uri) or tmp_path).write_text("ours came second")

    embedded.prepare(tmp_path / "mlflow.db", late)
    assert (tmp_path / "mlflow.db").read_bytes()[:6] == b"SQLite"
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_moved_store_finds_its_files(store: Store, tmp_path: Path, model_folder: Path) -> None:
    run = logged(store, model_folder)
    gate = gate_document(run_id=run["run_id"])
    run["model"]["sha256"] = "0" * 64
    lifecycle.register(store, run, gate, make_contract(), tmp_path / "scratch", actor="ann")
    moved = tmp_path.parent / f'{tmp_path.name} it\'s "grün" #1'
    tmp_path.rename(moved)
    there = tracking.connect(SETTINGS, f"sqlite:///{moved}/mlflow.db")
    version = registry.find(there, "challenger")
    assert tracking.download(f"models:/example/{version.number}", moved / "copy").is_relative_to(moved)
    assert (moved / "copy" / "model.skops").read_bytes() == (model_folder / "model.skops").read_bytes()
    with closing(sqlite3.connect(moved / "mlflow.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert f"{tmp_path}/" not in dump


def test_a_run_holds_what_it_was_made_from(store: Store, model_folder: Path) -> None:
    run = logged(store, model_folder)
    runs.log_evaluation(store, run, metrics_document(), [model_folder / "contract", model_folder / "absent.json"])
    seen = store.client.get_run(run["run_id"])
    assert seen.info.status == "FINISHED"
    assert seen.data.metrics["roc_auc.low"] <= seen.data.metrics["roc_auc"] <= seen.data.metrics["roc_auc.high"]
    assert seen.data.tags["data.sha256"] == run["data"]["sha256"]
    assert seen.data.tags["git.commit"] == "a" * 40
    assert seen.inputs.dataset_inputs[0].dataset.digest == run["data"]["sha256"][:36]
    assert [output.model_id for output in seen.outputs.model_outputs] == [run["model_id"]]
    assert [artifact.path for artifact in store.client.list_artifacts(run["run_id"])] == ["contract"]
    model = store.client.get_logged_model(run["model_id"])
    assert str(model.status) == "READY"
    assert {metric.key for metric in model.metrics} >= {"roc_auc", "latency_ms.slowest"}


@pytest.mark.parametrize("failure", [TrackingError("full"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_run_that_fails_is_marked(
    failure: BaseException, store: Store, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(type(store.client), "log_model_artifacts", fail)
    with pytest.raises(type(failure)):
        logged(store, model_folder)
    (run,) = store.client.search_runs([store.client.get_experiment_by_name("example").experiment_id])
    assert run.info.status == "FAILED"


def test_the_next_run_closes_what_a_killed_process_left(store: Store, model_folder: Path) -> None:
    experiment = store.client.create_experiment("example")
    tags = {runs.HOST: "a machine that is gone", runs.PROCESS: "1"}
    abandoned = store.client.create_run(experiment, tags=tags).info.run_id
    foreign = store.client.create_run(experiment).info.run_id
    here = {runs.HOST: platform.node(), runs.PROCESS: str(os.getpid())}
    ours = store.client.create_run(experiment, tags=here).info.run_id
    gone = store.client.create_run(experiment, tags=here | {runs.PROCESS: str(2**22 + 1)}).info.run_id
    logged(store, model_folder)
    states = {run_id: store.client.get_run(run_id).info.status for run_id in (abandoned, foreign, ours, gone)}
    assert states == {abandoned: "FAILED", foreign: "RUNNING", ours: "RUNNING", gone: "FAILED"}


def test_a_deleted_experiment_is_explained(store: Store, model_folder: Path) -> None:
    store.client.delete_experiment(store.client.create_experiment("example"))
    with pytest.raises(TrackingError, match="experiment 'example' was deleted; restore it with"):
        logged(store, model_folder)
