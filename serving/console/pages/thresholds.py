"""The threshold tool: drag the cut, and caught money, good users hurt, review hours and cost move together.

Everything is computed beforehand by the backtest of the standing rule (``sweep.json``), so a step costs nothing. The
page works without its script: the form asks for the cut that its field says.
"""

from __future__ import annotations

import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from serving.console.desk import Desk
from serving.console.forms import query_of
from serving.console.pages.threshold_figures import BOTTOM, HEIGHT, SHOWN, TOP, WIDTH, Sweep, read_sweep
from serving.review.rules import live_rule

FLOW = "backtest_abuse"


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""

    @app.get("/thresholds", include_in_schema=False, response_class=Response, response_model=None)
    async def thresholds(request: Request) -> Response:
        visitor = await desk.enter(request, "thresholds.read")
        live = await desk.store.fetch(lambda c: live_rule(c, desk.settings))
        sweep = read_sweep(desk.settings.home)
        asked = _cut(query_of(request).one("cut"))
        shown: dict[str, Any] = {} if sweep is None else _shown(desk, request, sweep, asked)
        return desk.page(
            request, visitor, "thresholds.html", "nav.thresholds", live=live, found=sweep is not None,
            starter=desk.starter is not None, running=desk.starter is not None and desk.starter.running(FLOW), **shown,
        )  # fmt: skip

    @app.post("/thresholds/run", include_in_schema=False, response_class=Response, response_model=None)
    async def run(request: Request) -> Response:
        await desk.posted(request, "lab.write")
        if desk.starter is not None:
            desk.starter.start(FLOW)
        return desk.go("/thresholds")


def _cut(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _shown(desk: Desk, request: Request, sweep: Sweep, asked: float | None) -> dict[str, Any]:
    fmt, t = desk.formats(request), desk.texts(request)
    facts = sweep.facts
    at = sweep.nearest(float(facts["review"]) if asked is None else asked)
    now = sweep.nearest(float(facts["review"]))
    write = {"caught_cents": _money(fmt), "cost_cents": _money(fmt), "honest_met": lambda v: fmt.number(v, 0),
             "review_hours_per_day": lambda v: fmt.number(v, 2)}  # fmt: skip
    smalls = [sweep.small(name) for name in SHOWN]
    # What the script shows is written here, once, as the reader writes numbers.
    words = {small.name: [write[small.name](value) for value in small.values] for small in smalls}
    rates = {name: [fmt.share(value, 2) for value in sweep.figures[name]]
             for name in ("precision_of_judged", "recall_of_judged", "look_alike_review_rate")}  # fmt: skip
    marks = [("current", facts["review"]), ("recommended", facts["recommended"]), ("cheapest", facts["cheapest"])]
    return {
        "smalls": smalls, "words": words, "rates": rates, "at": at, "now": now, "cuts": sweep.cuts, "facts": facts,
        "cut": sweep.cuts[at], "automatic": max(float(facts["automatic"]), sweep.cuts[at]),
        "marks": [(name, f"{float(cut):g}", sweep.across(float(cut))) for name, cut in marks],
        "box": {"width": WIDTH, "height": HEIGHT, "top": TOP, "bottom": BOTTOM},
        "data": {
            "cuts": list(sweep.cuts), "now": now,
            "xs": list(smalls[0].xs), "ys": {small.name: list(small.ys) for small in smalls},
            "words": {**words, **rates}, "automatic": float(facts["automatic"]), "at": t("thr.at"),
        },
    }  # fmt: skip


def _money(fmt: Any) -> Any:
    return lambda value: fmt.money(value, compact=True)
