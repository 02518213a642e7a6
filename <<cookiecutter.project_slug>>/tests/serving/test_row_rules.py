"""A request is judged as a row of a table is: the same rules, the same decisions where JSON Schema leaves them open."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.contracts.contract import Contract, from_schema
from <<cookiecutter.package_name>>.contracts.rows import check_row
from <<cookiecutter.package_name>>.serving.rules import RowRules, questions

from tests.contracts import make_contract, make_schema

FEATURE = {"x-role": "feature"}
GOOD = {"id": "a", "plan": "basic", "fee": 1.5, "visits": 3}


def judged(contract: Contract, row: Any, *, ignore_unknown: bool = False) -> set[tuple[str, str]]:
    rules = RowRules.of_questions(contract, ignore_unknown=ignore_unknown)
    found = {(each.column, each.rule) for each in rules.violations([row])}
    assert rules.hold([row]) == (not found)
    return found


@pytest.mark.parametrize(
    ("rules", "value", "holds"),
    [
        pytest.param({"type": "string", "pattern": "^[A-Z]{2}$"}, "AB", True, id="pattern"),
        pytest.param({"type": "string", "pattern": "^[A-Z]{2}$"}, "AB\n", False, id="newline-at-the-end"),
        pytest.param({"type": "string", "pattern": r"^\d$"}, "٣", False, id="digit-of-another-script"),
        pytest.param({"type": "string", "pattern": r"^a\sb$"}, "a\u00a0b", False, id="space-beyond-ascii"),
        pytest.param({"type": "string", "pattern": "1-A$"}, "1" * 1022 + "-A", True, id="longest-for-a-pattern"),
        pytest.param({"type": "string", "pattern": "1-A$"}, "1" * 1023 + "-A", False, id="too-long-for-a-pattern"),
        pytest.param({"type": "string", "format": "date"}, "2024-02-29", True, id="date"),
        pytest.param({"type": "string", "format": "date"}, "2023-02-29", False, id="no-such-day"),
        pytest.param({"type": "string", "format": "date"}, "2024-02-29\n", False, id="date-with-newline"),
        pytest.param({"type": "string", "format": "date-time"}, "2024-01-01T00:00:60Z", False, id="leap-second"),
        pytest.param({"type": "number", "multipleOf": 0.01}, 19.99, False, id="as-doubles-divide"),
        pytest.param({"type": "number", "multipleOf": 0.5}, 19.5, True, id="multiple"),
        pytest.param({"type": "integer", "multipleOf": 3}, 7, False, id="no-multiple"),
        pytest.param({"type": "integer"}, 1.0, True, id="whole-number-as-fraction"),
        pytest.param({"type": "integer"}, True, False, id="boolean-is-no-integer"),
        pytest.param({"enum": [1, 2], "type": "integer"}, 1.0, True, id="enum-of-numbers"),
        pytest.param({"enum": [1, 2], "type": ["integer", "boolean"]}, True, False, id="true-is-not-1"),
        pytest.param({"type": "number"}, 2**70, True, id="large-integer"),
        pytest.param({"type": "string", "minLength": 2}, "😀", False, id="length-in-characters"),
        pytest.param({"type": ["string", "null"], "format": "date"}, None, True, id="format-of-null"),
    ],
)
def test_rules_mean_what_they_mean_in_tables(rules: dict[str, Any], value: Any, holds: bool) -> None:
    contract = make_contract({"visits": {**rules, **FEATURE}})
    row = {**GOOD, "visits": value}
    assert bool(judged(contract, row)) is not holds
    broken = {(each.column, each.rule) for each in check_row(asked(contract), row)}
    assert judged(contract, row) == broken


def asked(contract: Contract) -> Contract:
    """Return the contract of rows that ask."""
    return replace(contract, schema=questions(contract, ignore_unknown=False))


VALUES = (
    st.sampled_from(
        ["basic", "plus", "2024-01-01", "", "AB\n", 0, 1, 1.0, 10, -1, 2**53 + 1, True, False, None, 0.1, 1e300]
    )
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63)
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["id", "plan", "fee", "visits", "code", "due", "step", "fe"]), VALUES))
def test_both_judges_agree_about_any_row(row: dict[str, Any]) -> None:
    assert judged(WIDE, row) == {(each.column, each.rule) for each in check_row(ASKED, row)}


def test_shared_definitions_are_followed() -> None:
    shared = {"$defs": {"level": {"type": "integer", "minimum": 3}}}
    schema = make_schema({"visits": {"$ref": "#/$defs/level", **FEATURE}}, **shared)
    contract = from_schema(schema, "data.schema.json")
    assert judged(contract, {**GOOD, "visits": 2}) == {("visits", "$ref")}
    assert judged(contract, GOOD) == set()


def test_a_rule_of_the_whole_row_is_told_without_a_column() -> None:
    rule = {"if": {"properties": {"plan": {"const": "plus"}}}, "then": {"properties": {"visits": {"minimum": 5}}}}
    contract = from_schema(make_schema(None, **rule), "data.schema.json")
    assert judged(contract, {**GOOD, "plan": "plus"}) == {("", "if")}
    assert judged(contract, {**GOOD, "plan": "plus", "visits": 5}) == set()


@pytest.mark.parametrize(
    ("value", "shown"), [(10**20, str(10**20)), (-(10**299), f"-{10**299}"[:100])], ids=["21-digits", "300-digits"]
)
def test_an_integer_that_no_answer_can_hold_is_told_by_its_first_digits(value: int, shown: str) -> None:
    limits = {"type": "integer", "minimum": 0, "maximum": 240, **FEATURE}
    rules = RowRules.of_questions(make_contract({"visits": limits}), ignore_unknown=False)
    (violation,) = rules.violations([{**GOOD, "visits": value}])
    told = orjson.loads(orjson.dumps(violation.as_json()))
    assert told["value"] == shown
    assert told["message"].startswith(f"seen {shown}, wanted at ")


def test_a_text_too_long_for_a_pattern_is_told_so() -> None:
    rules = RowRules.of_questions(
        make_contract({"plan": {"type": "string", "pattern": "^[a-z]+$", **FEATURE}}), ignore_unknown=False
    )
    (violation,) = rules.violations([{**GOOD, "plan": "a" * 2000}])
    assert violation.message.endswith("wanted text that matches ^[a-z]+$ in at most 1024 letters")


@pytest.mark.parametrize("kind", ["date", "date-time"])
def test_long_texts_are_not_remembered(kind: str) -> None:
    rules = RowRules.of_questions(
        make_contract({"plan": {"type": "string", "format": kind, **FEATURE}}), ignore_unknown=False
    )
    tracemalloc.start()
    try:
        for number in range(20):
            assert not rules.hold([{**GOOD, "plan": f"{number}" * 500_000}])
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


def test_unknown_columns_are_a_setting() -> None:
    assert judged(make_contract(), {**GOOD, "fe": 1}) == {("fe", "additionalProperties")}
    assert judged(make_contract(), {**GOOD, "fe": 1}, ignore_unknown=True) == set()


def test_a_near_name_is_suggested() -> None:
    rules = RowRules.of_questions(make_contract(), ignore_unknown=False)
    row = {name: value for name, value in GOOD.items() if name != "visits"} | {"visit": 3}
    assert "did you mean 'visits'?" in rules.violations([row])[-1].message


WIDE = make_contract(
    {
        "code": {"type": ["string", "null"], "pattern": "^[A-Z]{2}$", **FEATURE},
        "due": {"type": ["string", "null"], "format": "date", **FEATURE},
        "step": {"type": ["number", "null"], "multipleOf": 0.1, **FEATURE},
    }
)
ASKED = asked(WIDE)
