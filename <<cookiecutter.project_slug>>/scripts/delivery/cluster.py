"""One namespace of a cluster through `kubectl`: bounded retries, answers as JSON, failures as one clear line."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .complaints import TRANSIENT, ClusterError, complaint, told
from .errors import MisuseError, say
from .settings import Settings, environment

__all__ = ["Cluster", "ClusterError", "Done"]

MANAGER = "github-actions"  # the one name under which releases own their fields; another name would be a conflict
PROCESS_TIMEOUT = 10  # times the timeout of one request: an apply sends one after another

# The shell ends the proxy when this process is gone, however it went: an orphan would hand the cluster to every
# process of this machine.
PROXY = 'kubectl "$@" & child=$!; trap "kill $child" EXIT; cat > /dev/null'


@dataclass(frozen=True)
class Done:
    """What one call of kubectl answered."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cluster:
    """kubectl in one namespace. Timeouts and pauses are in seconds."""

    namespace: str
    retries: int = 4
    pause: float = 1.0
    timeout: float = 20.0
    patience: float = 60.0

    @classmethod
    def of(cls, settings: Settings, name: str) -> Cluster:
        """Return the cluster of the environment called `name`."""
        rules = settings["cluster"]
        namespace = environment(settings, name)["namespace"]
        waits = (rules["pause_seconds"], rules["request_timeout_seconds"], rules["patience_seconds"])
        return cls(namespace, rules["retries"], *waits)

    def run(self, *arguments: str, stdin: str | None = None, allowed: Collection[int] = (0,)) -> Done:
        """Run kubectl and return its answer; what may pass by itself is tried again, so a call must bear repeating.

        Raises ClusterError when it fails for good, with an exit code outside of `allowed`.
        """
        end = time.monotonic() + self.patience
        for attempt in range(self.retries + 1):
            done = self._once(arguments, stdin)
            broken = done.code not in allowed
            if not broken and not (done.code and TRANSIENT.search(done.err)):
                return done
            if attempt == self.retries or time.monotonic() > end or not TRANSIENT.search(done.err):
                break
            say(f"kubectl {arguments[0]}: {told(done.err)}; trying again")
            time.sleep(self.pause * 2**attempt)
        raise complaint(arguments, done.err, attempt + 1)

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return one object, or None when there is none."""
        answer = self.run("get", kind, name, "--ignore-not-found", "--output=json").out
        return dict(json.loads(answer)) if answer.strip() else None

    def items(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind whose labels fit `selector`, such as `track=canary`."""
        chosen = [f"--selector={selector}"] if selector else []
        return list(json.loads(self.run("get", kind, *chosen, "--output=json").out)["items"])

    def raw(self, path: str) -> str:
        """Return what the API server answers to GET `path`."""
        return self.run("get", "--raw", path).out

    def apply(self, manifests: str, *, dry_run: bool = False, force: bool = True) -> str:
        """Apply server-side, taking over fields of other managers when `force`; return what changed, one line each."""
        options = ["--dry-run=server"] * dry_run + ["--force-conflicts"] * force
        return self.run(
            "apply", "--server-side", f"--field-manager={MANAGER}", *options, "-f", "-", stdin=manifests
        ).out

    def diff(self, manifests: str) -> str:
        """Return the difference that applying `manifests` would make; empty when there is none."""
        options = ("--server-side", "--force-conflicts", f"--field-manager={MANAGER}")
        return self.run("diff", *options, "-f", "-", stdin=manifests, allowed=(0, 1)).out

    def kustomize(self, folder: str) -> str:
        """Return the manifests that a kustomization renders; nothing is sent to the cluster."""
        done = self._once(("kustomize", folder), None)
        if done.code:
            raise MisuseError(f"the manifests cannot be rendered: {told(done.err)}")
        return done.out

    def patch(self, kind: str, name: str, patch: object, *, how: str = "merge") -> None:
        """Patch an object; with `metadata.resourceVersion` in a merge patch, only while it is unchanged."""
        self.run("patch", kind, name, f"--type={how}", f"--field-manager={MANAGER}", f"--patch={json.dumps(patch)}")

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object and return it. Raises ClusterError with the reason AlreadyExists when it is there."""
        options = (f"--field-manager={MANAGER}", "--output=json")
        return dict(json.loads(self.run("create", *options, "-f", "-", stdin=json.dumps(document)).out))

    def scale(self, deployment: str, replicas: int) -> None:
        """Set the number of pods of a Deployment."""
        self.run("scale", f"deployment/{deployment}", f"--replicas={replicas}")

    def can(self, verb: str, resource: str) -> bool:
        """Return whether the cluster allows this identity `verb` on `resource`, such as `services/proxy`."""
        kind, _, subresource = resource.partition("/")
        part = [f"--subresource={subresource}"] if subresource else []
        return self.run("auth", "can-i", verb, kind, *part, allowed=(0, 1)).out.strip() == "yes"

    def logs(self, pod: str, *, previous: bool = False, tail: int = 15) -> str:
        """Return the last lines that a pod wrote, of the container before this one when `previous`."""
        return self.run("logs", pod, f"--tail={tail}", *["--previous"] * previous).out

    @contextmanager
    def proxy(self) -> Iterator[str]:
        """Serve the API on a local port and yield its address; see `service_url` and `pod_url` for what lies behind."""
        command = ["sh", "-c", PROXY, "sh", "proxy", "--port=0", "--address=127.0.0.1"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
        ) as shell:
            assert shell.stdin and shell.stdout
            try:
                said = shell.stdout.readline()
                found = re.search(r"127\.0\.0\.1:\d+", said)
                if not found:
                    raise ClusterError("kubectl proxy did not start; run `kubectl proxy --port=0` to see why")
                yield f"http://{found[0]}"
            finally:
                shell.stdin.close()

    def service_url(self, base: str, service: str, port: int = 80) -> str:
        """Return the address of a Service behind the address that `proxy` yields."""
        return f"{base}/api/v1/namespaces/{self.namespace}/services/http:{service}:{port}/proxy"

    def pod_url(self, base: str, pod: str, port: int = 8080) -> str:
        """Return the address of a pod behind the address that `proxy` yields."""
        return f"{base}/api/v1/namespaces/{self.namespace}/pods/http:{pod}:{port}/proxy"

    def _once(self, arguments: tuple[str, ...], stdin: str | None) -> Done:
        """Run kubectl in a process group of its own: Ctrl-C is for this script, which then undoes what it began."""
        command = ["kubectl", f"--namespace={self.namespace}", f"--request-timeout={self.timeout}s", *arguments]
        limit = self.timeout * PROCESS_TIMEOUT
        try:
            done = subprocess.run(
                command, input=stdin or "", capture_output=True, text=True, timeout=limit, check=False, process_group=0
            )
        except FileNotFoundError as error:
            raise MisuseError("kubectl is not installed; see https://kubernetes.io/docs/tasks/tools/") from error
        except subprocess.TimeoutExpired:
            return Done(1, "", f"timed out after {limit:g} s")
        return Done(done.returncode, done.stdout, done.stderr)
