"""What a training run leaves in the tracking store."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PipelineError, TrackingError
from . import embedded
from .tracking import Store, answering, ask, entities

HOST, PROCESS = "process.host", "process.id"
MODEL_NAME = "model"
GATE = "gate"
DIGEST_LENGTH = 36  # MLflow's limit; the whole digest stands in the tag


@dataclass(frozen=True)
class Logged:
    """The ids that the store gave to a run and to its model."""

    run_id: str
    model_id: str


def log_run(store: Store, run: Mapping[str, Any], model: Path, *, started: float | None = None) -> Logged:
    """Record a finished training: `run` is the document of run.json without ids, `model` the model's folder.

    `started` is in seconds since the epoch. A failure marks the run as failed; a run whose process was killed
    is marked by the next one. Raises TrackingError.
    """
    with answering(store.uri):
        experiment = _experiment(store)
        _close_abandoned(store, experiment)
        start = int((time.time() if started is None else started) * 1000)
        made = store.client.create_run(experiment, start_time=start, tags=_tags(run), run_name=run["estimator"])
        run_id = str(made.info.run_id)
        with _closing(store, run_id):
            store.client.log_batch(run_id, params=_params(run), metrics=_cross_validation(run, start))
            store.client.log_inputs(run_id, datasets=[_dataset(run)])
            return Logged(run_id, _log_model(store, experiment, run_id, run, model))


def log_evaluation(store: Store, run: Mapping[str, Any], metrics: Mapping[str, Any], files: list[Path]) -> None:
    """Add the metrics of metrics.json and `files` (folders are kept as folders) to the run of run.json."""
    values, now = entities(), int(time.time() * 1000)
    points = [
        values.Metric(name, value, now, 0, model_id=run["model_id"], run_id=run["run_id"])
        for name, value in _flat(metrics)
    ]
    with answering(store.uri):
        store.client.log_batch(run["run_id"], metrics=points)
        log_files(store, run["run_id"], files)


def log_decision(store: Store, gate: Mapping[str, Any]) -> None:
    """Note on the run of gate.json what the gate said: passed, or refused and by which checks."""
    failed = ", ".join(check["name"] for check in gate["checks"] if not check["passed"])
    with answering(store.uri):
        store.client.set_tag(gate["run_id"], GATE, "passed" if gate["promote"] else f"refused: {failed}")


def log_files(store: Store, run_id: str, files: list[Path]) -> None:
    """Add `files` to the run's artifacts; those that do not exist are left out."""
    with answering(store.uri):
        for path in files:
            if path.is_dir():
                store.client.log_artifacts(run_id, str(path), artifact_path=path.name)
            elif path.is_file():
                store.client.log_artifact(run_id, str(path))


def _experiment(store: Store) -> str:
    client, name = store.client, store.experiment
    found = client.get_experiment_by_name(name)
    if found is None:
        place = str(store.database.parent / embedded.ARTIFACTS) if store.database else None
        ask(lambda: client.create_experiment(name, artifact_location=place), none_if="RESOURCE_ALREADY_EXISTS")
        found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise TrackingError(
            f"{store.shown}: experiment {name!r} was deleted; restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}`, or choose another name in config/pipeline.toml"
        )
    return str(found.experiment_id)


@contextmanager
def _closing(store: Store, run_id: str) -> Iterator[None]:
    """End the run as finished, or as failed when the block raises, whatever it raises."""
    try:
        yield
        store.client.set_terminated(run_id, "FINISHED")
    except BaseException:
        with suppress(PipelineError), answering(store.uri):
            store.client.set_terminated(run_id, "FAILED")
        raise


def _close_abandoned(store: Store, experiment: str) -> None:
    """Mark runs as failed that a killed process left running; on a server other machines own runs too."""
    if store.database is None:
        return
    for run in store.client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        tags = run.data.tags
        if PROCESS in tags and not (tags.get(HOST) == platform.node() and _alive(int(tags[PROCESS]))):
            store.client.set_terminated(run.info.run_id, "FAILED")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tags(run: Mapping[str, Any]) -> dict[str, str]:
    tags = {
        HOST: platform.node(),
        PROCESS: str(os.getpid()),
        "problem": run["problem"],
        "estimator": run["estimator"],
        "data.sha256": run["data"]["sha256"],
        "data.rows": str(run["data"]["rows"]),
        "contract.version": run["contract"]["version"],
        "contract.digest": run["contract"]["digest"],
        "model.sha256": run["model"]["sha256"],
        "git.dirty": json.dumps(run["git"]["dirty"]),
        "environment": json.dumps(run["environment"]),
    }
    commit = run["git"]["commit"]
    # The second name is the one that MLflow's pages show as version.
    return tags | ({"git.commit": commit, "mlflow.source.git.commit": commit} if commit else {})


def _params(run: Mapping[str, Any]) -> list[Any]:
    params = {"estimator": run["estimator"], "seed": run["seed"]}
    params |= {f"split.{name}": run["split"][name] for name in ("method", "holdout")}
    params |= {f"{run['estimator']}.{name}": value for name, value in run["parameters"].items()}
    return [
        entities().Param(name, value if isinstance(value, str) else json.dumps(value)) for name, value in params.items()
    ]


def _cross_validation(run: Mapping[str, Any], now: int) -> list[Any]:
    return [
        entities().Metric(f"cv.{name}.{part}", value, now, 0)
        for name, parts in run["cv"].items()
        for part, value in parts.items()
        if value is not None
    ]


def _flat(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the finite numbers of metrics.json as `roc_auc`, `roc_auc.low`, `latency_ms.slowest` and so on."""
    for name, parts in metrics["metrics"].items():
        for suffix, key in (("", "value"), (".low", "low"), (".high", "high")):
            if isinstance(value := parts.get(key), int | float):
                yield name + suffix, value
    for name, value in metrics.get("latency_ms", {}).items():
        if isinstance(value, int | float):
            yield f"latency_ms.{name}", value


def _dataset(run: Mapping[str, Any]) -> Any:
    values, data = entities(), run["data"]
    source = json.dumps({"uri": ", ".join(data["paths"])})
    profile = json.dumps({"num_rows": data["rows"], "sha256": data["sha256"]})
    name = Path(data["paths"][0]).name
    dataset = values.Dataset(name, data["sha256"][:DIGEST_LENGTH], "local", source, profile=profile)
    return values.DatasetInput(dataset, [values.InputTag("mlflow.data.context", "training")])


def _log_model(store: Store, experiment: str, run_id: str, run: Mapping[str, Any], folder: Path) -> str:
    params = {name: json.dumps(value) for name, value in run["parameters"].items()}
    tags = {"model.sha256": run["model"]["sha256"], "contract.digest": run["contract"]["digest"]}
    model = store.client.create_logged_model(
        experiment, MODEL_NAME, source_run_id=run_id, params=params, tags=tags, model_type=run["estimator"]
    )
    model_id = str(model.model_id)
    try:
        store.client.log_model_artifacts(model_id, str(folder))
        store.client.finalize_logged_model(model_id, "READY")
    except BaseException:
        with suppress(PipelineError), answering(store.uri):
            store.client.finalize_logged_model(model_id, "FAILED")
        raise
    store.client.log_outputs(run_id, [entities().LoggedModelOutput(model_id, 0)])
    return model_id
