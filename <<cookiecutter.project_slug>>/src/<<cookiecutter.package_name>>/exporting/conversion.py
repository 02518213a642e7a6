"""From the fitted pipeline to an ONNX model, with the description of how its columns are fed.

Nothing here vouches for the result: that is what `parity` is for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from ..errors import PipelineError
from ..learning import features, outcomes
from .double_precision import CONVERTERS
from .interface import describe, null_texts

Precision = Literal["float64", "float32"]
NUMBERS = {"float32": FloatTensorType, "float64": DoubleTensorType}
LONGEST = 200  # letters of the converter's own words; some errors hold the whole model
# What the converter raises for a part that it does not know, or knows in other shapes only.
REFUSALS = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError)


class ConversionError(PipelineError):
    """The pipeline has a part that cannot be converted."""


@dataclass(frozen=True)
class Converted:
    """An ONNX model, and what `export.json` says about its inputs and its output."""

    content: bytes
    columns: list[dict[str, Any]]
    output: dict[str, str | None]


def convert(pipeline: Pipeline, contract: Contract, numbers: Precision) -> Converted:
    """Return `pipeline` as an ONNX model with one input per column that it uses, and one output of doubles.

    The output holds values (rows), or scores (rows by classes) in the order of `outcomes.labels`. `numbers` is the
    type of numeric inputs. Raises ConversionError.
    """
    encoder, estimator = pipeline["features"], pipeline["model"]
    used = features.output_columns(encoder)
    names = [name for name in contract.features if name in used]
    try:
        model = _converted(pipeline, contract, names, numbers)
        output = _settle_output(model, pipeline, contract)
        inputs = dict(zip(names, [given.name for given in model.graph.input], strict=True))
    except REFUSALS as error:
        raise ConversionError(f"{type(estimator).__name__} cannot be converted ({_first_line(error)})") from error
    columns = describe(contract, inputs, null_texts(encoder), numbers=numbers)
    return Converted(model.SerializeToString(deterministic=True), columns, output)


def _converted(pipeline: Pipeline, contract: Contract, names: Sequence[str], numbers: Precision) -> ModelProto:
    kinds = {name: NUMBERS[numbers] if contract[name].numeric else StringTensorType for name in names}
    model = convert_sklearn(
        pipeline,
        "model",
        initial_types=[(name, kind([None, 1])) for name, kind in kinds.items()],
        options={} if contract.problem == "regression" else {id(pipeline): {"zipmap": False}},
        custom_conversion_functions=dict(CONVERTERS) if numbers == "float64" else None,
    )
    if not isinstance(model, ModelProto):
        raise TypeError(f"the converter returned {type(model).__name__}")
    return model


def _settle_output(model: ModelProto, pipeline: Pipeline, contract: Contract) -> dict[str, str | None]:
    """Replace the outputs of `model` by the one that the service reads."""
    given, graph = model.graph.output[-1].name, model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    answer, settled, indices = (_unused(name, taken) for name in ("answer", "settled", "indices"))
    shape: list[int | None] = [None]
    if contract.problem == "regression":
        order = [-1]
        settle = helper.make_node("Reshape", [given, indices], [settled])
    else:
        known = list(pipeline.classes_)
        order = [known.index(label) for label in outcomes.labels(contract)]
        shape.append(len(known))
        settle = helper.make_node("Gather", [given, indices], [settled], axis=1)
    graph.initializer.append(numpy_helper.from_array(np.array(order, dtype=np.int64), indices))
    graph.node.extend([settle, helper.make_node("Cast", [settled], [answer], to=TensorProto.DOUBLE)])
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(answer, TensorProto.DOUBLE, shape))
    return {"labels": None, "scores": answer} if contract.classes else {"labels": answer, "scores": None}


def _unused(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:LONGEST]
