"""The data contract: one JSON Schema of a row and the expectations of a table, loaded and checked once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, cast

from ..errors import ContractError, did_you_mean, each_fault
from . import contract_faults, expectations
from .changes import Change, compare
from .expectations import Expectations
from .semantics import Json
from .vocabulary import Role, categories_of, types_of

__all__ = ["Change", "Column", "Contract", "Violation", "compare", "from_schema", "load_contract", "load_proven"]

SCHEMA, TABLE = "data.schema.json", "dataset.toml"  # the files of a contract
Problem = Literal["binary", "multiclass", "regression"]
BINARY_CLASSES = 2
UNKNOWN = "additionalProperties"


@dataclass(frozen=True)
class Column:
    """One property of the row schema."""

    name: str
    schema: Mapping[str, Json]
    role: Role
    types: frozenset[str]
    nullable: bool
    categories: tuple[Json, ...] | None
    slice: bool

    @property
    def numeric(self) -> bool:
        """Whether the model treats the column as a quantity: numbers that are not enumerated."""
        return self.numbers_only and self.categories is None

    @property
    def numbers_only(self) -> bool:
        """Whether every value but null is a number."""
        return self.types <= {"integer", "number"}


@dataclass(frozen=True)
class Contract:
    """Columns in the order of the schema, and what a whole table must satisfy."""

    schema: Mapping[str, Json]
    columns: tuple[Column, ...]
    expectations: Expectations = field(default_factory=Expectations)

    def __getitem__(self, name: str) -> Column:
        """Return the column called `name`; ContractError suggests the nearest when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        names = [column.name for column in self.columns]
        raise ContractError(f"the contract has no column {name!r}{did_you_mean(name, names)}")

    def _named(self, role: Role) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.role == role)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that the model sees."""
        return self._named("feature")

    @property
    def numeric_features(self) -> tuple[str, ...]:
        """Names of the features that are quantities."""
        return tuple(name for name in self.features if self[name].numeric)

    @property
    def categorical_features(self) -> tuple[str, ...]:
        """Names of the features that are not quantities."""
        return tuple(name for name in self.features if not self[name].numeric)

    @property
    def slices(self) -> tuple[str, ...]:
        """Names of the columns whose groups are judged one by one."""
        return tuple(column.name for column in self.columns if column.slice)

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the columns that training reads: those not ignored, and slices."""
        return tuple(column.name for column in self.columns if column.role != "ignored" or column.slice)

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the columns that identify a row."""
        return self._named("id")

    @property
    def target(self) -> Column:
        """The column to predict."""
        return self[self._named("target")[0]]

    @property
    def timestamp(self) -> Column | None:
        """The column that orders rows in time, when there is one."""
        return next((column for column in self.columns if column.role == "timestamp"), None)

    @property
    def classes(self) -> tuple[Json, ...]:
        """JSON labels of the target in the order of its enum; empty for regression."""
        return self.target.categories or ()

    @property
    def problem(self) -> Problem:
        """What kind of prediction the target asks for."""
        if not self.classes:
            return "regression"
        return "binary" if len(self.classes) == BINARY_CLASSES else "multiclass"

    @property
    def positive(self) -> Json:
        """The positive label of a binary target (`x-positive`, else the last of the enum); None otherwise."""
        if self.problem != "binary":
            return None
        return self.target.schema.get("x-positive", self.classes[-1])

    @property
    def version(self) -> str:
        """The declared version, `MAJOR.MINOR.PATCH`."""
        return str(self.schema["x-version"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the schema's canonical JSON: the same whatever the order of keys and the spacing."""
        return digest_of(self.schema)


@dataclass(frozen=True)
class Violation:
    """A rule that `count` rows break; `examples` are (row from 1, value), `column` is empty for whole rows."""

    column: str
    rule: str
    limit: Json
    count: int
    examples: tuple[tuple[int, Json], ...] = ()
    hint: str = ""


def load_contract(folder: Path = Path("contract")) -> Contract:
    """Return the contract in `folder`; ContractError lists every fault of both files at once."""
    schema_path, table_path = folder / SCHEMA, folder / TABLE
    schema, faults = contract_faults.read_schema(schema_path)
    if not faults:
        faults = contract_faults.schema_faults(schema, str(schema_path))
    demands, more = expectations.load(table_path)
    faults += more
    if isinstance(schema, dict):
        faults += contract_faults.expectation_faults(schema, demands, str(table_path))
    _refuse(faults)
    return _build(schema, demands)


def load_proven(folder: Path, digest: str) -> Contract:
    """Return the contract of rows in `folder`, whose schema was found free of faults when it had this `digest`.

    What a whole table must satisfy is left out. A schema of another digest is searched for faults like a new contract.
    """
    schema, faults = contract_faults.read_schema(folder / SCHEMA)
    if faults or digest_of(schema) != digest:
        return load_contract(folder)
    return _build(schema, Expectations())


def digest_of(schema: Json) -> str:
    """Return the SHA-256 of the schema's canonical JSON."""
    canonical = json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def from_schema(schema: Json, name: str, demands: Expectations | None = None) -> Contract:
    """Return the contract of a parsed `schema`; ContractError lists every fault of the file called `name`."""
    _refuse(contract_faults.schema_faults(schema, name))
    return _build(schema, demands or Expectations())


def near(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the nearest known name, or nothing."""
    return did_you_mean(name, known).removeprefix("; ")


def _build(schema: Mapping[str, Json], demands: Expectations) -> Contract:
    return Contract(schema, tuple(_column(name, schema) for name in schema["properties"]), demands)


def _column(name: str, root: Mapping[str, Json]) -> Column:
    schema = root["properties"][name]
    types = types_of(schema, root)
    return Column(
        name=name,
        schema=schema,
        role=cast(Role, schema["x-role"]),
        types=frozenset(types - {"null"}),
        nullable="null" in types,
        categories=categories_of(schema, root),
        slice=bool(schema.get("x-slice", False)),
    )


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ContractError(faults[0] if len(faults) == 1 else each_fault("the contract", faults))
