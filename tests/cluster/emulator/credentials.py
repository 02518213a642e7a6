"""Certificates and kubeconfigs for the emulated API server."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


@cache
def certificate() -> tuple[bytes, bytes]:
    """Return a self-signed certificate for this machine's loopback address, and its key, made once per process."""
    with TemporaryDirectory() as folder:
        key, cert = Path(folder, "key.pem"), Path(folder, "cert.pem")
        command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-days", "2", "-subj", "/CN=cluster-emulator", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
        return cert.read_bytes(), key.read_bytes()


def server_context(directory: Path) -> ssl.SSLContext:
    """Return what a TLS server needs."""
    pair = directory / "server.pem"
    pair.touch(mode=0o600)
    pair.write_bytes(b"".join(certificate()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    return context


def kubeconfig(url: str, token: str, namespace: str) -> str:
    """Return the text of a kubeconfig."""
    cluster = {"server": url}
    if url.startswith("https:"):
        cluster["certificate-authority-data"] = base64.b64encode(certificate()[0]).decode()
    context = {"cluster": "emulator", "user": "client", "namespace": namespace}
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "emulator",
        "clusters": [{"name": "emulator", "cluster": cluster}],
        "users": [{"name": "client", "user": {"token": token}}],
        "contexts": [{"name": "emulator", "context": context}],
    }
    return json.dumps(body, indent=1)  # JSON is YAML
