"""A converted model is served when it is proven to answer like its pipeline, and never otherwise."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import Pipeline

from <<cookiecutter.package_name>> import config
from <<cookiecutter.package_name>>.contracts.contract import Contract, from_schema
from <<cookiecutter.package_name>>.exporting import conversion, parity
from <<cookiecutter.package_name>>.exporting.choice import proven
from <<cookiecutter.package_name>>.exporting.conversion import ConversionError, Converted, convert
from <<cookiecutter.package_name>>.exporting.golden import golden
from <<cookiecutter.package_name>>.exporting.parity import UnusableModelError, prove
from <<cookiecutter.package_name>>.exporting.probes import probes
from <<cookiecutter.package_name>>.exporting.rows import json_rows
from <<cookiecutter.package_name>>.exporting.thresholds import thresholds
from <<cookiecutter.package_name>>.exporting.verdict import NoParityError, Parity
from <<cookiecutter.package_name>>.learning import outcomes, training

from tests.contracts import make_schema
from tests.example import TARGETS, TRAIN_ROWS, fitted, make_config, make_contract, make_frame

pytestmark = pytest.mark.slow  # each of them trains a model or converts one

SMALL: dict[str, dict[str, int]] = {
    "linear": {},
    "random_forest": {"n_estimators": 5},
    "gradient_boosting": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 5},
}
HOSTILE = (
    "Größe in m",
    "it's",
    'a "b"',
    "a b",
    "a_b",
    "a.b",
    "scores",
    "answer",
    "label",
    "variable",
    "1",
    "x\ty",
    "日本",
)


@cache
def pipeline(estimator: config.Estimator, kind: str) -> Pipeline:
    settings = make_config(estimator, parameters=SMALL[estimator])
    return training.fit(make_frame(kind)[:TRAIN_ROWS], make_contract(kind), settings).pipeline


def holdout(kind: str = "binary") -> pd.DataFrame:
    return make_frame(kind)[TRAIN_ROWS:]


def compared(converted: Converted, kind: str = "binary") -> Parity:
    model, contract = fitted(kind).pipeline, make_contract(kind)
    return prove(converted, model, contract, holdout(kind), probes(model, contract, json_rows(holdout(kind), contract)))


def edited(converted: Converted, op_type: str, name: str, change: Any) -> Converted:
    """Return the model with `change` made to an attribute (or initializer) of its first node of `op_type`."""
    model = onnx.load_from_string(converted.content)
    node = next(node for node in model.graph.node if node.op_type == op_type)
    attribute = next(attribute for attribute in node.attribute if attribute.name == name)
    change(attribute)
    return replace(converted, content=model.SerializeToString())


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("estimator", SMALL)
def test_every_estimator_is_proven_on_every_kind_of_target(estimator: config.Estimator, kind: str) -> None:
    found = proven(pipeline(estimator, kind), make_contract(kind), holdout(kind)).parity
    assert found.rows == len(holdout(kind))
    assert found.probes > 100
    assert found.label_changes == 0
    assert found.max_difference < 5e-7


def test_a_baseline_has_no_conversion_and_says_so() -> None:
    model = training.fit(make_frame(), make_contract(), make_config("baseline")).pipeline
    with pytest.raises(NoParityError, match="float64: DummyClassifier cannot be converted .*float32: Dummy") as caught:
        proven(model, make_contract(), holdout())
    assert caught.value.parity is None


def test_the_same_pipeline_gives_the_same_bytes() -> None:
    one, other = (convert(fitted().pipeline, make_contract(), "float64").content for _ in range(2))
    assert one == other


def test_scores_are_in_the_order_of_the_labels() -> None:
    converted = convert(fitted("integer").pipeline, make_contract("integer"), "float64")
    rows = json_rows(holdout("integer"), make_contract("integer"))
    seen = parity.answers(converted, rows, (len(rows), 2))
    assert outcomes.labels(make_contract("integer")) == (3, 1)
    np.testing.assert_allclose(seen, fitted("integer").pipeline.predict_proba(holdout("integer"))[:, ::-1])


def _halve(attribute: onnx.AttributeProto) -> None:
    attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t) * 0.5, attribute.t.name))


def _swap(attribute: onnx.AttributeProto) -> None:
    attribute.strings[:] = reversed(attribute.strings)


def test_a_changed_threshold_is_found() -> None:
    model, contract = pipeline("gradient_boosting", "binary"), make_contract()
    spoilt = edited(convert(model, contract, "float64"), "TreeEnsembleClassifier", "nodes_values_as_tensor", _halve)
    asked = probes(model, contract, json_rows(holdout(), contract))
    assert not prove(spoilt, model, contract, holdout(), asked).holds


def test_swapped_categories_are_found() -> None:
    spoilt = edited(convert(fitted().pipeline, make_contract(), "float64"), "OneHotEncoder", "cats_strings", _swap)
    found = compared(spoilt)
    assert not found.holds
    assert found.label_changes > 0
    assert "the pipeline says [" in found.worst


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda column: column | {"null_text": "never"} if column["kind"] == "text" else column, id="null"),
        pytest.param(
            lambda column: column | {"name": {"load": "noise", "noise": "load"}.get(column["name"], column["name"])},
            id="swapped",
        ),
    ],
)
def test_a_wrong_feed_is_found(change: Any) -> None:
    converted = convert(fitted().pipeline, make_contract(), "float64")
    assert compared(converted).holds
    assert not compared(replace(converted, columns=[change(column) for column in converted.columns])).holds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"content": b"not a model"}, "ONNX Runtime refuses the model", id="bytes"),
        pytest.param({"columns": []}, "ONNX Runtime refuses the model .*[Rr]equired inputs", id="inputs"),
        pytest.param(
            {"output": {"scores": "absent", "labels": None}},
            "ONNX Runtime refuses the model .*[Ii]nvalid [Oo]utput",
            id="output",
        ),
    ],
)
def test_a_model_that_cannot_be_asked_is_no_model(change: dict[str, Any], message: str) -> None:
    converted = replace(convert(fitted().pipeline, make_contract(), "float64"), **change)
    with pytest.raises(UnusableModelError, match=message):
        compared(converted)


def test_an_answer_of_another_shape_is_no_answer() -> None:
    converted = convert(fitted("multiclass").pipeline, make_contract("multiclass"), "float64")
    with pytest.raises(UnusableModelError, match=r"answers in the shape \(\d+, 3\), wanted \(\d+, 2\)"):
        compared(converted)


def test_a_model_that_answers_no_number_does_not_hold() -> None:
    found = Parity(10, 5, 0, float("nan"), "row 1")
    assert not found.holds
    assert found.document()["max_difference"] is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the converter's own, for numpy's booleans
def test_rounded_numbers_change_histogram_boosting_and_doubles_mend_it() -> None:
    model, contract = pipeline("hist_gradient_boosting", "binary"), make_contract()
    asked = probes(model, contract, json_rows(holdout(), contract))
    single, double = (
        prove(convert(model, contract, kind), model, contract, holdout(), asked) for kind in ("float32", "float64")
    )
    assert not single.holds
    assert " = " in single.worst
    assert double.holds


def test_the_second_conversion_is_tried_when_the_first_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: Pipeline, contract: Contract, numbers: conversion.Precision) -> Converted:
        if numbers == "float64":
            raise ConversionError("no doubles")
        return convert(model, contract, numbers)

    monkeypatch.setattr("<<cookiecutter.package_name>>.exporting.choice.convert", refuse)
    found = proven(fitted().pipeline, make_contract(), holdout())
    assert {column["type"] for column in found.converted.columns} == {"float32", "string"}


def test_a_model_without_converter_is_refused_by_its_name() -> None:
    model = fitted("regression").pipeline
    other = Pipeline([("features", model["features"]), ("model", KernelRidge().fit([[0.0], [1.0]], [0.0, 1.0]))])
    with pytest.raises(ConversionError, match="KernelRidge cannot be converted"):
        convert(other, make_contract("regression"), "float64")


def hostile_contract() -> Contract:
    number = {"type": ["number", "null"], "x-role": "feature"}
    category = {"type": ["string", "null"], "x-role": "feature"}
    columns = {name: category if place % 3 == 2 else number for place, name in enumerate(HOSTILE)}
    plain: dict[str, Any] = {"id": None, "day": None, "plan": None, "fee": None, "visits": None}
    return from_schema(make_schema({**plain, **columns}), "hostile")


@pytest.mark.parametrize("estimator", ["linear", "gradient_boosting"])
def test_hostile_column_names_and_texts_are_proven(estimator: config.Estimator) -> None:
    contract, rng = hostile_contract(), np.random.default_rng(3)
    # What is written like null is a category of one column, and null one of another.
    texts = [np.array(known, dtype=object) for known in (["nan", "", "é"], ["a'b", "é", None])]
    columns = {
        name: rng.normal(size=200) if contract[name].numeric else rng.choice(texts[place % 2], 200)
        for place, name in enumerate(HOSTILE)
    }
    frame = pd.DataFrame(columns).assign(won=rng.integers(0, 2, 200)).replace({None: np.nan})
    if estimator == "linear":  # a text that is written like null is a category here, and null is another
        frame['a "b"'] = frame['a "b"'].replace("nan", "x")
    model = training.fit(frame[:150], contract, make_config(estimator, parameters=SMALL[estimator])).pipeline
    assert proven(model, contract, frame[150:]).parity.holds


def test_null_beside_a_category_of_the_same_text_is_refused() -> None:
    contract = hostile_contract()
    frame = pd.DataFrame({name: np.arange(60.0) % 7 for name in contract.numeric_features})
    for name in contract.categorical_features:
        frame[name] = np.array(["nan", "x", np.nan] * 20, dtype=object)
    frame["won"] = [0, 1, 1] * 20
    model = training.fit(frame, contract, make_config()).pipeline
    with pytest.raises(NoParityError, match="labels? changed") as caught:
        proven(model, contract, frame)
    assert caught.value.parity is not None


def test_numbers_far_from_zero_are_proven() -> None:
    contract = make_contract()
    frame = make_frame().assign(load=lambda rows: rows["load"] + 1.7e9)
    model = training.fit(frame[:TRAIN_ROWS], contract, make_config()).pipeline
    assert proven(model, contract, frame[TRAIN_ROWS:]).parity.max_difference < 1e-9


def test_probes_are_null_where_the_contract_allows_it_and_stay_inside_of_it() -> None:
    found = probes(fitted().pipeline, make_contract(), json_rows(holdout(), make_contract()))
    about = [probe.about for probe in found]
    assert "every nullable column null" in about
    assert {name: found[0].row[name] for name in ("Größe in m", "kind", "empty")} == {
        "Größe in m": None,
        "kind": None,
        "empty": None,
    }
    assert {
        "Größe in m = None",
        "kind = None",
        "kind = 'unseen'",
        "kind = 'never seen'",
        "load = 0.0",
        "load = 1e+30",
    } <= set(about)
    assert "load = None" not in about
    assert {probe.row["flag"] for probe in found} >= {True, False}
    assert all(isinstance(probe.row["constant"], int) for probe in found)


def test_probes_take_the_limits_of_the_contract() -> None:
    limits = {"type": "number", "minimum": -2.5, "exclusiveMaximum": 10, "x-role": "feature"}
    contract = from_schema(
        {**make_contract().schema, "properties": {**make_contract().schema["properties"], "load": limits}}, "limits"
    )
    found = [
        probe.row["load"]
        for probe in probes(fitted().pipeline, contract, json_rows(holdout(), contract))
        if probe.about.startswith("load")
    ]
    assert (min(found), max(found)) == (-2.5, np.nextafter(10, 0))


@pytest.mark.parametrize("estimator", ["random_forest", "gradient_boosting", "hist_gradient_boosting"])
def test_thresholds_are_those_of_the_trees(estimator: config.Estimator) -> None:
    found = thresholds(pipeline(estimator, "binary"))
    assert len(found["load"]) > 5
    assert np.min(found["load"]) > make_frame()["load"].min()
    assert np.max(found["load"]) < make_frame()["load"].max()
    assert "kind" not in found


def test_models_without_trees_have_no_thresholds() -> None:
    assert thresholds(fitted().pipeline) == {}


@pytest.mark.parametrize("kind", TARGETS)
def test_the_golden_rows_carry_the_pipelines_answers(kind: str) -> None:
    contract = make_contract(kind)
    found = golden(fitted(kind).pipeline, contract, holdout(kind))
    assert len(found["rows"]) == 32
    expected = fitted(kind).pipeline.predict(pd.DataFrame(found["rows"]).pipe(_as_read))
    if kind == "regression":
        assert found["probabilities"] is None
        assert found["predictions"] == expected.tolist()
        assert 1e-7 < found["tolerance"] < 1e-4
    else:
        assert found["predictions"] == expected.tolist()
        assert [found["classes"][np.argmax(row)] for row in found["probabilities"]] == found["predictions"]
        assert found["tolerance"] == 1e-6


def _as_read(rows: pd.DataFrame) -> pd.DataFrame:
    numbers = [name for name in rows if name not in {"kind", "flag"}]
    return rows.assign(flag=rows["flag"].map({True: "true", False: "false"}), **rows[numbers].astype("float64"))
