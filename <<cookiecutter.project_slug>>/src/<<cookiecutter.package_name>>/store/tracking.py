"""The tracking store: where it is, how long to wait for it, and what its errors mean."""

from __future__ import annotations

import logging
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..config import Tracking
from ..errors import PipelineError, TrackingError
from . import embedded, probe

VARIABLE = "MLFLOW_TRACKING_URI"
DEFAULT_URI = "sqlite:///mlflow.db"
SCHEMES = ("http://", "https://", embedded.SCHEME)
# A server that is there answers its first question at once; later ones may carry a model.
FIRST_CONTACT_SECONDS = 10
MESSAGE_LENGTH = 300


@dataclass(frozen=True)
class Store:
    """An open store: `client` is an `mlflow.MlflowClient`, `database` the file of an embedded store."""

    uri: str
    client: Any
    experiment: str
    model: str
    database: Path | None

    @property
    def shown(self) -> str:
        """The URI for people: without credentials."""
        return _without_credentials(self.uri)


def connect(settings: Tracking, uri: str | None = None) -> Store:
    """Open the store that `uri`, else MLFLOW_TRACKING_URI, names, else the embedded one in this directory.

    Raises TrackingError when it does not answer: within a second when nobody listens, within some ten when somebody
    does and stays silent.
    """
    uri = demand_answer(settings, uri)
    _environment(settings)
    mlflow = _mlflow()
    database = embedded.locate(uri)
    if database is not None:
        uri = embedded.address(database)
    mlflow.set_tracking_uri(uri)
    with answering(uri), warnings.catch_warnings():
        # MLflow's table definitions use an option that SQLAlchemy deprecates.
        warnings.filterwarnings("ignore", message=r"The ``noload`` loader strategy", category=DeprecationWarning)
        if database is not None:
            embedded.prepare(database, mlflow.MlflowClient)
        client = mlflow.MlflowClient(uri)
        if database is None:
            _patience(min(settings.timeout_seconds, FIRST_CONTACT_SECONDS), settings.retries, backoff=0)
            client.search_experiments(max_results=1)
    _patience(settings.timeout_seconds, settings.retries, backoff=1)
    return Store(uri, client, settings.experiment, settings.model, database)


def demand_answer(settings: Tracking, uri: str | None = None) -> str:
    """Return the URI that `connect` opens, after asking a server for a sign of life; imports no MLflow.

    Raises TrackingError when the URI cannot be used or nobody answers there.
    """
    uri = uri or os.environ.get(VARIABLE) or DEFAULT_URI
    if not uri.startswith(SCHEMES):
        raise TrackingError(
            f"{_without_credentials(uri)}: cannot be used as tracking store; {VARIABLE} must start with "
            f"{' or '.join(SCHEMES)} (put `mlflow server` in front of any other store)"
        )
    if embedded.locate(uri) is None:
        try:
            probe.demand_answer(uri, min(settings.timeout_seconds, FIRST_CONTACT_SECONDS))
        except (OSError, ValueError) as cause:
            raise TrackingError(f"{_without_credentials(uri)}: {explain(str(cause))}") from cause
    return uri


@contextmanager
def answering(uri: str, error: type[PipelineError] = TrackingError) -> Iterator[None]:
    """Turn what MLflow and its libraries raise in the block into one line of class `error` that names `uri`."""
    exceptions = _mlflow().exceptions
    try:
        yield
    except (exceptions.MlflowException, OSError) as cause:
        raise error(f"{_without_credentials(uri)}: {explain(str(cause))}") from cause


def ask(call: Callable[[], Any], *, none_if: str) -> Any:
    """Return what `call` returns, or None when MLflow answers with error code `none_if`, and only then."""
    try:
        return call()
    except _mlflow().exceptions.MlflowException as error:
        if error.error_code != none_if:
            raise
        return None


def entities() -> Any:
    """Return the module of MLflow's value classes; call it with an open store only."""
    return _mlflow().entities


def download(uri: str, folder: Path) -> Path:
    """Copy the artifacts at `uri` into `folder`, which is emptied before, and return the folder they are in."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Path(_mlflow().artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder)))


EXPLANATIONS = (
    ("Connection refused", "nobody listens there"),
    ("Name or service not known|nodename nor servname|Failed to resolve|NameResolution", "the host is unknown"),
    ("name resolution|No address associated", "the host's name cannot be looked up"),
    ("unreachable|No route to host", "no network leads there"),
    ("timed out|timeout|Timeout", "no answer in time"),
    ("SSL|CERTIFICATE", "the TLS connection failed"),
)
START = f"start the server, or unset {VARIABLE} to use the embedded store"
ANSWERS = (
    (
        "error code 401|error code 403|UNAUTHENTICATED|PERMISSION_DENIED",
        "access denied; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    ),
    (
        "out-of-date database schema",
        "was written by another version of MLflow; run make setup to install the locked one",
    ),
    ("readonly database", "is read-only; make the file and its folder writable"),
    ("database is locked", "is locked by another process; end it and run again"),
    ("disk is full|No space left", "the disk is full; make room and run again"),
)


def explain(message: str) -> str:
    """Return one line that says what a library's `message` means and what to do, without credentials."""
    for pattern, meaning in ANSWERS:
        if re.search(pattern, message):
            return meaning
    for pattern, meaning in EXPLANATIONS:
        if re.search(pattern, message):
            return f"does not answer ({meaning}); {START}"
    line = next((line.strip() for line in message.splitlines() if line.strip()), "unknown error")
    return re.sub(r"//[^/@\s]+@", "//", line)[:MESSAGE_LENGTH]


def _environment(settings: Tracking) -> None:
    """Set what MLflow reads from the environment, before it is imported for the first time."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT"] = str(settings.timeout_seconds)
    _patience(settings.timeout_seconds, settings.retries, backoff=1)
    # Progress of schema creation, and tracebacks of errors that are raised as well.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # That a model has no files is told by whoever wanted them.
    logging.getLogger("mlflow.store.artifact.artifact_repo").setLevel(logging.WARNING)


def _patience(seconds: int, retries: int, *, backoff: int) -> None:
    """Bound how long MLflow waits for a server: by default it does not give up for many minutes."""
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(seconds)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = str(retries)
    os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"] = str(backoff)


def _mlflow() -> Any:
    """Return MLflow, imported late: it costs as much as scikit-learn and reads its settings on import."""
    import mlflow  # noqa: PLC0415 - see above

    return mlflow


def _without_credentials(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else uri
