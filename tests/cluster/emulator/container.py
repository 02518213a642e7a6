"""One container of a pod: pull, start, probe, restart, stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from . import probes
from .environment import ConfigError, environment
from .health import Health
from .launcher import Launcher, Ports, Process, Program, Warden
from .probes import Target
from .resources import Obj
from .store import Store, timestamp
from .timing import Timing

FIRST_BACK_OFF, LAST_BACK_OFF = 10.0, 300.0  # cluster seconds


@dataclass(frozen=True)
class Machine:
    """What containers need of the node they run on."""

    store: Store
    launcher: Launcher
    timing: Timing
    ports: Ports
    warden: Warden
    directory: Path
    event: Callable[[Obj, str, str, str], None]  # about whom, type, reason, message


class Owner(Protocol):
    """The pod, as its containers see it."""

    def published(self) -> None:
        """Hear that a container's state changed."""

    def current(self) -> Obj:
        """Return the pod's latest state."""


@dataclass
class Status:
    """What the pod's status says of a container."""

    state: Obj = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: Obj = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restarts: int = 0

    def written(self, container: Obj) -> Obj:
        """Return the entry of `containerStatuses`."""
        image = container["image"]
        body = {"name": container["name"], "image": image, "imageID": image if "@" in image else ""}
        return body | {
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last,
        }


