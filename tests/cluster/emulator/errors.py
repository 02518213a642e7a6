"""What the API server answers when it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .resources import Obj, Resource


class ApiError(Exception):
    """A refusal: an HTTP code with the Status object that explains it."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> Obj:
        """Return the Status object that goes over the wire."""
        body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message, "reason": self.reason, "code": self.code}
        return body | ({"details": self.details} if self.details else {})


def _named(resource: Resource, name: str) -> Obj:
    return {"name": name, "group": resource.group, "kind": resource.plural}


def not_found(resource: Resource, name: str) -> ApiError:
    """Return the answer for an object that is not there."""
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found', **_named(resource, name))


def exists(resource: Resource, name: str) -> ApiError:
    """Return the answer for a second object of one name."""
    return ApiError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', **_named(resource, name))


def stale(resource: Resource, name: str) -> ApiError:
    """Return the answer for a write that is based on an older version of the object."""
    text = "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {text}'
    return ApiError(409, "Conflict", message, **_named(resource, name))


def invalid(resource: Resource, name: str, field: str, message: str) -> ApiError:
    """Return the answer for an object that breaks a rule of its kind."""
    return all_invalid(resource, name, {field: message})


def all_invalid(resource: Resource, name: str, wrong: Mapping[str, str]) -> ApiError:
    """Return the answer for an object of which several fields are wrong: what of each."""
    label = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    causes = [{"reason": "FieldValueInvalid", "message": told, "field": field} for field, told in wrong.items()]
    found = [f"{field}: {told}" for field, told in wrong.items()]
    listed = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
    details = {**_named(resource, name), "kind": resource.kind, "causes": causes}
    return ApiError(422, "Invalid", f'{label} "{name}" is invalid: {listed}', **details)


def bad_request(message: str) -> ApiError:
    """Return the answer for a request that cannot be read."""
    return ApiError(400, "BadRequest", message)


def unavailable(message: str) -> ApiError:
    """Return the answer when what stands behind the API server does not answer."""
    return ApiError(503, "ServiceUnavailable", message)
