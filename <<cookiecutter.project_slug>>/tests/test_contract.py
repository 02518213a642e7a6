"""Contracts: every fault at once, rows judged one by one, changes classified."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>>.contracts.contract import (
    Contract,
    compare,
    digest_of,
    from_schema,
    load_contract,
    load_proven,
)
from <<cookiecutter.package_name>>.contracts.contract_review import next_version, review
from <<cookiecutter.package_name>>.contracts.rows import check_row
from <<cookiecutter.package_name>>.errors import ContractError

from tests.contracts import make_contract, make_schema

FEATURE = {"x-role": "feature"}
GOOD_ROW = {"id": "a", "day": "2024-01-01", "plan": "basic", "fee": 1.5, "visits": 3, "won": 0}


def write_contract(folder: Path, schema: object, table: str = "[rows]\nmin = 1\n") -> Path:
    """Write the two files of a contract."""
    (folder / "data.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    (folder / "dataset.toml").write_text(table, encoding="utf-8")
    return folder


def test_a_schema_that_is_proven_is_not_searched_for_faults_again(tmp_path: Path) -> None:
    schema = make_schema({"fee": {"type": "number", "mininum": 0, "x-role": "feature"}})
    write_contract(tmp_path, schema)
    assert load_proven(tmp_path, digest_of(schema)).schema == schema
    with pytest.raises(ContractError, match="mininum"):
        load_proven(tmp_path, "another's")


def test_a_contract_tells_roles_problem_and_expectations(tmp_path: Path) -> None:
    table = '[rows]\nmin = 3\n[nulls]\nfee = 0.5\n[unique]\nkeys = [["id", "day"]]\n[target]\nmin_class_share = 0.1\n'
    contract = load_contract(write_contract(tmp_path, make_schema(), table))
    assert contract.features == ("plan", "fee", "visits")
    assert (contract.numeric_features, contract.categorical_features) == (("fee", "visits"), ("plan",))
    assert (contract.target.name, contract.ids, contract.timestamp and contract.timestamp.name) == (
        "won",
        ("id",),
        "day",
    )
    assert (contract.problem, contract.classes, contract.positive) == ("binary", (0, 1), 1)
    assert (contract.expectations.unique, contract.expectations.nulls) == ((("id", "day"),), {"fee": 0.5})
    assert contract["fee"].nullable and not contract["visits"].nullable


def test_the_digest_ignores_the_order_of_keys_but_not_a_limit() -> None:
    schema = make_schema()
    turned = dict(reversed(schema.items()))
    assert from_schema(schema, "a").digest == from_schema(turned, "b").digest
    assert make_contract({"visits": {"type": "integer", "minimum": 1, **FEATURE}}).digest != make_contract().digest


@pytest.mark.parametrize(
    ("target", "problem", "classes"),
    [
        ({"type": "number"}, "regression", ()),
        ({"type": "boolean"}, "binary", (False, True)),
        ({"enum": ["x", "y", "z"]}, "multiclass", ("x", "y", "z")),
    ],
    ids=["number", "boolean", "three texts without type"],
)
def test_the_target_tells_the_problem(target: Mapping[str, Any], problem: str, classes: tuple[Any, ...]) -> None:
    contract = make_contract({"won": {**target, "x-role": "target"}})
    assert (contract.problem, contract.classes) == (problem, classes)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "role": ({"fee": {"type": "number", "x-role": "feture"}}, "#/properties/fee/x-role: seen 'feture', wanted one of"),
    "near role": ({"fee": {"type": "number", "x-role": "feture"}}, "did you mean 'feature'?"),
    "type": ({"fee": {"minimum": 0, **FEATURE}}, "#/properties/fee/type: seen nothing, wanted some of string"),
    "array": ({"fee": {"type": "array", **FEATURE}}, "#/properties/fee/type: seen array"),
    "metaschema": ({"fee": {"type": "number", "minimum": "0", **FEATURE}}, "#/properties/fee/minimum: '0' is not of"),
    "unknown type": (
        {"fee": {"type": "numbr", **FEATURE}},
        "#/properties/fee/type: seen 'numbr', wanted some of string, .*; did you mean 'number'",
    ),
    "keyword": (
        {"fee": {"type": "number", "minimun": 0, **FEATURE}},
        "fee/minimun: no keyword .* did you mean 'minimum'",
    ),
    "format": (
        {"id": {"type": "string", "format": "dat", "x-role": "id"}},
        "id/format: seen 'dat'.*did you mean 'date'",
    ),
    "pattern": ({"id": {"type": "string", "pattern": "(", "x-role": "id"}}, "id/pattern: seen '\\('"),
    "object in enum": ({"plan": {"enum": ["a", {}], **FEATURE}}, "plan/enum: seen {}"),
    "two targets": (
        {"fee": {"type": "number", "x-role": "target"}},
        "'fee', 'won' with x-role 'target', wanted exactly one",
    ),
    "no target": ({"won": {"type": "integer", **FEATURE}}, "no column with x-role 'target', wanted exactly one"),
    "nullable target": ({"won": {"enum": [0, 1, None], "x-role": "target"}}, "won/type: a target that may be null"),
    "text target": ({"won": {"type": "string", "x-role": "target"}}, "won/enum: nothing there, wanted the classes"),
    "one class": ({"won": {"enum": [1], "x-role": "target"}}, "won/enum: seen \\[1\\], wanted at least two classes"),
    "fractions": (
        {"won": {"enum": [0.5, 1.0], "x-role": "target"}},
        "won/enum: seen 0.5, wanted text or whole numbers",
    ),
    "positive": ({"won": {"enum": [0, 1], "x-positive": 2, "x-role": "target"}}, "x-positive: seen 2, wanted one of"),
    "positive is true": ({"won": {"enum": [0, 1], "x-positive": True, "x-role": "target"}}, "x-positive: seen True"),
    "stray positive": ({"plan": {"enum": ["a"], "x-positive": "a", **FEATURE}}, "plan/x-positive: stands on a column"),
    "slice": (
        {"fee": {"type": "number", "x-slice": True, **FEATURE}},
        "fee/x-slice: seen true on a column without enum",
    ),
    "nulls": ({"fee": {"type": "number", "x-nulls": "-", **FEATURE}}, "fee/x-nulls: seen '-', wanted a list"),
    "two timestamps": ({"id": {"type": "string", "x-role": "timestamp"}}, "'id', 'day' with x-role 'timestamp'"),
    "timestamp": (
        {"day": {"type": ["string", "null"], "x-role": "timestamp"}},
        "day/type: seen null, string, wanted string",
    ),
    "no features": (dict.fromkeys(("plan", "fee", "visits")), "no column with x-role 'feature'"),
    "version": ({}, "x-version: seen '1.0', wanted a version such as '1.0.0'"),
    "required": ({}, "#/required: seen 'plam', which is no property; did you mean 'plan'"),
    "optional": ({}, "required: feature 'visits' is missing"),
}
ROOTS: dict[str, dict[str, Any]] = {
    "version": {"x-version": "1.0"},
    "required": {"required": ["day", "plam", "plan", "fee", "visits", "won"]},
    "optional": {"required": ["day", "won", "plan"]},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_schema_is_refused_with_the_place_and_what_is_wanted(name: str, tmp_path: Path) -> None:
    properties, message = FAULTS[name]
    write_contract(tmp_path, make_schema(properties, **ROOTS.get(name, {})))
    with pytest.raises(ContractError, match=f"data.schema.json.*{message}"):
        load_contract(tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[rows]\nmni = 3", "dataset.toml: unknown key rows.mni; did you mean 'min'"),
        ("[nulls]\nfees = 0.1", "dataset.toml: nulls names 'fees'.* did you mean 'fee'"),
        ("[nulls]\nfee = 2", "dataset.toml: nulls.fee is 2, wanted at most 1"),
        ('[unique]\nkeys = [["idd"]]', "dataset.toml: unique.keys names 'idd'"),
        ("[unique]\nkeys = [[]]", r"dataset.toml: unique.keys.0 is \[\], wanted a list of 1 or more"),
        ("[rows]\nmin = nan", "dataset.toml: rows.min is nan, wanted an integer"),
        ('[csv]\ndelimiter = ":"', r"dataset.toml: csv.delimiter is ':', wanted one of ',', ';', '\\t', '\|'"),
        ("[rows", "dataset.toml: not TOML"),
    ],
    ids=["unknown key", "unknown column", "share", "unknown key column", "empty key", "nan", "delimiter", "syntax"],
)
def test_a_faulty_dataset_file_is_refused(table: str, message: str, tmp_path: Path) -> None:
    write_contract(tmp_path, make_schema(), table)
    with pytest.raises(ContractError, match=message):
        load_contract(tmp_path)


def test_expectations_must_fit_the_roles(tmp_path: Path) -> None:
    schema = make_schema({"won": {"type": "number", "x-role": "target"}, "day": None})
    write_contract(tmp_path, schema, "[target]\nmin_class_share = 0.1\n[freshness]\nmax_age_days = 3\n")
    with pytest.raises(
        ContractError, match=r"min_class_share is set, but the target is a number.*\s.*freshness is set, but no column"
    ):
        load_contract(tmp_path)


def test_all_faults_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    write_contract(
        tmp_path, make_schema({"fee": {"type": "number", "x-role": "?"}}, **{"x-version": 1}), "[rows]\nmin = 0\n"
    )
    with pytest.raises(ContractError, match=r"has 3 faults") as error:
        load_contract(tmp_path)
    assert all(
        part in str(error.value)
        for part in ("rows.min is 0, wanted at least 1", "#/x-version", "#/properties/fee/x-role")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not found; write it by hand or with scripts/infer_contract.py"),
        ("{", "cannot be read as JSON"),
        ('{"a": 1, "a": 2}', "key 'a' stands twice"),
        ("[]", "not of type 'object'"),
        ("{}", "#/properties: nothing there"),
    ],
    ids=["missing", "syntax", "duplicate key", "array", "empty"],
)
def test_an_unreadable_schema_is_refused(text: str | None, message: str, tmp_path: Path) -> None:
    write_contract(tmp_path, {})
    path = tmp_path / "data.schema.json"
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match=message):
        load_contract(tmp_path)


def test_a_good_row_breaks_nothing_and_nan_is_null() -> None:
    assert check_row(make_contract(), GOOD_ROW) == []
    assert check_row(make_contract(), {**GOOD_ROW, "fee": float("nan")}) == []


@pytest.mark.parametrize(
    ("change", "column", "rule"),
    [
        ({"plan": "pro"}, "plan", "enum"),
        ({"fee": 11}, "fee", "maximum"),
        ({"fee": float("inf")}, "fee", "type"),
        ({"visits": True}, "visits", "type"),
        ({"day": "2024-02-30"}, "day", "format"),
        ({"plam": 1}, "plam", "additionalProperties"),
    ],
)
def test_a_bad_row_is_told_by_column_rule_and_value(change: Mapping[str, Any], column: str, rule: str) -> None:
    found = check_row(make_contract(), {**GOOD_ROW, **change})
    assert [(each.column, each.rule, each.examples[0][1]) for each in found] == [(column, rule, change[column])]


def test_missing_columns_of_a_row_are_told_one_by_one() -> None:
    found = check_row(make_contract(), {"day": "2024-01-01", "won": 1, "plan": "basic", "fee": None})
    assert [(each.column, each.rule) for each in found] == [("id", "required"), ("visits", "required")]


def test_a_rule_of_the_whole_row_has_no_column() -> None:
    rule: dict[str, Any] = {
        "if": {"properties": {"plan": {"const": "plus"}}},
        "then": {"properties": {"visits": {"minimum": 1}}},
    }
    contract = from_schema(make_schema(**rule), "schema")
    assert [(each.column, each.rule) for each in check_row(contract, {**GOOD_ROW, "plan": "plus", "visits": 0})] == [
        ("", "if")
    ]


def test_a_dollar_ends_the_text_even_before_a_line_break() -> None:
    contract = make_contract({"id": {"type": "string", "pattern": "^A$", "x-role": "id"}})
    assert [each.rule for each in check_row(contract, {**GOOD_ROW, "id": "A\n"})] == ["pattern"]


NUMBER = {"type": "number", **FEATURE}
NULLABLE = {**NUMBER, "type": ["number", "null"]}
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "column removed": ({}, {"visits": None}, "breaking", "feature removed"),
    "column added": ({}, {"new": NUMBER}, "breaking", "feature added, required"),
    "role to ignored": (
        {"fee": NUMBER},
        {"fee": {"type": "number", "x-role": "ignored"}},
        "breaking",
        "x-role feature → ignored",
    ),
    "id to ignored": ({}, {"id": {"type": "string", "x-role": "ignored"}}, "compatible", "x-role id → ignored"),
    "null allowed": (
        {"fee": NUMBER},
        {"fee": {**NUMBER, "type": ["number", "null"]}},
        "compatible",
        "type number → null or number",
    ),
    "null refused": (
        {"fee": {**NUMBER, "type": ["number", "null"]}},
        {"fee": NUMBER},
        "breaking",
        "type null or number → number",
    ),
    "integer to number": (
        {"fee": {**NUMBER, "type": "integer"}},
        {"fee": NUMBER},
        "compatible",
        "type integer → number",
    ),
    "number to integer": ({"fee": NUMBER}, {"fee": {**NUMBER, "type": "integer"}}, "breaking", "type number → integer"),
    "number or text": (
        {"fee": NUMBER},
        {"fee": {**NUMBER, "type": ["number", "string"]}},
        "breaking",
        "type number → number or string",
    ),
    "category added": (
        {},
        {"plan": {"type": "string", "enum": ["basic", "plus", "pro"], **FEATURE}},
        "compatible",
        "enum gains 'pro'",
    ),
    "category removed": (
        {},
        {"plan": {"type": "string", "enum": ["basic"], **FEATURE}},
        "breaking",
        "enum loses 'plus'",
    ),
    "enum dropped": ({}, {"plan": {"type": "string", **FEATURE}}, "compatible", "enum dropped"),
    "enum added to numbers": ({"fee": NUMBER}, {"fee": {**NUMBER, "enum": [1, 2]}}, "breaking", "enum added"),
    "class added": (
        {},
        {"won": {"type": "integer", "enum": [0, 1, 2], "x-role": "target"}},
        "breaking",
        "enum gains 2",
    ),
    "classes turned": (
        {},
        {"won": {"type": "integer", "enum": [1, 0], "x-role": "target"}},
        "breaking",
        "enum in another order",
    ),
    "positive class": (
        {},
        {"won": {"type": "integer", "enum": [0, 1], "x-positive": 0, "x-role": "target"}},
        "breaking",
        "x-positive 0 added",
    ),
    "lower minimum": (
        {"fee": {**NUMBER, "minimum": 0}},
        {"fee": {**NUMBER, "minimum": -1}},
        "compatible",
        "minimum 0 → -1",
    ),
    "higher minimum": (
        {"fee": {**NUMBER, "minimum": 0}},
        {"fee": {**NUMBER, "minimum": 1}},
        "breaking",
        "minimum 0 → 1",
    ),
    "higher maximum": (
        {"fee": {**NUMBER, "maximum": 0}},
        {"fee": {**NUMBER, "maximum": 1}},
        "compatible",
        "maximum 0 → 1",
    ),
    "maximum added": ({"fee": NUMBER}, {"fee": {**NUMBER, "maximum": 1}}, "breaking", "maximum 1 added"),
    "maximum dropped": ({"fee": {**NUMBER, "maximum": 1}}, {"fee": NUMBER}, "compatible", "maximum 1 dropped"),
    "finer multiple": (
        {"fee": {**NUMBER, "multipleOf": 4}},
        {"fee": {**NUMBER, "multipleOf": 2}},
        "compatible",
        "multipleOf 4 → 2",
    ),
    "coarser multiple": (
        {"fee": {**NUMBER, "multipleOf": 2}},
        {"fee": {**NUMBER, "multipleOf": 4}},
        "breaking",
        "multipleOf 2 → 4",
    ),
    "format changed": (
        {},
        {"day": {"type": "string", "format": "date-time", "x-role": "timestamp"}},
        "breaking",
        "format 'date' → 'date-time'",
    ),
    "slice": (
        {},
        {"plan": {"type": "string", "enum": ["basic", "plus"], "x-slice": True, **FEATURE}},
        "compatible",
        "x-slice added",
    ),
    "more null markers": (
        {"fee": NULLABLE},
        {"fee": {**NULLABLE, "x-nulls": ["-"]}},
        "compatible",
        "x-nulls ['-'] added",
    ),
    "null marker that was text": (
        {"fee": {**NULLABLE, "type": ["string", "null"]}},
        {"fee": {**NULLABLE, "type": ["string", "null"], "x-nulls": ["-"]}},
        "breaking",
        "x-nulls ['-'] added",
    ),
    "null marker that was a number": (
        {"fee": NULLABLE},
        {"fee": {**NULLABLE, "x-nulls": ["-999"]}},
        "breaking",
        "x-nulls ['-999'] added",
    ),
    "null marker without null": (
        {"fee": NUMBER},
        {"fee": {**NUMBER, "x-nulls": ["-"]}},
        "breaking",
        "x-nulls ['-'] added",
    ),
    "fewer null markers": (
        {"fee": {**NULLABLE, "x-nulls": ["-"]}},
        {"fee": NULLABLE},
        "breaking",
        "x-nulls ['-'] dropped",
    ),
    "category null removed": (
        {"plan": {**NULLABLE, "type": ["string", "null"], "enum": ["basic", None]}},
        {"plan": {**NULLABLE, "type": ["string", "null"], "enum": ["basic"]}},
        "breaking",
        "enum loses None",
    ),
    "category null added": (
        {"plan": {"enum": ["basic"], **FEATURE}},
        {"plan": {"enum": ["basic", None], **FEATURE}},
        "compatible",
        "type string → null or string",
    ),
    "boolean may be null": (
        {"plan": {**NUMBER, "type": "boolean"}},
        {"plan": {**NUMBER, "type": ["boolean", "null"]}},
        "compatible",
        "type boolean → boolean or null",
    ),
    "numbers to booleans": (
        {"plan": {"type": ["integer", "boolean"], "enum": [0, 1], **FEATURE}},
        {"plan": {"type": ["integer", "boolean"], "enum": [False, True], **FEATURE}},
        "breaking",
        "enum loses 0, enum loses 1, enum gains False, enum gains True",
    ),
    "number to boolean under a keyword": (
        {"fee": {**NUMBER, "not": {"const": 1}}},
        {"fee": {**NUMBER, "not": {"const": True}}},
        "breaking",
        "not {'enum': [1]} → {'enum': [True]}",
    ),
    "classes spelled otherwise": (
        {},
        {"won": {"type": "integer", "enum": [0, 1.0], "x-role": "target"}},
        "breaking",
        "enum spelled otherwise",
    ),
    "const beside enum": (
        {"plan": {"enum": ["a", None], **FEATURE}},
        {"plan": {"enum": ["a", None], "const": None, **FEATURE}},
        "breaking",
        "cannot be classified, so taken as breaking: #/properties/plan/const",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_classified_by_what_it_does_to_rows_that_were_valid(name: str) -> None:
    before, after, kind, what = CHANGES[name]
    (change,) = compare(make_contract(before), make_contract({**before, **after}))
    assert (change.kind, change.what) == (kind, what)


def test_optional_columns_and_row_rules_are_compared_too() -> None:
    old = make_contract()
    optional = {**NUMBER, "type": ["number", "null"]}
    added = from_schema(make_schema({"new": optional}, required=[c.name for c in old.columns]), "added")
    ruled = from_schema(make_schema(dependentRequired={"fee": ["plan"]}, additionalProperties=True), "ruled")
    assert [(c.kind, c.what) for c in compare(old, added)] == [("compatible", "feature added, optional")]
    assert [(c.kind, c.what) for c in compare(added, make_contract({"new": optional}))] == [
        ("breaking", "now required")
    ]
    assert [c.kind for c in compare(old, ruled)] == ["compatible", "breaking"]
    assert [c.kind for c in compare(ruled, old)] == ["breaking", "compatible"]


IF_PLUS: dict[str, Any] = {"if": {"properties": {"plan": {"const": "plus"}}}}
AT_LEAST_1 = {"properties": {"visits": {"minimum": 1}, "title": {"minLength": 1}}}
AT_LEAST_2 = {"properties": {"visits": {"minimum": 2}, "title": {"minLength": 1}}}
NEVER_ELSE: dict[str, Any] = {"else": False}
FEE = {"type": "number", "minimum": 0, "maximum": 500}
REFERRED = {"$ref": "#/$defs/fee", **FEATURE}


def ruled(then: Any, **otherwise: Any) -> dict[str, Any]:
    """Return the conditional rule as one, the way a change tells it."""
    branches = {"if": {"properties": {"plan": {"enum": ["plus"]}}}, "then": then}
    return {**branches, **({"else": otherwise["otherwise"]} if otherwise else {})}


def with_fee(fee: Mapping[str, Any], **root: Any) -> dict[str, Any]:
    """Return the example's schema with another column `fee`, and `root` beside its columns."""
    return make_schema({"fee": fee}, **root)


