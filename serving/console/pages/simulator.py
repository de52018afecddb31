"""The coupon simulator: a cart, a user and a moment, priced by the quote that the checkout gets; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.api.quote_bodies import MOST_TRIED
from serving.console.desk import Desk
from serving.console.formats import Formats
from serving.console.forms import Form, query_of
from serving.console.simulation import LONGEST_LINK, Typed, body_of, link_of, with_return
from serving.console.simulation_checks import Body, NotReadableError, Wrong, check, parsed
from serving.console.texts import Texts
from serving.console.visitor import Visitor
from serving.coupons.kinds import prices
from serving.store.cursor import Cursor
from serving.store.shelf import list_templates
from serving.store.unit import canonical

MORE_ROWS = 5
MOST_SHOWN = 100
"""Templates that are offered to be tried; any other is tried over the API."""


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""

    @app.get("/simulator", response_class=HTMLResponse, include_in_schema=False)
    async def simulator(request: Request) -> Response:
        visitor = await desk.enter(request, "simulator.use")
        link = query_of(request).one("q")
        if not link:
            return await _form(desk, request, visitor, Typed(user_id=query_of(request).text("user", 120)))
        try:
            body = body_of(link)
        except NotReadableError as error:
            return await _form(desk, request, visitor, Typed(), wrong=error.wrong)
        return await _priced(desk, request, visitor, body)

    @app.post("/simulator", response_class=HTMLResponse, include_in_schema=False)
    async def simulate(request: Request) -> Response:
        """Read what was typed and go to the link that says it; what is too long for a link is priced here."""
        visitor, form = await desk.posted(request, "simulator.use")
        typed = Typed.of(form)
        if form.one("do") == "more":
            return await _form(desk, request, visitor, typed, more=MORE_ROWS)
        try:
            body = _returning(form) if form.one("do") == "back" else typed.body(desk.zone)
        except NotReadableError as error:
            if form.one("do") == "back":
                typed = Typed.back(_carried(form), desk.zone)
            return await _form(desk, request, visitor, typed, wrong=error.wrong)
        link = link_of(body)
        if len(link) <= LONGEST_LINK:
            return desk.go("/simulator", q=link)
        return await _priced(desk, request, visitor, body, linked=False)


async def _form(
    desk: Desk, request: Request, visitor: Visitor, typed: Typed, more: int = 0, wrong: Sequence[Wrong] = (),
    **shown: Any,
) -> Response:  # fmt: skip
    shelf = await desk.store.fetch(lambda connection: list_templates(connection, Cursor(MOST_SHOWN)))
    tried = [entry.template for entry in shelf.rows if prices(entry.template.kind)]
    values = {"quote": None, "body": None, "linked": True, "silent": None, **shown}
    return desk.page(
        request, visitor, "simulator.html", "nav.simulator", 422 if wrong else 200,
        typed=typed, rows=typed.padded(more), templates=tried, most_tried=MOST_TRIED, wrong=wrong, **values,
    )  # fmt: skip


async def _priced(desk: Desk, request: Request, visitor: Visitor, body: Body, linked: bool = True) -> Response:
    """The form with the answer of the coupons API to ``body``."""
    typed = Typed.back(body, desk.zone)
    try:
        answer = await desk.coupons.post("/v1/quotes", json=body)
    except httpx.HTTPError:
        return await _form(desk, request, visitor, typed, silent=0)
    if answer.status_code >= 500 or answer.status_code in (401, 403):
        return await _form(desk, request, visitor, typed, silent=answer.status_code)
    found = answer.json()
    if answer.status_code != 200:
        return await _form(desk, request, visitor, typed, wrong=_refused(found))
    quote = Shown(found, body, desk.texts(request), desk.formats(request))
    return await _form(desk, request, visitor, typed, quote=quote, body=canonical(body), linked=linked)


def _refused(found: dict[str, Any]) -> list[Wrong]:
    """What the API says of a cart that its model took and its rules do not."""
    items = found.get("errors") or []
    said = [Wrong(item["field"], "sim.wrong.said", said=(item["expected"], item["expected"])) for item in items]
    return said or [Wrong("cart", "sim.wrong.said", said=(found["detail"], found["detail_zh"]))]


def _carried(form: Form) -> Body:
    """The body that the form of the return carries along."""
    found = parsed(form.one("body"))
    if not isinstance(found, dict):
        raise NotReadableError(Wrong("cart", "sim.wrong.json"))
    check(found)
    return found


def _returning(form: Form) -> Body:
    return with_return(_carried(form), form)


@dataclass(frozen=True, slots=True)
class Shown:
    """A quote as the page shows it; ``found`` is the answer of the API, amounts in cents."""

    found: dict[str, Any]
    body: Body
    t: Texts
    fmt: Formats

    @property
    def best(self) -> dict[str, Any] | None:
        best: dict[str, Any] | None = self.found["best"]
        return best

    @property
    def refund(self) -> dict[str, Any] | None:
        """What the tried return would give; None where none was tried."""
        refund: dict[str, Any] | None = self.found.get("refund")
        return refund

    @property
    def names(self) -> dict[str, str]:
        """The coupons of the quote by id, as they are called."""
        return {one["coupon_id"]: one["name"] for one in (*self.found["usable"], *self.found["unusable"])}

    def runs(self, cents: Sequence[int]) -> list[str]:
        """What each unit has, equal neighbours together: ``2 × ¥6.67`` and ``1 × ¥6.66``."""
        parts = [(len(list(group)), value) for value, group in groupby(cents)]
        if len(parts) == 1 and parts[0][0] == 1:
            return [self.fmt.money(parts[0][1])]
        return [f"{n} × {self.fmt.money(value)}" for n, value in parts]

    @property
    def parts(self) -> str:
        """Of what the discount is made, without what is nothing."""
        amounts = ((name, self.found[f"{name}_cents"]) for name in ("activity", "coupon", "points"))
        said = [self.t(f"sim.off.{name}", amount=self.fmt.money(cents)) for name, cents in amounts if cents]
        return self.t.pair(", ", "，").join(said)

    def share(self, coupon: dict[str, Any], line_no: int) -> dict[str, Any] | None:
        """What a coupon takes off a line; None for nothing."""
        return next((line for line in coupon["lines"] if line["line_no"] == line_no), None)

    def text(self, one: dict[str, Any]) -> str:
        return self.t.pair(one["detail"], one["detail_zh"])

    def distance(self, one: dict[str, Any]) -> str | None:
        """How far a coupon is from being usable."""
        away = one.get("distance")
        if not away:
            return None
        amount, unit = away["amount"], away["unit"]
        if unit == "cents":
            return self.t("sim.away.cents", amount=self.fmt.money(amount))
        if unit == "seconds":
            return self.t("sim.away.seconds", length=self.fmt.length(timedelta(seconds=amount)))
        return self.t("sim.away.pieces", n=self.fmt.number(amount))

    def until(self, one: dict[str, Any]) -> Any:
        return self.fmt.moment(_naive(one["valid_until"]))

    @property
    def at(self) -> Any:
        at = self.found.get("at") if self.body.get("at") else None
        return self.fmt.moment(_naive(at)) if at else None

    @property
    def returned(self) -> dict[int, int]:
        """Units of each line that the return names."""
        lines = (self.body.get("refund") or {}).get("lines", ())
        return {line["line_no"]: len(line["units"]) for line in lines}


def _naive(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z"))
