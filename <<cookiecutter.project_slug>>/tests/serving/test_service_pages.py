"""Health, documentation, model card and metadata."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.serving.client import Client, serve
from tests.serving.conftest import Folders
from tests.serving.folders import NAME, VERSION


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_mlflow_probes_get_a_newline(path: str, client: Client) -> None:
    reply = client.get(path)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"\n", "application/json")


def test_the_version_is_that_of_the_model(client: Client) -> None:
    assert client.get("/version").body.decode() == VERSION


def test_the_inference_protocol_describes_server_and_model(client: Client) -> None:
    assert client.get("/v2").json == {"name": NAME, "version": VERSION, "extensions": []}
    assert client.get("/v2/health/live").json == {"live": True}
    described = client.get(f"/v2/models/{NAME}").json
    assert (described["name"], described["versions"]) == (NAME, [VERSION])
    kinds = {each["name"]: each["datatype"] for each in described["inputs"]}
    assert (kinds["load"], kinds["kind"], kinds["flag"], kinds["constant"]) == ("FP64", "BYTES", "BOOL", "INT64")
    assert [each["name"] for each in described["outputs"]] == ["prediction", "probabilities"]
    assert client.get(f"/v2/models/{NAME}/versions/{VERSION}").json == described
    assert client.get(f"/v2/models/{NAME}/ready").json == {"name": NAME, "ready": True}


@pytest.mark.parametrize(
    "path", ["/v2/models/x", "/v2/models/x/ready", f"/v2/models/{NAME}/versions/2", "/v2/models/x/versions/1/ready"]
)
def test_other_models_are_not_found(path: str, client: Client) -> None:
    assert client.get(path).status == 404


def test_the_model_card_comes_as_html_to_browsers_and_as_markdown_to_others(client: Client, folder: Path) -> None:
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    plain = client.get("/model")
    assert (plain.headers["content-type"].split(";")[0], plain.body.decode()) == ("text/markdown", card)
    page = client.get("/model", {"accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>example 1.2.0</h1>" in page.body.decode()
    assert "<code>answer</code>" in page.body.decode()
    assert "<script" not in page.body.decode()
    assert client.get("/model/metadata").json == json.loads((folder / "metadata.json").read_bytes())


def test_the_root_leads_to_the_documentation(client: Client) -> None:
    assert (client.get("/").status, client.get("/").headers["location"]) == (307, "/docs")
    assert client.get("/docs").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/docs", "/model"])
def test_pages_run_nothing_and_load_nothing(path: str, client: Client) -> None:
    reply = client.get(path, {"accept": "text/html"})
    assert reply.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    page = reply.body.decode()
    assert "<script" not in page and " on" not in "".join(re.findall(r"<[^>]*", page))
    assert not re.findall(r"""(?:src|href)=["']?(?:http|//)[^>]*""", page)
    assert client.get("/docs/oauth2-redirect").status == client.get("/redoc").status == 404


def test_the_documentation_lists_every_route_and_the_limits_of_every_column(client: Client) -> None:
    page, described = client.get("/docs").body.decode(), client.get("/openapi.json").json
    routes = {
        (method.upper(), path) for path, each in described["paths"].items() for method in each if method != "parameters"
    }
    assert set(re.findall(r"<h3><b>(\w+)</b> <code>([^<]+)</code>", page)) == routes
    for name, rules in described["components"]["schemas"]["Row"]["properties"].items():
        (line,) = re.findall(rf"<tr><td><code>{re.escape(name)}</code></td>.*?</tr>", page)
        assert all(f"<code>{value}</code>" in line for value in rules.get("enum", []) if value is not None)
    assert 'href="/openapi.json"' in page


def test_the_commands_of_the_documentation_are_answered(client: Client) -> None:
    page = client.get("/docs", {"host": "there:8080"}).body.decode()
    commands = [shlex.split(unescape(each)) for each in re.findall(r"<pre><code>(curl [^<]+)</code></pre>", page)]
    assert len(commands) > 10
    for _, _, url, *rest in commands:
        path = url.removeprefix("http://there:8080")
        if not rest:
            assert client.get(path).status == 200
        elif path != "/feedback":
            _, header, _, body = rest
            assert client.post(path, body.encode(), dict([header.split(": ")])).status == 200


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_the_description_is_typed_by_the_contract_and_its_examples_are_accepted(kind: str, folders: Folders) -> None:
    client = serve(folders(kind, "onnx"))
    described = client.get("/openapi.json").json
    assert described["openapi"].startswith("3.1.")
    operations = {path: item["post"] for path, item in described["paths"].items() if "post" in item}
    assert {"/predict", "/invocations", "/feedback", "/v2/models/{name}/infer"} <= set(operations)
    for path in ("/predict", "/invocations", "/v2/models/{name}/infer"):
        content = operations[path]["requestBody"]["content"]["application/json"]
        validator(described, content["schema"]).validate(content["example"])
        reply = client.post(path.replace("{name}", NAME), content["example"])
        assert reply.status == 200, reply.body
        answer = operations[path]["responses"]["200"]["content"]["application/json"]
        validator(described, answer["schema"]).validate(reply.json)
    row = described["components"]["schemas"]["Row"]
    assert row["properties"]["kind"]["enum"] == ["a", "b", "unseen", None]
    assert row["additionalProperties"] is False


def test_refusals_are_as_described(client: Client, rows: list[dict[str, Any]]) -> None:
    described = client.get("/openapi.json").json
    schema = {"$ref": "#/components/schemas/Refusal"}
    bodies: list[dict[str, Any]] = [{"rows": [{**rows[0], "kind": "z"}]}, {}, {"rows": []}]
    for body in bodies:
        validator(described, schema).validate(client.post("/predict", body).json)


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    for component in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(component)
    registry = Registry().with_resource("urn:api", Resource.from_contents(document, DRAFT202012))
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:api#/'))
    return Draft202012Validator(absolute, registry=registry)


def test_every_route_is_described(client: Client) -> None:
    described = set(client.get("/openapi.json").json["paths"])
    routes = {getattr(route, "path", "") for route in client.service._pages.routes}  # type: ignore[attr-defined]
    pages = {"/", "/docs", "/openapi.json"}
    assert routes - pages <= described
    assert described - routes == {"/predict", "/invocations"}
