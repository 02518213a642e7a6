"""`POST /invocations`: the scoring protocol of MLflow, in its four JSON forms and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from itertools import islice
from typing import Any

from ..contracts.contract import Contract
from ..contracts.csv_cells import cell_parser
from . import bodies
from .bodies import Headers
from .protocols import Answer, Question, as_bytes, details, rows_of
from .refusals import Refusal, bad_request

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CODES = {400: "BAD_REQUEST", 422: "INVALID_PARAMETER_VALUE", 503: "TEMPORARILY_UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


class Invocations:
    """MLflow's protocol; `params` beside the rows are taken and have no effect."""

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._most = max_rows
        self._features = list(contract.features)
        self._cells = {column.name: cell_parser(column) for column in contract.columns}
        self._forms: dict[str, Callable[[Any], list[Any]]] = {
            "dataframe_split": self._split,
            "dataframe_records": _records,
            "instances": self._rows,
            "inputs": self._inputs,
        }

    def read(self, headers: Headers, body: bytes) -> Question:
        """Return the rows in `body`."""
        kind = bodies.media_type(headers)
        if kind == "text/csv":
            return Question(self._table(body))
        if kind != "application/json":
            raise Refusal(415, f"the content type is {kind!r}, wanted application/json or text/csv")
        document = bodies.as_json(body)
        asked = [name for name in document if name != "params"] if isinstance(document, dict) else []
        if len(asked) != 1 or asked[0] not in FORMS:
            raise bad_request(f"the body has another shape, wanted an object with exactly one of {', '.join(FORMS)}")
        return Question(self._forms[asked[0]](document[asked[0]]))

    def _split(self, table: Any) -> list[Any]:
        if not isinstance(table, dict) or not isinstance(table.get("columns"), list):
            raise bad_request('dataframe_split has another shape, wanted {"columns": [name, …], "data": [[…], …]}')
        return _matrix("dataframe_split.data", _unique(table["columns"]), table.get("data"))

    def _rows(self, rows: Any) -> list[Any]:
        if isinstance(rows, list) and any(isinstance(row, dict) for row in rows):
            return rows
        return _matrix("instances", self._features, rows)

    def _inputs(self, inputs: Any) -> list[Any]:
        if not isinstance(inputs, dict):
            return self._rows(inputs)
        columns = {name: values if isinstance(values, list) else [values] for name, values in inputs.items()}
        columns = {name: [_scalar(value) for value in values] for name, values in columns.items()}
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise bad_request(f"the columns of inputs have {sorted(lengths)} values, wanted as many in each")
        return rows_of(list(columns), list(zip(*columns.values(), strict=True)))

    def _table(self, body: bytes) -> list[Any]:
        try:
            read = csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
            # A header and one row too many are enough to refuse: short lines take 40 times their size as objects.
            lines = list(islice(filter(None, read), self._most + 2))
        except (UnicodeDecodeError, csv.Error) as error:
            raise bad_request(f"the body is not CSV in UTF-8: {error}") from error
        if not lines:
            raise bad_request("the body is empty, wanted a line of column names and a line for each row")
        header, *table = lines
        names = _unique(header)
        rows = _matrix("the body", names, table)
        parsers = {name: self._cells[name] for name in names if name in self._cells}
        return [{name: parsers[name](cell) if name in parsers else cell for name, cell in row.items()} for row in rows]

    def write(self, question: Question, answer: Answer) -> bytes:
        """Return the predictions alone, as MLflow's client expects."""
        return as_bytes({"predictions": answer.predictions})

    def refuse(self, refusal: Refusal) -> bytes:
        """Return MLflow's error code and message."""
        code = CODES.get(refusal.status, "BAD_REQUEST" if refusal.status < 500 else "INTERNAL_ERROR")
        document = {"error_code": code, "message": refusal.message}
        return as_bytes(document | ({"detail": details(refusal)} if refusal.violations else {}))


def _records(rows: Any) -> list[Any]:
    if not isinstance(rows, list):
        raise bad_request("dataframe_records has another shape, wanted [{column: value, …}, …]")
    return rows


def _unique(names: list[Any]) -> list[str]:
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise bad_request("the columns are not texts that differ, wanted each column once")
    return names


def _matrix(what: str, columns: list[str], rows: Any) -> list[Any]:
    if not isinstance(rows, list) or any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
        raise bad_request(f"{what} has another shape, wanted rows of {len(columns)} values: {', '.join(columns)}")
    return rows_of(columns, rows)


def _scalar(value: Any) -> Any:
    """Return the one value of a tensor's row, as in a column of shape (rows, 1)."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
