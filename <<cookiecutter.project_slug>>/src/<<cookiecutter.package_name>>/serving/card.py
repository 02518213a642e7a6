"""The model card as a page: as much of Markdown as model cards are written in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

from .bundle import Bundle

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}td,th{border:1px solid #8888;padding:.2rem .6rem;"
    "text-align:left}code{font-family:ui-monospace,monospace}:root{color-scheme:light dark}"
)


def page(bundle: Bundle) -> str:
    """Return the card of `bundle` as an HTML page without scripts."""
    body = "\n".join(_blocks(bundle.card))
    title = escape(f"{bundle.name} {bundle.version}")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _blocks(markdown: str) -> Iterator[str]:
    for kind, group in groupby(markdown.splitlines(), _kind):
        lines = list(group)
        if kind == "heading":
            yield from (_heading(line) for line in lines)
        elif kind == "item":
            yield f"<ul>{''.join(f'<li>{_inline(line[2:])}</li>' for line in lines)}</ul>"
        elif kind == "row":
            yield f"<table>{''.join(_table(lines))}</table>"
        elif kind == "text":
            yield f"<p>{_inline(' '.join(lines))}</p>"


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    return "heading" if line.startswith("#") else {"- ": "item", "| ": "row"}.get(line[:2], "text")


def _heading(line: str) -> str:
    level = min(len(line) - len(line.lstrip("#")), 6)
    return f"<h{level}>{_inline(line[level:].strip())}</h{level}>"


def _table(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number != 1:  # the rule below the header
            tag = "td" if number else "th"
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            yield f"<tr>{''.join(f'<{tag}>{_inline(cell.strip())}</{tag}>' for cell in cells)}</tr>"


def _inline(text: str) -> str:
    """Return `text` with code spans as such and backslashes taken from what they escape."""
    parts = re.split(r"(?<!\\)`([^`]*)`", text)
    plain = [escape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", part)) for part in parts[::2]]
    code = [f"<code>{escape(part)}</code>" for part in parts[1::2]]
    return "".join(part for pair in zip(plain, [*code, ""], strict=True) for part in pair)
