from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>>.errors import ContractError
from <<cookiecutter.package_name>>.store import metadata, stages
from <<cookiecutter.package_name>>.store.registry import Version

from tests.documents import compared_document, gate_document, metrics_document, run_document
from tests.example import ROOT, make_contract

SCHEMA = ROOT / "contract" / metadata.SCHEMA
KINDS = ("binary", "boolean", "integer", "multiclass", "regression")


def build(kind: str = "binary", metrics: dict[str, Any] | None = None, **run: Any) -> dict[str, Any]:
    tags = stages.move({}, "Staging", by="ann", why="passed | the gate")
    version = Version("example", 3, "1.2.0", "r1", ("challenger",), tags)
    document = run_document(kind, **run)
    measured = metrics or metrics_document(kind)
    return metadata.build(document, measured, gate_document(), version, make_contract(kind), schema=SCHEMA)


@pytest.mark.parametrize("kind", KINDS)
def test_the_metadata_of_every_kind_of_model_fits_its_schema(kind: str) -> None:
    document = json.loads(json.dumps(build(kind), allow_nan=False))
    metadata.check(document, SCHEMA)
    assert document["identity"]["version"] == "1.2.0"
    assert document["governance"]["history"][0]["by"] == "ann"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        pytest.param(("identity", "version"), "1.2", r"\$\.identity\.version: '1\.2' does not match", id="version"),
        pytest.param(("identity", "sha256"), "abc", r"\$\.identity\.sha256", id="digest"),
        pytest.param(("lineage", "git", "commit"), "main", r"\$\.lineage\.git\.commit", id="commit"),
        pytest.param(("governance", "gate"), [], r"\$\.governance\.gate", id="no-checks"),
        pytest.param(("training", "surprise"), 1, "'surprise' was unexpected", id="unknown-key"),
        pytest.param(("performance", "metrics", "roc_auc"), 0.8, "0.8 is not of type 'object'", id="bare-number"),
    ],
)
def test_a_faulty_document_is_refused(path: tuple[str, ...], value: object, message: str) -> None:
    document = json.loads(json.dumps(build()))
    *parents, last = path
    place = document
    for key in parents:
        place = place[key]
    place[last] = value
    with pytest.raises(ContractError, match=message):
        metadata.check(document, SCHEMA)


def test_a_refused_check_cannot_be_part_of_the_metadata() -> None:
    document = build()
    document["governance"]["gate"] = gate_document(promote=False)["checks"]
    with pytest.raises(ContractError, match="True was expected"):
        metadata.check(document, SCHEMA)


@pytest.mark.parametrize(
    ("parity", "message"),
    [
        pytest.param(
            {"rows": 9, "probes": 5, "label_changes": 0, "max_difference": 1e-9, "tolerance": 1e-6}, None, id="compared"
        ),
        pytest.param(
            {**dict.fromkeys(("rows", "probes", "label_changes", "max_difference")), "tolerance": 1e-6}, None, id="not"
        ),
        pytest.param({"rows": 9}, "'probes' is a required property", id="incomplete"),
    ],
)
def test_the_metadata_tell_which_model_is_served(parity: dict[str, Any], message: str | None) -> None:
    serving = {"runtime": "onnx", "reason": "proven", "parity": parity}
    if message is not None:
        with pytest.raises(ContractError, match=message):
            metadata.served(build(), serving, schema=SCHEMA)
        return
    document = metadata.served(build(), serving, schema=SCHEMA)
    assert "| Served as | onnx: proven |" in metadata.model_card(document)
    assert "Served as" not in metadata.model_card(build())


def test_a_missing_schema_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"absent\.json: cannot be read"):
        metadata.check({}, tmp_path / "absent.json")


@pytest.mark.parametrize("kind", KINDS)
def test_the_card_answers_what_a_reviewer_asks(kind: str) -> None:
    card = metadata.model_card(build(kind, compared_document(kind)))
    assert card.startswith("# example 1.2.0\n")
    for heading in ("Intended use", "Data", "Performance", "Groups", "Gate", "Limits", "Provenance"):
        assert f"# {heading}\n" in card
    assert "Predicts `answer`. Made for tests." in card
    assert "Compared with champion 1.0.0 on the same rows" in card
    assert "No row with kind = unseen was seen" in card
    assert "differ from the commit" in card
    assert "by ann: passed \\| the gate" in card
