"""What skl2onnx leaves at 32 bits, in 64: some models take other branches when their numbers are rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from skl2onnx.operator_converters import gradient_boosting as boosting
from skl2onnx.operator_converters import random_forest as forest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer

Converter = Callable[[Any, Any, Any], None]
TREES_OF_DOUBLES = 3  # the version of ai.onnx.ml since which trees hold them


class _Doubles:
    """A container of nodes in which trees keep the doubles that they are given."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        if kind.startswith("TreeEnsemble"):
            attributes = {"op_version": TREES_OF_DOUBLES, **dict(map(_kept, attributes, attributes.values()))}
        self._container.add_node(kind, inputs, outputs, **attributes)


def _kept(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return f"{name}_as_tensor", numpy_helper.from_array(value, name)
    if name == "nodes_missing_value_tracks_true":  # booleans of numpy, which protobuf takes for integers no longer
        return name, list(map(int, value))
    return name, value


def _trees(convert: Callable[..., None]) -> Converter:
    return lambda scope, operator, container: convert(scope, operator, _Doubles(container), op_version=TREES_OF_DOUBLES)


def _impute(scope: Any, operator: Any, container: Any) -> None:
    """Convert a SimpleImputer of numbers: ONNX's own operator for it has no doubles."""
    merged, missing, median = (scope.get_unique_variable_name(name) for name in ("merged", "missing", "median"))
    fill = operator.raw_operator.statistics_.astype(np.float64)
    container.add_initializer(median, TensorProto.DOUBLE, [1, len(fill)], fill.tolist())
    container.add_node("Concat", operator.input_full_names, merged, axis=1, op_version=13)
    container.add_node("IsNaN", merged, missing, op_version=20)
    container.add_node("Where", [missing, median, merged], operator.output_full_names, op_version=16)


CONVERTERS: Mapping[type, Converter] = {
    SimpleImputer: _impute,
    GradientBoostingClassifier: _trees(boosting.convert_sklearn_gradient_boosting_classifier),
    GradientBoostingRegressor: _trees(boosting.convert_sklearn_gradient_boosting_regressor),
    HistGradientBoostingClassifier: _trees(forest.convert_sklearn_random_forest_classifier),
    HistGradientBoostingRegressor: _trees(forest.convert_sklearn_random_forest_regressor_converter),
    RandomForestClassifier: _trees(forest.convert_sklearn_random_forest_classifier),
    RandomForestRegressor: _trees(forest.convert_sklearn_random_forest_regressor_converter),
}