def with_defs(column: Mapping[str, Any], **defs: Any) -> dict[str, Any]:
    """Return the example's schema with another column `fee` and shared definitions."""
    return with_fee(column, **{"$defs": defs})


INDIRECT: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, str]]]] = {
    "narrower definition": (
        with_defs(REFERRED, fee=FEE),
        with_defs(REFERRED, fee={**FEE, "maximum": 50}),
        [("breaking", "fee", "maximum 500 → 50")],
    ),
    "wider definition": (
        with_defs(REFERRED, fee=FEE),
        with_defs(REFERRED, fee={**FEE, "maximum": 900}),
        [("compatible", "fee", "maximum 500 → 900")],
    ),
    "definition of a definition": (
        with_defs({**NUMBER, **REFERRED}, fee={"type": "number", "$ref": "#/$defs/price"}, price={"maximum": 500}),
        with_defs({**NUMBER, **REFERRED}, fee={"type": "number", "$ref": "#/$defs/price"}, price={"maximum": 50}),
        [("breaking", "fee", "maximum 500 → 50")],
    ),
    "limit that both state": (
        with_defs({**REFERRED, "maximum": 400}, fee=FEE),
        with_defs({**REFERRED, "maximum": 400}, fee={**FEE, "maximum": 50}),
        [("breaking", "fee", "$ref {'maximum': 500} → {'maximum': 50}")],
    ),
    "definition below a keyword": (
        with_defs({**NUMBER, "anyOf": [{"$ref": "#/$defs/a~1b"}, {"minimum": 9}]}, **{"a/b": {"maximum": 5}}),
        with_defs({**NUMBER, "anyOf": [{"$ref": "#/$defs/a~1b"}, {"minimum": 9}]}, **{"a/b": {"maximum": 4}}),
        [("breaking", "fee", "anyOf [{'maximum': 5}, {'minimum': 9}] → [{'maximum': 4}, {'minimum': 9}]")],
    ),
    "rule of rows in a definition": (
        with_fee(NUMBER, **{"$defs": {"row": {"minProperties": 1}}, "allOf": [{"$ref": "#/$defs/row"}]}),
        with_fee(NUMBER, **{"$defs": {"row": {"minProperties": 9}}, "allOf": [{"$ref": "#/$defs/row"}]}),
        [("breaking", "", "allOf [{'minProperties': 1}] → [{'minProperties': 9}]")],
    ),
    "moved to a definition": (with_fee({**FEE, **FEATURE}), with_defs(REFERRED, fee=FEE), []),
    "words and an unused definition": (
        with_defs(REFERRED, fee=FEE),
        with_defs(REFERRED, fee={**FEE, "title": "Fee"}, spare={"maximum": 1}),
        [],
    ),
    "narrower then": (
        make_schema(**IF_PLUS, then=AT_LEAST_1),
        make_schema(**IF_PLUS, then=AT_LEAST_2),
        [("breaking", "", f"if {ruled(AT_LEAST_1)} → {ruled(AT_LEAST_2)}")],
    ),
    "else added": (
        make_schema(**IF_PLUS, then=AT_LEAST_1),
        make_schema(**IF_PLUS, then=AT_LEAST_1, **NEVER_ELSE),
        [("breaking", "", f"if {ruled(AT_LEAST_1)} → {ruled(AT_LEAST_1, otherwise=False)}")],
    ),
    "else without if": (make_schema(), make_schema(**NEVER_ELSE), []),
    "if dropped": (
        make_schema(**IF_PLUS, then=AT_LEAST_1),
        make_schema(),
        [("compatible", "", f"if {ruled(AT_LEAST_1)} dropped")],
    ),
    "column under then dropped that is called title": (
        make_schema(then=AT_LEAST_1, **IF_PLUS),
        make_schema(then={"properties": {"visits": {"minimum": 1}}}, **IF_PLUS),
        [("breaking", "", f"if {ruled(AT_LEAST_1)} → {ruled({'properties': {'visits': {'minimum': 1}}})}")],
    ),
    "order of names": (
        with_fee(NULLABLE, allOf=[{"required": ["fee", "plan"]}]),
        with_fee({**NULLABLE, "type": ["null", "number"]}, allOf=[{"required": ["plan", "fee"]}]),
        [],
    ),
    "anchor": (
        with_defs({**NUMBER, "$ref": "#fee"}, fee={"$anchor": "fee", "maximum": 500}),
        with_defs({**NUMBER, "$ref": "#fee"}, fee={"$anchor": "fee", "maximum": 50}),
        [("breaking", "", "cannot be classified, so taken as breaking: #/$defs/fee/maximum")],
    ),
    "anchor beside another change": (
        with_defs({**NUMBER, "$ref": "#fee"}, fee={"$anchor": "fee", "maximum": 500}),
        with_defs({**NULLABLE, "$ref": "#fee"}, fee={"$anchor": "fee", "maximum": 50}),
        [
            ("compatible", "fee", "type number → null or number"),
            ("breaking", "", "cannot be classified, so taken as breaking: #/$defs/fee/maximum"),
        ],
    ),
    "circle": (
        with_defs({**NUMBER, "$ref": "#/$defs/a"}, a={"maximum": 5, "anyOf": [{"$ref": "#/$defs/a"}]}),
        with_defs({**NUMBER, "$ref": "#/$defs/a"}, a={"maximum": 5, "title": "A", "anyOf": [{"$ref": "#/$defs/a"}]}),
        [],
    ),
}


