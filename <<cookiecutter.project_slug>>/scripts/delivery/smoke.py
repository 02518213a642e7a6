"""Checks of a running service: is it the model that was built, does it answer as in training, refuse nonsense."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from . import load as load_test
from .evidence import Evidence
from .golden import compare, difference, predictions
from .load import Load, percentile
from .records import SMOKE, Check, now, write_json
from .rows import at_the_limits, refused
from .service import BROKEN, JSON, Answer, Client
from .settings import Settings

READY = "/v2/health/ready"
TRIES = 3  # of a request that the way to the service swallowed


@dataclass(frozen=True)
class Report:
    """What a smoke test saw."""

    target: str
    model: str
    version: str
    checks: Sequence[Check]
    load: Load | None = None

    @property
    def passed(self) -> bool:
        """Return whether every check passed; without checks nothing did."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failures(self) -> str:
        """Return what failed, in words."""
        failed = [check for check in self.checks if not check.passed]
        return "; ".join(f"{check.name}: seen {check.seen}, wanted {check.wanted}" for check in failed)

    def write(self, started: str) -> None:
        """Write `smoke/1`."""
        found = asdict(self)
        if self.load and not self.load.requests:  # JSON has no infinity, and no request has no latency
            found["load"] |= {"p50_ms": None, "p95_ms": None, "p99_ms": None}
        head = {"format": "smoke/1", "passed": self.passed, "started": started, "finished": now()}
        write_json(SMOKE, head | found)


@dataclass(frozen=True)
class Target:
    """A service at `url`; `track` is the one that must answer, if any in particular."""

    name: str
    url: str
    track: str | None = None

    def connect(self) -> Client:
        """Return a new connection."""
        return Client(self.url)


def examine(target: Target, evidence: Evidence, settings: Settings, *, load_seconds: float = 0) -> Report:
    """Return what a service shows, one check after another; when it is not ready there is nothing more to see."""
    rules, client = settings["smoke"], target.connect()
    checks, load = [ready(client, rules["ready_seconds"])], None
    if checks[0].passed:
        checks += same_model(client, evidence, target.track)
        checks.append(compare(patient(lambda: client.post("/predict", {"rows": evidence.rows})), evidence))
        checks += contract_kept(client, evidence)
        checks.append(latency(client, evidence, rules))
        if load_seconds:
            load = under_load(target, evidence, load_seconds, settings["load"]["concurrency"])
            checks += load_limits(load, settings["load"])
    client.close()
    return Report(target.name, evidence.name, evidence.version, checks, load)


def ready(client: Client, seconds: float) -> Check:
    """Check that the service becomes ready within `seconds`."""
    end = time.monotonic() + seconds
    while (answer := client.get(READY)).status != 200 and time.monotonic() < end:
        time.sleep(0.5)
    return Check("ready", answer.status == 200, str(answer) or "nothing", f"200 within {seconds:g} s")


def same_model(client: Client, evidence: Evidence, track: str | None) -> Iterator[Check]:
    """Check that the model that runs is the one that was built, and that it runs on the track that was asked."""
    answer = patient(lambda: client.get("/model/metadata"))
    served = identity(answer)
    for key in ("version", "sha256"):
        wanted = str(evidence.metadata["identity"][key])
        seen = str(served.get(key, answer))
        yield Check(f"model {key}", seen == wanted, seen, wanted)
    if track:
        answer = patient(lambda: client.post("/predict", {"rows": [evidence.rows[0]]}))
        seen = answer.headers.get("X-Model-Track", "none")
        yield Check("track", seen == track, seen, track)


def identity(answer: Answer) -> Mapping[str, Any]:
    """Return what a service says of its model; nothing when its answer has another shape."""
    document = answer.json() if answer.status == 200 else None
    found = document.get("identity") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def example_answered(client: Client) -> Iterator[Check]:
    """Check, without files of the model, that a prediction is answered: the service's own example of one.

    A service that documents none, which is not of this project, is not asked.
    """
    document = patient(lambda: client.get("/openapi.json")).json()
    try:
        example = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    except (LookupError, TypeError):
        return
    answer = patient(lambda: client.post("/predict", example))
    passed = answer.status == 200
    yield Check("its own example of a prediction", passed, "200" if passed else _short(answer), "200")


