from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from delivery import settings
from delivery.errors import MisuseError
from jsonschema import Draft202012Validator

CONFIG = Path("config/delivery.toml")
SCHEMA = Path("config/delivery.schema.json")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = CONFIG.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / SCHEMA.name).write_bytes(SCHEMA.read_bytes())
    path = tmp_path / CONFIG.name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def full_validator() -> Draft202012Validator:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_settings_are_valid_and_complete() -> None:
    loaded = settings.load(CONFIG)
    full_validator().validate(dict(loaded))
    assert set(loaded["environments"]) == {"staging", "production"}
    assert loaded["rollout"]["lock_seconds"] > 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("retries = 4", "retires = 4", "unknown key cluster.retires; did you mean 'retries'?"),
        ("retries = 4", "retries = 11", "cluster.retries is 11, wanted at most 10"),
        ("retries = 4", "retries = 4.5", "cluster.retries is 4.5, wanted an integer"),
        ("retries = 4", "retries = true", "cluster.retries is True, wanted an integer"),
        ("p95_ms = 1000.0", "p95_ms = 0", "load.p95_ms is 0, wanted more than 0"),
        ("requests = 20", "requests = 0", "smoke.requests is 0, wanted at least 1"),
        ("[environments.staging]", "[environments.staging]\nurl = 'x'", "unknown key environments.staging.url"),
        ("namespace = ", "namespace = 'Not Allowed' # ", "wanted a namespace: lower-case letters"),
        ("namespace = ", "# ", "environments.staging.namespace is missing"),
    ],
    ids=["typo", "too large", "no integer", "boolean", "zero", "too small", "unknown", "pattern", "missing"],
)
def test_a_fault_is_named_and_a_full_validator_finds_it_too(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(MisuseError, match=re.escape(words)):
        settings.load(path)
    assert not full_validator().is_valid(tomllib.loads(path.read_text(encoding="utf-8")))


def test_a_number_that_is_none_is_refused_although_no_limit_excludes_it(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="load.p95_ms is nan, wanted a finite number"):
        settings.load(changed(tmp_path, "p95_ms = 1000.0", "p95_ms = nan"))


def test_what_is_left_out_has_the_default_of_the_schema(tmp_path: Path) -> None:
    loaded = settings.load(changed(tmp_path, "retries = 4\n", ""))
    assert loaded["cluster"]["retries"] == 4


def test_only_keywords_that_the_script_knows_stand_in_the_schema() -> None:
    known = {"type", "enum", "pattern", "minimum", "exclusiveMinimum", "maximum", "default", "description", "required"}
    known |= {"properties", "additionalProperties", "items", "minItems", "$schema", "title"}

    def keywords(schema: dict[str, Any]) -> set[str]:
        inner = [*schema.get("properties", {}).values(), schema.get("additionalProperties"), schema.get("items")]
        return set(schema).union(*(keywords(one) for one in inner if isinstance(one, dict)))

    assert keywords(json.loads(SCHEMA.read_text(encoding="utf-8"))) <= known


def test_an_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(
        MisuseError, match="environment 'produktion' is not in config/delivery.toml; did you mean 'production'?"
    ):
        settings.environment(settings.load(CONFIG), "produktion")


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_namespace_is_that_of_the_overlay(name: str) -> None:
    overlay = Path("k8s/overlays", name, "kustomization.yaml").read_text(encoding="utf-8")
    namespace = settings.environment(settings.load(CONFIG), name)["namespace"]
    assert re.search(r"^namespace: (.+)$", overlay, re.MULTILINE)[1] == namespace  # type: ignore[index]  # it is there