@pytest.mark.parametrize("name", INDIRECT)
def test_rules_that_lie_elsewhere_are_compared_where_they_hold(name: str) -> None:
    before, after, expected = INDIRECT[name]
    changes = compare(from_schema(before, "before"), from_schema(after, "after"))
    assert [(change.kind, change.column, change.what) for change in changes] == expected


def test_words_about_a_column_are_no_change() -> None:
    described = make_contract({"fee": {**make_contract()["fee"].schema, "description": "Monthly fee."}})
    assert compare(make_contract(), described) == []


def versioned(version: str, properties: Mapping[str, Any] | None = None) -> Contract:
    """Return the example contract with `properties` changed and another version."""
    return from_schema({**make_schema(properties), "x-version": version}, "schema")


@pytest.mark.parametrize(
    ("properties", "version", "kind", "acceptable"),
    [
        ({}, "1.0.0", "none", True),
        ({"visits": None}, "1.9.9", "breaking", False),
        ({"visits": None}, "2.0.0", "breaking", True),
    ],
    ids=["none", "undeclared", "declared"],
)
def test_a_breaking_change_needs_a_raised_major_version(
    properties: Any, version: str, kind: str, acceptable: bool
) -> None:
    found = review(make_contract(), versioned(version, properties))
    assert (found.kind, found.acceptable) == (kind, acceptable)
    assert found.document()["kind"] == kind
    assert ("set x-version to 2.0.0" in found.markdown()) is not acceptable


