"""What kubectl says when it fails: whether it may pass by itself, whose word it is, and what to run next."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import DeliveryError

# What may pass by itself: the way to the API server, and its own trouble. A conflict or a refusal does not.
TRANSIENT = re.compile(
    r"connection refused|was refused - did you specify|connection reset|connection lost|broken pipe|\bEOF\b|i/o timeout"
    r"|TLS handshake timeout|Client\.Timeout|context deadline exceeded|request canceled|no such host|no route to host"
    r"|network is unreachable|etcdserver|too many requests|currently unable to handle the request|timed out"
    r"|an error on the server|unable to return a response in the time|unable to retrieve the complete list"
    r"|couldn't get current server API|\((?:InternalError|ServiceUnavailable|TooManyRequests|Timeout|ServerTimeout)\)"
    r"|Bad Gateway|Gateway Timeout",
    re.IGNORECASE,
)
REASON = re.compile(r"Error from server \((\w+)\)")
UNTOLD = re.compile(r"^[EIW]\d{4} \d\d:|^Warning:|^\s*$")  # log lines and warnings
# What follows on the fields of a conflict. The bullets of other complaints say which fields are wrong.
ADVICE = re.compile(r"^Please review the fields above.*?(?:^See https\S*|\Z)", re.MULTILINE | re.DOTALL)


class ClusterError(DeliveryError):
    """kubectl failed; `reason` is the API server's word for it, such as Forbidden; `output` is all that was said."""

    def __init__(self, message: str, *, reason: str = "", transient: bool = False, output: str = "") -> None:
        """Keep what callers decide by."""
        super().__init__(message)
        self.reason, self.transient, self.output = reason, transient, output


def complaint(arguments: Sequence[str], err: str, tries: int) -> ClusterError:
    """Return what kubectl said as an error that names the command that shows more."""
    found, transient = REASON.search(err), bool(TRANSIENT.search(err))
    reason = found[1] if found else "Unauthorized" if "Unauthorized" in err else ""
    advice = ""
    if "localhost:8080" in err:
        advice = "; no kubeconfig was found: set KUBECONFIG"
    elif transient:
        advice = "; see `kubectl cluster-info`"
    elif reason in ("Forbidden", "Unauthorized"):
        advice = "; see `kubectl auth whoami` and k8s/cluster/"
    elif re.search(r'namespaces "[^"]+" not found', err):
        advice = "; a cluster administrator applies k8s/cluster/ once"
    what = " ".join(part for part in arguments[:3] if not part.startswith(("-", "{")))
    often = f" after {tries} tries" if transient and tries > 1 else ""
    message = f"kubectl {what} failed{often}: {told(err)}{advice}"
    return ClusterError(message, reason=reason, transient=transient, output=err)


def told(err: str) -> str:
    """Return what of kubectl's complaint says what is wrong, in one line, shortened."""
    lines = [line.strip() for line in ADVICE.sub("", err).splitlines() if not UNTOLD.search(line)]
    text = " ".join(lines) or "it gave no reason"
    return text if len(text) <= 400 else f"{text[:400]}…"
