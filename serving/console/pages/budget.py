"""The budget lab: what another budget for a round would bring, from the curve that the last round left behind."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from features.errors import InputError
from serving.api.template_bodies import CampaignBody
from serving.budget_curve import Curve, Measured, path_of, read_curve, read_measured, recommended
from serving.console.charts import Curve as Drawn
from serving.console.charts import lines
from serving.console.desk import Desk
from serving.console.formats import Formats
from serving.console.forms import query_of
from serving.console.texts import Texts
from serving.coupons.money import MAX_CENTS
from serving.coupons.refusals import Refuse
from serving.store.shelf import add_campaign, find_campaign
from serving.store.unit import Answer, Transaction

_AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
NAME = 40
"""Longest name of a draft: the word for a draft stands before it."""


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""

    @app.get("/budget", response_class=HTMLResponse, include_in_schema=False)
    async def budget(request: Request) -> Response:
        visitor = await desk.enter(request, "budget.read")
        asked = query_of(request)
        lab, broken = await asyncio.to_thread(_read, desk)
        draft = asked.text("draft", 80)
        saved = await desk.store.fetch(lambda c: find_campaign(c, draft)) if draft else None
        shown: dict[str, Any] = {"lab": None, "broken": broken, "saved": saved}
        if lab is not None:
            place = _place(lab.curve, asked.one("budget"))
            t, fmt = desk.texts(request), desk.formats(request)
            steps = [lab.step(n, t, fmt) for n in range(len(lab.curve.points))]
            shown |= {
                "lab": lab, "steps": steps, "at": place, "step": steps[place],
                "chart": lab.chart(place, desk.settings.shop.currency, t, fmt),
                "arms": lab.curve.arms[1:], "marks": lab.marks,
            }  # fmt: skip
        return desk.page(request, visitor, "budget.html", "nav.budget", **shown)

    @app.post("/budget/draft", response_class=HTMLResponse, include_in_schema=False)
    async def draft(request: Request) -> Response:
        """A campaign that cannot spend: no template names it, and templates begin closed."""
        visitor, form = await desk.posted(request, "budget.save")
        cents = form.whole("budget_cents", 1, MAX_CENTS)
        name = form.text("name", NAME)
        if not name or not name.isprintable():
            raise InputError("name", "blank or with control characters", f"1 to {NAME} visible characters")
        titled = desk.texts(request)("budget.draft_name", name=name)

        def command(tx: Transaction) -> Answer | Refuse:
            body = CampaignBody(campaign_id=tx.ids("cmp"), name=titled, budget_cents=cents)
            verdict = add_campaign(tx, body.value())
            return verdict if isinstance(verdict, Refuse) else Answer(201, body.model_dump(mode="json"))

        answer = await desk.write(visitor, form, f"POST /budget/draft {cents} {name}", command)
        made = answer.body
        return desk.go("/budget", budget=f"{made['budget_cents'] / 100:.2f}", draft=made["campaign_id"])


@dataclass(frozen=True, slots=True)
class Lab:
    """The curve of the last round with what was measured of it, as the page shows both."""

    curve: Curve
    measured: Measured | None

    @property
    def marks(self) -> dict[str, int]:
        """Places of the budgets with a name."""
        curve = self.curve
        return {
            "current": curve.nearest(curve.current_cents),
            "recommended": recommended(curve, self.measured),
            "break_even": curve.nearest(curve.break_even_cents),
        }

    def band(self, n: int) -> tuple[float, float, float] | None:
        """Measured profit of a point with its interval, in cents for the round's users."""
        if self.measured is None:
            return None
        users = self.curve.users
        value, low, high = self.measured.at(self.curve.points[n].spend_cents / users)
        return value * users, low * users, high * users

    def step(self, n: int, t: Texts, fmt: Formats) -> dict[str, Any]:
        """One stand of the slider, written as the reader writes numbers, so that a script only puts texts in place."""
        point, band = self.curve.points[n], self.band(n)
        names = [t(f"budget.mark.{name}") for name, place in self.marks.items() if place == n]
        given = sum(point.offers.values())
        return {
            "cents": point.budget_cents,
            "asked": f"{point.budget_cents // 100}.{point.budget_cents % 100:02d}",
            "budget": fmt.money(point.budget_cents),
            "spend": fmt.money(point.spend_cents),
            "profit": fmt.money(point.profit_cents),
            "measured": "–" if band is None else fmt.money(band[0]),
            "interval": "" if band is None else t("budget.interval", low=fmt.money(band[1]), high=fmt.money(band[2])),
            "marginal": fmt.money(round(point.marginal * 100)),
            "given": t("budget.users", n=fmt.number(given), share=fmt.share(given / self.curve.users)),
            "mark": t.pair(", ", "、").join(names),
            "offers": [point.offers.get(arm, 0) for arm in self.curve.arms[1:]],
            "counts": [fmt.number(point.offers.get(arm, 0)) for arm in self.curve.arms[1:]],
        }

    def chart(self, place: int, currency: str, t: Texts, fmt: Formats) -> Markup:
        """Profit against budget; the last mark is the chosen budget, which a script moves."""
        points = self.curve.points
        xs = [point.budget_cents / 100 for point in points]
        drawn = [Drawn(t("budget.expected"), xs, [point.profit_cents / 100 for point in points])]
        bands = [band for n in range(len(points)) if (band := self.band(n)) is not None]
        if bands:
            value, low, high = ([cents / 100 for cents in column] for column in zip(*bands, strict=True))
            drawn.append(Drawn(t("budget.measured"), xs, value, low, high))
        named = [(xs[n], t(f"budget.mark.{name}")) for name, n in self.marks.items()]

        def amount(yuan: float) -> str:
            return fmt.number(yuan)

        return lines(
            drawn, x=t("budget.axis.budget", currency=currency), y=t("budget.axis.profit", currency=currency),
            label=t("budget.chart"),
            marks=[*named, (xs[place], "")], x_text=amount, y_text=amount,
        )  # fmt: skip


def _read(desk: Desk) -> tuple[Lab | None, bool]:
    """The lab, and whether there is a file that cannot be read."""
    settings = desk.settings
    try:
        curve = read_curve(path_of(settings.home))
    except InputError:
        return None, True
    if curve is None:
        return None, False
    return Lab(curve, read_measured(settings.reports / "evaluate_policy" / "report.json")), False


def _place(curve: Curve, asked: str) -> int:
    """Where the slider stands: at the budget of the link, or at the current one."""
    if not asked:
        return curve.nearest(curve.current_cents)
    if not _AMOUNT.fullmatch(asked):
        raise InputError("budget", asked[:40], "an amount such as 25000 or 25000.50")
    return curve.nearest(int(Decimal(asked) * 100))