def contract_kept(client: Client, evidence: Evidence) -> Iterator[Check]:
    """Check that a row at the limits of the contract is accepted, and that a row with one fault is refused for it."""
    row = at_the_limits(evidence.schema, evidence.rows[0])
    answer = patient(lambda: client.post("/predict", {"rows": [row]}))
    passed = answer.status == 200
    yield Check("row at the limits of the contract", passed, "200" if passed else _short(answer), "200")
    for case in refused(evidence.schema, evidence.rows[0]):
        answer = patient(lambda body={"rows": [case.row]}: client.post("/predict", body))  # type: ignore[misc]
        body = answer.json()
        detail = body.get("detail") if isinstance(body, dict) else None
        named = isinstance(detail, list) and any(
            isinstance(one, dict) and one.get("column") == case.column for one in detail
        )
        passed, wanted = answer.status == 422 and named, f"422 naming {case.column}"
        yield Check(f"{case.fault} refused", passed, wanted if passed else _short(answer), wanted)
    answer = patient(lambda: client.send("POST", "/predict", b"{no JSON", JSON))
    passed = answer.status in (400, 422)
    yield Check("broken JSON refused", passed, str(answer.status) if passed else _short(answer), "400")


def latency(client: Client, evidence: Evidence, rules: Mapping[str, Any]) -> Check:
    """Check how long single rows take, one after another, the way to the service included."""
    patient(lambda: client.post("/predict", {"rows": [evidence.rows[0]]}))  # opens connections on the way
    bodies = [{"rows": [evidence.rows[number % len(evidence.rows)]]} for number in range(rules["requests"])]
    answers = [patient(lambda body=body: client.post("/predict", body)) for body in bodies]  # type: ignore[misc]
    broken = next((answer for answer in answers if answer.status != 200), None)
    took = percentile([answer.seconds for answer in answers], 0.95) * 1e3
    seen = str(broken) if broken else f"{took:.0f} ms"
    return Check("latency", broken is None and took <= rules["latency_ms"], seen, f"p95 of {rules['latency_ms']:g} ms")


def under_load(target: Target, evidence: Evidence, seconds: float, clients: int) -> Load:
    """Return what a load test with the golden rows sees; a wrong answer is an error like no answer."""

    def judge(number: int, answer: Answer) -> str:
        found = predictions(answer)
        return difference(evidence, number, found[0]) if answer.status == 200 and found else _short(answer)

    bodies = [{"rows": [row]} for row in evidence.rows]
    return load_test.run(target.connect, bodies, judge, seconds=seconds, clients=clients)


def load_limits(load: Load, rules: Mapping[str, Any]) -> Iterator[Check]:
    """Check a load test against the limits; a test without requests shows nothing and fails."""
    passed = load.requests > 0 and load.p95_ms <= rules["p95_ms"]
    yield Check("load: p95", passed, f"{load.p95_ms:.0f} ms of {load.requests} requests", f"{rules['p95_ms']:g} ms")
    passed = load.requests > 0 and load.error_share <= rules["max_error_share"]
    told = f" ({load.first_error})" if load.first_error else ""
    yield Check("load: errors", passed, f"{load.error_share:.2%}{told}", f"at most {rules['max_error_share']:.2%}")


def patient(ask: Callable[[], Answer]) -> Answer:
    """Return the answer of the service, asking again when the way to it gave none."""
    answer = ask()
    for attempt in range(TRIES - 1):
        if not _lost(answer):
            break
        time.sleep(0.5 * 2**attempt)
        answer = ask()
    return answer


def _lost(answer: Answer) -> bool:
    """Say whether the API server, not the service behind it, could not answer."""
    body = answer.json() if answer.status >= 500 else None
    return answer.status == BROKEN or (isinstance(body, dict) and body.get("kind") == "Status")


def _short(answer: Answer) -> str:
    return str(answer)[:120]