def test_the_next_version_raises_what_the_change_deserves() -> None:
    old = versioned("1.2.3")
    described = {"fee": {**old["fee"].schema, "title": "Fee"}}
    assert next_version(old, old) == "1.2.3"
    assert next_version(old, versioned("1.0.0", described)) == "1.2.4"
    assert next_version(old, versioned("1.0.0", {"plan": {"type": "string", **FEATURE}})) == "1.3.0"
    assert next_version(old, versioned("1.0.0", {"plan": None})) == "2.0.0"


@pytest.mark.parametrize(
    ("properties", "before", "after", "advice"),
    [
        ({}, "2.0.0", "1.9.9", "set x-version to 2.0.0 or higher"),
        ({"plan": {"type": "string", **FEATURE}}, "1.10.0", "1.9.0", "set x-version to 1.10.0 or higher"),
        ({"visits": None}, "3.0.0", "1.0.0", "set x-version to 4.0.0"),
    ],
    ids=["no change", "compatible", "breaking"],
)
def test_a_version_does_not_go_back(properties: Any, before: str, after: str, advice: str) -> None:
    found = review(versioned(before), versioned(after, properties))
    assert not found.acceptable and found.document()["acceptable"] is False
    assert advice in found.markdown().splitlines()[0]
    assert review(versioned(before), versioned("4.0.0", properties)).acceptable


def test_a_compatible_change_needs_no_other_version() -> None:
    assert review(versioned("1.0.0"), versioned("1.0.0", {"plan": {"type": "string", **FEATURE}})).acceptable
