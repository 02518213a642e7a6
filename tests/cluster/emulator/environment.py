"""The environment of a container, from the pod's spec and the ConfigMaps and Secrets it names."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping

from .resources import CONFIG_MAPS, SECRETS, Obj
from .store import Store

_PART = re.compile(r"(\w+)(?:\['([^']+)'\])?")
_REFERENCE = re.compile(r"\$\((\w+)\)")


class ConfigError(Exception):
    """A ConfigMap, a Secret or a key of one is missing: CreateContainerConfigError."""


def environment(store: Store, pod: Obj, container: Obj) -> dict[str, str]:
    """Return the variables of a container; raises ConfigError."""
    values: dict[str, str] = {}
    for source in container.get("envFrom", []):
        for name, text in _whole(store, pod, source).items():
            values[source.get("prefix", "") + name] = text
    for variable in container.get("env", []):
        for text in _value(store, pod, variable, values):
            values[variable["name"]] = text
    return values


def _value(store: Store, pod: Obj, variable: Obj, known: Mapping[str, str]) -> Iterator[str]:
    source = variable.get("valueFrom")
    if not source:
        yield _REFERENCE.sub(lambda found: known.get(found[1], found[0]), variable.get("value", ""))
    elif reference := source.get("fieldRef"):
        yield field_of(pod, reference["fieldPath"])
    elif reference := source.get("configMapKeyRef") or source.get("secretKeyRef"):
        data = _data(store, pod, reference, secret="secretKeyRef" in source)
        if reference["key"] in data:
            yield data[reference["key"]]
        elif not reference.get("optional"):
            kind = "Secret" if "secretKeyRef" in source else "ConfigMap"
            where = f"{pod['metadata']['namespace']}/{reference['name']}"
            raise ConfigError(f"couldn't find key {reference['key']} in {kind} {where}")
    else:
        raise ConfigError(f"the source {sorted(source)} of {variable['name']} is not emulated")


def _whole(store: Store, pod: Obj, source: Obj) -> dict[str, str]:
    secret = "secretRef" in source
    return _data(store, pod, source["secretRef" if secret else "configMapRef"], secret=secret)


def _data(store: Store, pod: Obj, reference: Obj, *, secret: bool) -> dict[str, str]:
    found = store.get(SECRETS if secret else CONFIG_MAPS, pod["metadata"]["namespace"], reference["name"])
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{"secret" if secret else "configmap"} "{reference["name"]}" not found')
    data: dict[str, str] = found.get("data") or {}
    return {name: base64.b64decode(text).decode() for name, text in data.items()} if secret else data


def field_of(pod: Obj, path: str) -> str:
    """Return a field of the pod as the downward API gives it: `metadata.labels['track']`."""
    value: object = pod
    for name, key in _PART.findall(path.replace("status.hostIP", "status.podIP")):
        value = value.get(name) if isinstance(value, dict) else None
        if key:
            value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else str(value)
