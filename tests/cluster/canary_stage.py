"""Production with users: a stable release, requests that never cease, and canaries beside it."""

from __future__ import annotations

import http.client
import json
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import urlsplit

from .emulator import Emulator, Program
from .stage import APP, Stage, image, quicken

NAMESPACE = f"{APP}-production"
CANARY = f"{APP}-canary"
HOST = "churn.example.com"
ACTING = Path(__file__).with_name("acting.py")
TRUSTED = 30  # predictions, more than the smoke test asks for
USERS = 4
PAUSE = 0.05  # seconds between the requests of one user
FAST = {  # enough for a verdict, in real seconds
    "steps": "[25]",
    "initial_delay_seconds": "0",
    "interval_seconds": "1.0",
    "count": "3",
    "failure_limit": "0",
    "min_requests": "6",
    "min_predictions": "20",
    "max_p99_seconds": "0.25",
    "p99_slack_seconds": "0.15",
    "max_prediction_shift": "1.0",
    # Each look and each sign of life is a process of kubectl.
    "poll_seconds": "0.3",
    "lock_seconds": "20.0",
}


def set_canary(project: Path, **values: str) -> None:
    """Change settings of canaries."""
    path = project / "config" / "delivery.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"^{key} = (\[.*?\]|[a-z0-9.]+)", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1, f"config/delivery.toml has {key} {count} times"
    path.write_text(text, encoding="utf-8")


def name_gateway(project: Path) -> None:
    """Fill in what a person fills in before the first deployment behind a gateway."""
    path = project / "k8s" / "overlays" / "production" / "httproute.yaml"
    text = path.read_text(encoding="utf-8")
    for empty, name in (('name: ""', "name: shared"), ('namespace: ""', "namespace: gateways"), ('- ""', f"- {HOST}")):
        assert empty in text
        text = text.replace(empty, name)
    path.write_text(text, encoding="utf-8")


class Production(Stage):
    """The production environment of a project, and its deployer's machine."""

    def __init__(self, project: Path, cluster: Emulator) -> None:
        self.project, self.cluster = project, cluster
        self.models: dict[str, Path] = {}
        self.summary, self.output = project / "summary.md", project / "output.txt"
        setup = cluster.kubectl("kustomize", str(project / "k8s" / "cluster" / "production"))
        assert setup.returncode == 0, setup.stderr
        cluster.apply(setup.stdout)
        self.kubeconfig = cluster.kubeconfig_for(f"{NAMESPACE}/deployer", namespace=NAMESPACE)
        quicken(project)
        set_canary(project, **FAST)

    def release(self, name: str, replicas: int, **part: object) -> None:
        """Build a model and make it the stable release with this many pods."""
        self.act(name, **part)
        arguments = ("--image", image(name), "--model", str(self.models[name]))
        done = self.run("deploy.py", "production", *arguments)
        assert done.returncode == 0, done.stderr
        self.scale(replicas)

    def scale(self, replicas: int) -> None:
        """Change the number of stable pods, as the autoscaler does, and wait until all are ready."""
        done = self.cluster.kubectl("-n", NAMESPACE, "scale", f"deployment/{APP}", f"--replicas={replicas}")
        assert done.returncode == 0, done.stderr
        self.cluster.wait_for(lambda: len(self.ready("stable")) == replicas)

    def order_canary(self, name: str, *arguments: str) -> tuple[str, ...]:
        """Return the command that tries a model as a canary."""
        chosen = ("--image", image(name), "--model", str(self.models[name]))
        return ("canary.py", "production", *chosen, *arguments)

    def canary(self, name: str, *arguments: str, **behaviour: object) -> CompletedProcess[str]:
        """Build a model that behaves as told, and try it as a canary."""
        self.build(name, **behaviour)
        return self.run(*self.order_canary(name, *arguments))

    def turning_canary(self, name: str, **turned: object) -> CompletedProcess[str]:
        """Try a model as a canary that behaves during the smoke test, and then as told."""
        behaviour = {f"TURNED_{key.upper()}": value for key, value in turned.items()}
        self.act(name, TURN_AFTER=TRUSTED, **behaviour)
        return self.run(*self.order_canary(name))

    def act(self, name: str, **part: object) -> None:
        """Build a model whose server plays a part; see acting.py."""
        self.build(name)
        environment = {"MODEL_DIR": str(self.models[name]), **{key: str(value) for key, value in part.items()}}
        self.serve(name, Program((sys.executable, "-I", "-S", str(ACTING)), environment))

    def clear(self, *arguments: str) -> CompletedProcess[str]:
        """Remove the canary."""
        return self.run("canary.py", "production", "--clear", *arguments)

    def ready(self, track: str) -> list[dict[str, Any]]:
        """Return the pods of a track that take requests."""
        return [
            pod
            for pod in self.cluster.pods(NAMESPACE, track=track)
            if any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
        ]

    @property
    def gone(self) -> bool:
        """Return whether no canary pod is left, not even one that is ending."""
        pods = self.cluster.objects("Pod", NAMESPACE)
        return not any(pod["metadata"]["labels"].get("track") == "canary" for pod in pods)

    @property
    def record(self) -> dict[str, Any]:
        """Return the record that the last canary left."""
        return dict(json.loads((self.project / "artifacts" / "canary.json").read_text(encoding="utf-8")))

    @property
    def windows(self) -> list[dict[str, Any]]:
        """Return the windows that the last canary was measured in."""
        return list(self.record["details"]["canary"]["windows"])


def service(production: Production) -> str:
    """Return the address at which users meet both tracks."""
    return production.cluster.service_url(NAMESPACE, APP)


def failed_checks(production: Production) -> set[str]:
    """Return the names of the checks that the last window of the last canary failed."""
    checks = production.windows[-1]["checks"]
    return {check["name"] for check in checks if check["status"] in ("failed", "fatal")}


class Users:
    """Threads that ask for predictions, each request on a connection of its own, and count what they get."""

    def __init__(self, url: str, rows: list[dict[str, Any]]) -> None:
        self._address = urlsplit(url).netloc
        self._rows = rows
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()  # by track, or what went wrong
        self._threads = [threading.Thread(target=self._ask, args=[seed], daemon=True) for seed in range(USERS)]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until the last request is answered."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        # At random: in turn, the same rows would always meet the same pod.
        dice = random.Random(seed)
        while not self._ended.wait(PAUSE):
            answer = self._once(json.dumps({"rows": [dice.choice(self._rows)]}))
            with self._lock:
                self.answers[answer] += 1

    def _once(self, body: str) -> str:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            headers = {"Content-Type": "application/json", "Connection": "close"}
            connection.request("POST", "/predict", body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            return f"lost: {error!r} at {time.monotonic():.2f}"
        finally:
            connection.close()
        track = response.headers.get("X-Model-Track", "nobody")
        return track if response.status == 200 else f"{response.status} from {track}"


@contextmanager
def using(production: Production, url: str) -> Iterator[Users]:
    """Let users ask at `url` until the end of the block."""
    golden = next(iter(production.models.values())) / "golden.json"
    users = Users(url, json.loads(golden.read_text(encoding="utf-8"))["rows"])
    users.start()
    try:
        yield users
    finally:
        users.stop()