class Container:
    """Runs in a thread of its own from the pod's start to its end."""

    def __init__(self, machine: Machine, owner: Owner, spec: Obj) -> None:
        self.spec, self.status = spec, Status()
        self.logs: list[Path] = []
        self.port = 0
        self._machine, self._owner = machine, owner
        self._wake = threading.Condition()
        self._leaving = False
        self._grace = 0.0
        self._process: Process | None = None
        self._target = Target("127.0.0.1", 0, {})

    @property
    def name(self) -> str:
        """Return the container's name."""
        return str(self.spec["name"])

    @property
    def process(self) -> Process | None:
        """Return the latest process."""
        return self._process

    def leave(self, grace: float) -> None:
        """Ask the container to end within `grace` cluster seconds, 0 for at once."""
        with self._wake:
            self._leaving, self._grace = True, grace
            self._wake.notify_all()
        if grace <= 0 and self._process:
            self._process.stop(0)

    def poke(self) -> None:
        """Look again at what the container waits for."""
        with self._wake:
            self._wake.notify_all()

    def run(self) -> None:
        """Live until the pod is deleted."""
        back_off = FIRST_BACK_OFF
        while program := self._pulled():
            started = time.monotonic()
            if not self._start(program):
                break
            self._supervise()
            if self._leaving:
                break
            self._ended()
            if time.monotonic() - started > self._machine.timing.real(2 * LAST_BACK_OFF):
                back_off = FIRST_BACK_OFF
            self._back_off(back_off)
            back_off = min(2 * back_off, LAST_BACK_OFF)
        self._stop()

    def _sleep(self, seconds: float) -> bool:
        """Wait cluster seconds; True when the container has to leave."""
        with self._wake:
            self._wake.wait_for(lambda: self._leaving, self._machine.timing.real(seconds))
            return self._leaving

    def _publish(self, state: Obj, *, ready: bool = False, started: bool = False) -> None:
        if (self.status.state, self.status.ready, self.status.started) == (state, ready, started):
            return
        self.status.state, self.status.ready, self.status.started = state, ready, started
        self._owner.published()

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._machine.event(self._owner.current(), kind, reason, message)

    def _pulled(self) -> Program | None:
        """Return the image's program, however long its pull takes; None when the pod is deleted before."""
        image, reason, back_off = self.spec["image"], "ErrImagePull", FIRST_BACK_OFF
        while not self._leaving:
            if program := self._machine.launcher.find(image):
                return program
            problem = f'failed to pull and unpack image "{image}": not found'
            self._event("Warning", "Failed", f'Failed to pull image "{image}": {problem}')
            backing_off = f'Back-off pulling image "{image}": ErrImagePull: {problem}'
            for reason, text in (("ErrImagePull", problem), ("ImagePullBackOff", backing_off)):
                self._publish({"waiting": {"reason": reason, "message": text}})
            self._event("Normal", "BackOff", f'Back-off pulling image "{image}"')
            self._sleep(back_off)
            back_off = min(2 * back_off, LAST_BACK_OFF)
        return None

    def _start(self, program: Program) -> bool:
        """Start the process once its configuration is there; False when the pod is deleted before."""
        while True:
            try:
                wanted = environment(self._machine.store, self._owner.current(), self.spec)
                break
            except ConfigError as problem:
                self._publish({"waiting": {"reason": "CreateContainerConfigError", "message": str(problem)}})
                self._event("Warning", "Failed", f"Error: {problem}")
                if self._sleep(FIRST_BACK_OFF):
                    return False
        self.port = self._machine.ports.take()
        own = {"HOST": "127.0.0.1", "PORT": str(self.port)}
        self._target = Target("127.0.0.1", self.port, {**program.environment, **wanted, **own})
        log = self._machine.directory / f"{self._owner.current()['metadata']['name']}-{self.name}-{len(self.logs)}.log"
        self.logs.append(log)
        self._process = Process(program, self._target.environment, log, self.poke, self._machine.warden)
        self._publish({"running": {"startedAt": timestamp()}})
        return True

    def _gone(self) -> bool:
        return self._leaving or self._process is None or self._process.code is not None

    def _pause(self, seconds: float) -> bool:
        """Wait real seconds; True when the process ended or has to."""
        with self._wake:
            return self._wake.wait_for(self._gone, max(seconds, 0.0))

    def _supervise(self) -> None:
        """Probe the process until it ends, is found dead, or has to leave."""
        health = Health(
            self.spec,
            self._target,
            self._machine.timing,
            self._pause,
            lambda ready, started: self._publish(self.status.state, ready=ready, started=started),
            lambda message: self._event("Warning", "Unhealthy", message),
        )
        if why := health.watch():
            self._kill(why)

    def _kill(self, why: str) -> None:
        self._event("Normal", "Killing", why)
        if self._process:
            self._process.stop(
                self._machine.timing.grace(self._owner.current()["spec"]["terminationGracePeriodSeconds"])
            )

    def _ended(self) -> None:
        code = self._process.code if self._process else 0
        self.status.last = {"terminated": _terminated(code or 0)}
        self.status.restarts += 1
        self._publish({"terminated": _terminated(code or 0)})

    def _back_off(self, seconds: float) -> None:
        pod = self._owner.current()["metadata"]["name"]
        text = f"back-off {seconds:.0f}s restarting failed container={self.name} pod={pod}"
        self._publish({"waiting": {"reason": "CrashLoopBackOff", "message": text}})
        self._event("Warning", "BackOff", f"Back-off restarting failed container {self.name} in pod {pod}")
        self._sleep(seconds)

    def _stop(self) -> None:
        """Run the preStop hook, then SIGTERM, then SIGKILL; all within the grace period."""
        process, timing = self._process, self._machine.timing
        if process is None or process.code is not None:
            return
        begun = time.monotonic()
        grace = timing.grace(self._grace)
        if grace > 0:
            self._before_stop(process)
        process.stop(max(grace - (time.monotonic() - begun), 0.05) if grace > 0 else 0)
        self._publish({"terminated": _terminated(process.code or 0)})

    def _before_stop(self, process: Process) -> None:
        hook = self.spec.get("lifecycle", {}).get("preStop") or {}
        seconds = self._machine.timing.real(self._grace)
        if "sleep" in hook:
            process.wait(self._machine.timing.real(min(hook["sleep"]["seconds"], self._grace)))
        elif "httpGet" in hook:
            probes.http_get(hook["httpGet"], self._target, max(seconds, 1.0))
        elif "exec" in hook:
            probes.execute(hook["exec"]["command"], self._target, max(seconds, 1.0))


def _terminated(code: int) -> Obj:
    reason = "Completed" if code == 0 else "Error"
    return {"exitCode": code, "reason": reason, "finishedAt": timestamp()}
