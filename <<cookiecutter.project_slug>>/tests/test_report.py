from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>> import text
from <<cookiecutter.package_name>>.reporting import report, results

from tests.documents import compared_document, data_document, gate_document, metrics_document, run_document

VOID = {"meta", "br", "circle", "path"}


class Page(HTMLParser):
    """Checks that tags are closed and collects their names, attributes and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def fill(folder: Path, **documents: Any) -> Path:
    """Write the named documents and one plot into `folder`, as the steps do."""
    for name, document in documents.items():
        (folder / f"{name.replace('_', '-')}.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "plots").mkdir()
    drawing = '<?xml version="1.0"?><svg width="9pt" height="9pt"><path id="a" style="fill: #1c2733"/></svg>'
    (folder / "plots" / "roc.svg").write_text(drawing)
    return folder


def complete(folder: Path, kind: str = "binary", *, promote: bool = True) -> Path:
    return fill(
        folder,
        data_report=data_document(),
        run=run_document(kind),
        metrics=compared_document(kind),
        gate=gate_document(promote=promote),
    )


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_complete_run_is_shown_on_one_page_that_needs_nothing_else(kind: str, tmp_path: Path) -> None:
    html = report.html(complete(tmp_path, kind))
    page = Page(html)
    assert "script" not in page.tags
    assert not [value for name, value in page.attributes if name in {"src", "href"} and value]
    assert not re.search(r"url\(|@import", html)
    for expected in ("Promote", "All 2 checks passed", "champion 1.0.0", "unseen", "Up and left is better", "a" * 12):
        assert expected in page.words


def test_a_refusal_names_the_checks_that_failed(tmp_path: Path) -> None:
    page = Page(report.html(complete(tmp_path, promote=False)))
    assert "Refused" in page.words
    assert "1 of 2 checks failed: roc_auc" in page.words
    assert page.words.index("✗ fail") < page.words.index("✓ pass"), "what failed comes first"
    assert report.markdown(tmp_path).splitlines()[2] == "## ❌ Refused: example"


def test_invalid_data_is_shown_with_its_rows_and_without_its_markup(tmp_path: Path) -> None:
    page = Page(report.html(fill(tmp_path, data_report=data_document(valid=False))))
    assert "Data invalid" in page.words
    assert "<script>alert(1)</script>" in page.words
    assert 'row 3: "<img src=x onerror=alert(1)>"' in page.words
    assert not {"script", "img"} & page.tags
    assert "Missing: no metrics.json" in page.words
    short = report.markdown(tmp_path)
    assert "\\<script\\>" in short
    assert "1,234" in short


def test_a_report_on_the_data_of_another_run_is_left_out(tmp_path: Path) -> None:
    folder = complete(tmp_path)
    path = folder / "data-report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(report | {"data": report["data"] | {"sha256": "1" * 64}}), encoding="utf-8")
    found = results.collect(folder)
    assert "data-report" not in found.documents
    assert [gap for gap in found.gaps if "is of another table than the run" in gap]


def test_nothing_at_all_is_a_report_as_well(tmp_path: Path) -> None:
    words = Page(report.html(tmp_path / "absent")).words
    assert "Not judged" in words
    assert words.count("Missing: no ") == 4
    assert report.markdown(tmp_path / "absent").startswith(report.MARKER)


@pytest.mark.parametrize("content", ["{", '{"format": "metrics/0"}', '{"format": "metrics/1", "x": NaN}'])
def test_an_unreadable_file_is_named_and_the_rest_shown(content: str, tmp_path: Path) -> None:
    complete(tmp_path)
    (tmp_path / "metrics.json").write_text(content)
    words = Page(report.html(tmp_path)).words
    assert "Could not be read" in words
    assert "metrics.json" in words
    assert "All 2 checks passed" in words
    assert "Unreadable:" in report.markdown(tmp_path)


@pytest.mark.parametrize("drawing", ["<svg><script>1</script></svg>", '<svg onload="1"/>', "no drawing"])
def test_a_drawing_that_could_act_is_left_out(drawing: str, tmp_path: Path) -> None:
    complete(tmp_path)
    (tmp_path / "plots" / "roc.svg").write_text(drawing)
    assert "Up and left is better" not in Page(report.html(tmp_path)).words


def test_drawings_take_the_page_s_colours_and_own_ids(tmp_path: Path) -> None:
    html = report.html(complete(tmp_path))
    assert '<svg><path id="roc-a" style="fill: var(--ink)"/></svg>' in html


def test_the_short_form_is_marked_and_compares_with_the_champion(tmp_path: Path) -> None:
    lines = report.markdown(complete(tmp_path)).splitlines()
    assert lines[0] == report.MARKER
    assert "| Metric | Value | 95% interval | Champion 1.0.0 | Difference |" in lines
    assert any(line.startswith("| roc\\_auc |") and line.endswith("+0.100 ▲ |") for line in lines)
    assert any(line.startswith("| log\\_loss |") and line.endswith("+0.100 ▼ |") for line in lines)


def test_notices_of_all_steps_stand_once_in_both_forms(tmp_path: Path) -> None:
    run, metrics = run_document(notices=["few <rows>", "slow"]), metrics_document() | {"notices": ["few <rows>"]}
    fill(tmp_path, run=run, metrics=metrics)
    page, short = report.html(tmp_path), report.markdown(tmp_path)
    assert page.count("⚠") == short.count("⚠") == 2
    assert "Few &lt;rows&gt;." in page and "- ⚠️ few \\<rows\\>\n- ⚠️ slow\n" in short


def test_the_short_form_stays_below_the_limit_of_a_comment(tmp_path: Path) -> None:
    data, metrics = data_document(valid=False), metrics_document()
    data["violations"] *= 500
    metrics["slices"] *= 500
    fill(tmp_path, data_report=data, metrics=metrics, run=run_document(), gate=gate_document())
    short = report.markdown(tmp_path)
    assert len(short) < 65_536
    assert "475 more in the report" in short


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.81234, "0.812"),
        (12.3456, "12.35"),
        (123.456, "123.5"),
        (1234.5, "1,234"),
        (0.00012, "0.00012"),
        (0.0, "0.000"),
        (7, "7"),
        (1234567, "1,234,567"),
        (True, "-"),
        (None, "-"),
        ("0.8", "-"),
    ],
)
def test_numbers_are_short(value: object, expected: str) -> None:
    assert text.number(value) == expected


def test_captions_are_known_for_every_plot_that_is_drawn() -> None:
    assert {"roc", "residuals", "champion", "importance"} <= set(results.CAPTIONS)
