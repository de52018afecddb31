"""A report stands alone, speaks both languages, escapes what it is given, and writes flat figures."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from features.errors import InputError
from models.plots import Interval, Line, Panel, bars, calibration, columns, intervals, lines, panels
from models.report import Estimate, Money, Number, Percent, Report, Words, check_folder

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Balanced(HTMLParser):
    """Every tag that opens closes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawing() -> str:
    x = np.linspace(0, 1, 5000)
    curves = [
        Line(Words("model", "模型"), x, x**0.5, x**0.5 - 0.1, x**0.5 + 0.1),
        Line("chance $", [0, 1], [0, 1], quiet=True),
    ]
    return lines(curves, Words("share", "比例"), "gain <&>", percent_x=True)


def full(language: str = "en") -> Report:
    report = Report(Words("Trial", "试验"), language, "64,000 <units>")
    report.add_verdict(Words("It pays.", "划算。"), "good").add_section("Figures").add_text("a & b")
    report.add_tiles([(Words("Qini", "基尼"), Estimate(0.0622, 0.05, 0.07)), ("n", 64000), ("none", None)])
    report.add_table(
        "t", ["name", "value", "ok"], [["<b>", -0.5, True], [Words("x", "甲"), float("nan"), False]], strong=[0]
    )
    report.add_figure("curves", drawing()).add_figure("again", drawing())
    report.add_figure("i", intervals([Interval(Words("a", "甲"), 1, 0, 2)], "difference"))
    report.add_figure("b", bars(["a", Words("b", "乙")], [1.0, 2.0], "n"))
    return report.add_figures({"qini_mean": np.float64(0.0622), "n": 3, "none": float("nan"), "list": [1, None, "a"]})


def test_the_page_is_balanced_and_needs_no_network() -> None:
    page = full().html()
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert not re.search(r"url\((?!#)", page)


def test_both_languages_are_on_the_page_and_the_chosen_one_shows_first() -> None:
    english, chinese = full("en").html(), full("zh").html()
    assert 'data-language="en"' in english
    assert "<title>Trial</title>" in english
    assert 'data-language="zh"' in chinese
    assert "<title>试验</title>" in chinese
    assert '<tspan lang="en">share</tspan><tspan lang="zh">比例</tspan>' in english


def test_what_it_is_given_is_escaped() -> None:
    page = full().html()
    assert "&lt;units&gt;" in page
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    assert "gain &lt;&amp;&gt;" in page


def test_ids_are_unique_on_the_page() -> None:
    ids = re.findall(r'\bid="([^"]+)"', full().html())
    assert len(ids) == len(set(ids))


def test_drawings_are_well_formed_reproducible_and_thinned() -> None:
    first, second = drawing(), drawing()
    assert first == second
    assert len(first) < 80_000
    ET.fromstring(first)


def test_the_json_is_flat_and_strict(tmp_path: Path) -> None:
    page = full().write(tmp_path / "out")
    assert page.read_text("utf-8").startswith("<!doctype html>")
    text = (tmp_path / "out" / "report.json").read_text("utf-8")
    assert json.loads(text) == {"qini_mean": 0.0622, "n": 3, "none": None, "list": [1, None, "a"]}


def test_numbers_are_shown_with_a_true_minus_and_missing_ones_as_a_dash() -> None:
    page = full().html()
    assert "−0.5000" in page
    assert '<td class="number">–</td>' in page
    assert "0.0622 <small>[0.0500, 0.0700]</small>" in page


def test_misuse_is_named() -> None:
    report = full()
    with pytest.raises(InputError, match="language: got 'fr'"):
        Report("t", "fr")
    with pytest.raises(InputError, match="tone"):
        report.add_verdict("x", "loud")
    with pytest.raises(InputError, match="figure: got 'n', expected a name that is not taken"):
        report.add_figures({"n": 4})
    with pytest.raises(InputError, match="figure nested"):
        report.add_figures({"nested": {"a": 1}})
    with pytest.raises(InputError, match="table row"):
        report.add_table("t", ["a", "b"], [[1]])
    with pytest.raises(InputError, match="one height per label"):
        bars(["a"], [1.0, 2.0], "n")


def test_money_is_yuan_and_a_share_keeps_two_digits() -> None:
    assert [Money(c).html() for c in (123_456, -123_456, -1, float("nan"))] == ["¥1,235", "−¥1,235", "¥0", "–"]
    assert Money(1234, 2).html() == "¥12.34"
    shares = (0.0, 0.5, 0.034, 0.000012, -0.00034, float("nan"))
    assert [Percent(share).html() for share in shares] == ["0 %", "50 %", "3.4 %", "0.0012 %", "−0.034 %", "–"]
    assert '<td class="number">¥12</td>' in Report("t").add_table("c", ["a"], [[Money(1234)]]).html()


def test_a_folder_is_checked_and_left_as_it_was(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for bad in (tmp_path / "file", tmp_path / "file" / "a"):
        with pytest.raises(InputError, match="out: got"):
            check_folder(bad)


def test_points_columns_and_panels_are_well_formed_in_both_languages() -> None:
    points = [Interval(Words("first", "第一"), 0.1, 0.0, 0.2), Interval("满100减10", -0.3, -0.5, -0.1)]
    panel = Panel(
        "city", [0, 1], [0.1, 0.2], [0, 1], points, [Words("Paris", "巴黎"), "满100减10 & more than fits here"]
    )
    drawings = (
        calibration([(0.1, points[0]), (-0.2, points[1])], "predicted", Words("observed", "实测")),
        columns(points, "group", "effect", [0.1, -0.2], Words("predicted", "预测")),
        panels([panel, Panel("age", [0.0, 5.0], [1.0, 2.0], [1.0, 4.0], points)], "effect"),
        intervals(points, "effect", signed=True),
    )
    for drawn in drawings:
        ET.fromstring(drawn)
        assert not re.search(r"K\d+Z", drawn)
    assert "巴黎" in drawings[2]
    assert "#d55e00" in drawings[3]


def test_headings_are_listed_folds_close_and_nothing_is_minus_zero() -> None:
    report = Report("t", contents=True).add_verdict("first").add_section(Words("One", "一")).add_heading("inside")
    with report.folded("more"):
        report.add_table("c", ["a"], [[Number(-0.0001, 2)], [Number(-0.25, 1)]])
    page = report.add_list(["a", "b"]).add_pair([("x", drawing()), ("y", drawing())]).html()
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert page.index("first") < page.index('href="#s1"') < page.index('id="s1"')
    assert '<td class="number">0.00</td>' in page
    assert '<td class="number">−0.2</td>' in page


def test_panels_share_one_legend() -> None:
    points = [Interval("", 0.1, 0.0, 0.2)]
    drawn = panels([Panel(str(i), [0.0, 1.0], [0.1, 0.2], [0.5], points) for i in range(5)], "effect")
    assert drawn.count('<tspan lang="en">predicted') + drawn.count('<tspan lang="en">model') == 1
