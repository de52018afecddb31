"""The threshold tool: what the sweep says, by a link that can be shared, with and without its script."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes.console import sign_in

from serving.console.pages.threshold_figures import read_sweep
from serving.console.texts import TEXTS

CUTS = [round(0.05 + 0.0125 * n, 4) for n in range(75)]


def write_sweep(home: Path, **changed: Any) -> None:
    falling = [round(100_000 * (1 - cut), 2) for cut in CUTS]
    series = {
        "review": CUTS, "caught_cents": falling, "lost_cents": falling,
        "honest_met": [round(50 - 40 * cut, 2) for cut in CUTS],
        "review_hours_per_day": [round(4 - 3 * cut, 3) for cut in CUTS], "cost_cents": falling[::-1],
        "friction_cents": falling, "effort_cents": falling, "cases_per_day": falling,
        "precision_of_judged": [None, *CUTS[1:]], "recall_of_judged": CUTS[::-1], "look_alike_review_rate": CUTS,
    }  # fmt: skip
    found = {"days": 90, "end": "2026-05-01T00:00:00", "verdicts": 321, "look_alikes": 9, "per_day": 200,
             "review": 0.25, "automatic": 0.7, "recommended": 0.3, "promised": False, "cheapest": 0.1,
             "series": series}  # fmt: skip
    folder = home / "reports" / "abuse-backtest"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({**found, **changed}))


class Starter:
    def __init__(self) -> None:
        self.flows: list[str] = []

    def start(self, flow: str) -> bool:
        self.flows.append(flow)
        return True

    def running(self, flow: str) -> bool:
        return flow in self.flows


async def test_all_figures_move_with_the_cut_of_the_link(small_shop: Any) -> None:
    write_sweep(small_shop.settings.home)
    lead = await sign_in(small_shop, "lena", "lead")
    for cut in (0.05, 0.425, 0.975):
        html = (await lead.get("/thresholds", cut=cut)).text
        n = CUTS.index(cut)
        shown = dict(re.findall(r'data-show="(\w+)">([^<]+)<', html))
        assert shown["caught_cents"].replace(",", "").endswith(f"{1000 * (1 - cut):.2f}")
        assert shown["honest_met"] == f"{round(50 - 40 * cut)}"
        assert shown["review_hours_per_day"] == f"{round(4 - 3 * cut, 3):.2f}"
        assert f'href="/lab/new?review={cut}&amp;automatic={max(0.7, cut)}"' in html
        data = json.loads(re.search(r'id="thr-data">(.*?)</script>', html, re.DOTALL).group(1))  # type: ignore[union-attr]
        assert data["cuts"] == CUTS
        for name, words in data["words"].items():
            assert words[n] == shown[name]
            assert len(words) == len(CUTS)
        dots = dict(re.findall(r'data-dot="(\w+)" r="5" cx="[\d.]+" cy="([\d.]+)"', html))
        assert {name: float(y) for name, y in dots.items()} == {name: data["ys"][name][n] for name in dots}


@pytest.mark.parametrize(
    ("cut", "near"), [("0.42", 0.425), ("-5", 0.05), ("9", 0.975), ("x", 0.25), ("nan", 0.25), ("", 0.25)]
)
async def test_any_cut_is_the_nearest_there_is(small_shop: Any, cut: str, near: float) -> None:
    write_sweep(small_shop.settings.home)
    lead = await sign_in(small_shop, "lena", "lead")
    answer = await lead.get("/thresholds", cut=cut)
    assert answer.status_code == 200
    assert f'value="{near}" aria-describedby' in answer.text


async def test_current_recommended_and_cheapest_are_marked(small_shop: Any) -> None:
    write_sweep(small_shop.settings.home)
    lead = await sign_in(small_shop, "lena", "lead", "zh")
    html = (await lead.get("/thresholds")).text
    for name, value in (("current", "0.25"), ("recommended", "0.3"), ("cheapest", "0.1")):
        assert f"{TEXTS[f'thr.{name}'][1]} {value}" in html
    assert "9" in html and TEXTS["thr.not_promised"][1].split("{n}")[0] in html


async def test_without_a_backtest_the_page_says_how_to_get_one(small_shop: Any) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    page = (await lead.get("/thresholds")).text
    assert TEXTS["thr.none"][0] in page
    assert "fairdeal run backtest_abuse" in page
    starter = small_shop.console.state.desk.starter = Starter()
    page = (await lead.send("/thresholds", "/thresholds/run")).text
    assert starter.flows == ["backtest_abuse"]
    assert TEXTS["thr.running"][0] in page


@pytest.mark.parametrize(("role", "sees", "drafts"), [
    ("lead", 200, True), ("analyst", 200, False), ("operator", 200, False), ("reviewer", 403, False),
])  # fmt: skip
async def test_roles(small_shop: Any, role: str, sees: int, drafts: bool) -> None:
    write_sweep(small_shop.settings.home)
    small_shop.console.state.desk.starter = Starter()
    browser = await sign_in(small_shop, "kim", role)
    answer = await browser.get("/thresholds")
    assert answer.status_code == sees
    assert ('href="/lab/new?' in answer.text) is drafts
    assert ("/thresholds/run" in answer.text) is drafts
    assert (await browser.client.post("/thresholds/run", data={"csrf": "x"})).status_code == 403
    assert small_shop.console.state.desk.starter.flows == []


async def test_a_draft_from_here_is_prefilled(small_shop: Any) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    html = (await lead.get("/lab/new", review="0.425", automatic="0.7", nothing="1", capped_per_day="<b>")).text
    assert re.search(r'name="review"[^>]*value="0.425"', html)
    assert re.search(r'name="capped_per_day"[^>]*value="1"', html)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"series": {}}', '{"series": {"review": [0.1]}}'])
async def test_a_broken_file_is_no_backtest(tmp_path: Path, text: str) -> None:
    write_sweep(tmp_path)
    (tmp_path / "reports" / "abuse-backtest" / "sweep.json").write_text(text)
    assert read_sweep(tmp_path) is None


async def test_an_older_backtest_says_that_the_rule_has_moved(small_shop: Any) -> None:
    write_sweep(small_shop.settings.home, review=0.2)
    lead = await sign_in(small_shop, "lena", "lead")
    assert "it reviews from 0.25 now" in (await lead.get("/thresholds")).text
