"""The documentation as a page: what the OpenAPI document says, without scripts and without another host."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

from .bundle import Bundle
from .card import STYLE

Document = Mapping[str, Any]
MORE_STYLE = (
    "*{box-sizing:border-box}body{overflow-wrap:break-word}section{margin:2rem 0}p{margin:.2rem 0}"
    "h3{margin:1.5rem 0 .2rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8882;border-radius:.3rem;"
    "padding:.6rem .8rem;margin:.5rem 0}"
    "b{font:600 .8em ui-monospace,monospace;background:#8883;border-radius:.3rem;padding:.15rem .4rem}"
    "summary{cursor:pointer}td:last-child{min-width:14rem}nav a{margin-right:1rem}"
)
LIMITS = {
    "minimum": "≥",
    "maximum": "≤",
    "exclusiveMinimum": ">",
    "exclusiveMaximum": "<",
    "multipleOf": "multiple of",
    "minLength": "length ≥",
    "maxLength": "length ≤",
    "pattern": "matches",
    "format": "format",
    "const": "exactly",
}
LINKS = {"/openapi.json": "OpenAPI", "/model": "Model card", "/model/metadata": "Metadata", "/metrics": "Metrics"}


def page(document: Document, bundle: Bundle, address: str) -> str:
    """Return the OpenAPI `document` of the service for `bundle` as HTML, with commands that ask `address`."""
    about = document["info"]
    title = escape(f"{about['title']} {about['version']}")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = "\n".join([f"<h1>{title}</h1>", *_body(document, bundle, address)])
    head += f"<style>{STYLE}{MORE_STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _body(document: Document, bundle: Bundle, address: str) -> Iterator[str]:
    yield from (f"<p>{_text(part)}</p>" for part in document["info"]["description"].split("\n\n") if part)
    links = (f'<a href="{path}">{name}</a>' for path, name in LINKS.items())
    yield f"<nav>{''.join(links)}</nav>"
    yield f"<section><h2>Columns of a row</h2>{_columns(document['components']['schemas']['Row'])}</section>"
    operations = [
        (operation["tags"][0], path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]
    order = list(dict.fromkeys(tag for tag, *_ in operations))
    operations.sort(key=lambda each: order.index(each[0]))
    for tag, group in groupby(operations, lambda each: each[0]):
        told = "\n".join(_operation(path, method, each, bundle, address) for _, path, method, each in group)
        yield f"<section><h2>{escape(tag[:1].upper() + tag[1:])}</h2>\n{told}</section>"


def _operation(path: str, method: str, operation: Document, bundle: Bundle, address: str) -> str:
    url = address + path.replace("{name}", bundle.name).replace("{version}", bundle.version)
    statuses = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{_text(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<h3><b>{escape(method.upper())}</b> <code>{escape(path)}</code></h3><p>{_text(operation['summary'])}</p>"
        f"<pre><code>{escape(_command(url, operation))}</code></pre>"
        f"<details><summary>Answers</summary><table>{statuses}</table></details>"
    )


def _command(url: str, operation: Document) -> str:
    """Return the command that asks `url`, with the example of the document when there is a body."""
    command = f"curl -sS {shlex.quote(url)}"
    if "requestBody" not in operation:
        return command
    kind, content = next(iter(operation["requestBody"]["content"].items()))
    example = json.dumps(content["example"], ensure_ascii=False)
    return f"{command} -H {shlex.quote(f'content-type: {kind}')} -d {shlex.quote(example)}"


def _columns(row: Document) -> str:
    names = ("Column", "Type", "Limits", "Description")
    head = "".join(f"<th>{name}</th>" for name in names)
    lines = (_column(name, rules, needed=name in row["required"]) for name, rules in row["properties"].items())
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _column(name: str, rules: Document, *, needed: bool) -> str:
    kinds = rules.get("type", "")
    kind = escape(kinds if isinstance(kinds, str) else " or ".join(kinds)) + ("" if needed else ", optional")
    limits = [f"{words}&nbsp;{_value(rules[rule])}" for rule, words in LIMITS.items() if rule in rules]
    if "enum" in rules:
        limits.append("one of " + ", ".join(map(_value, rules["enum"])))
    cells = (f"<code>{escape(name)}</code>", kind, "; ".join(limits), _text(str(rules.get("description", ""))))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _value(value: Any) -> str:
    return f"<code>{escape(value if isinstance(value, str) else json.dumps(value))}</code>"


def _text(markdown: str) -> str:
    """Return text with code spans as such."""
    parts = escape(markdown).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
