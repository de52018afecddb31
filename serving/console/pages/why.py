"""Why this coupon, and why not: one stored decision taken apart, and a rehearsed claim with the limit in its way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.console.desk import Desk
from serving.console.forms import query_of
from serving.console.texts import Texts
from serving.explain import decision_of, explain, latest_of

LONGEST = 120


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""

    @app.get("/why", response_class=HTMLResponse, include_in_schema=False)
    async def why(request: Request) -> Response:
        visitor = await desk.enter(request, "why.read")
        asked = query_of(request)
        decision, coupon, user, template = (
            asked.text(name, LONGEST) for name in ("decision", "coupon", "user", "template")
        )
        found = latest = refusal = None
        orphan = silent = False
        if coupon and not decision:
            decision = await desk.store.fetch(lambda c: decision_of(c, coupon) or "")
            orphan = not decision
        if decision:
            now = desk.store.clock()
            found = await desk.store.fetch(lambda c: explain(c, decision, now))
        elif user:
            latest = await desk.store.fetch(lambda c: latest_of(c, user))
        if user and template:
            refusal = await _why_not(desk, user, template)
            silent = refusal is None
        missing = bool(decision) and found is None
        t = desk.texts(request)
        return desk.page(
            request, visitor, "why.html", "nav.why", 404 if missing else 200,
            asked={"decision": decision, "coupon": coupon, "user": user, "template": template},
            found=found, latest=latest, missing=missing, orphan=orphan, refusal=refusal, silent=silent,
            naive=_naive, versions=_versions, offer_name=lambda offer: _offer(t, offer),
            away=_away(desk, request, refusal),
        )  # fmt: skip


async def _why_not(desk: Desk, user: str, template: str) -> dict[str, Any] | None:
    """The rehearsed claim; None when the coupons service does not answer, or takes no such names."""
    path = f"/v1/users/{quote(user, safe='')}/why-not"
    try:
        answer = await desk.coupons.get(path, params={"template_id": template})
    except httpx.HTTPError:
        return None
    if answer.status_code in (404, 422):  # no id of ours looks like this
        return {"claimable": False, "unknown": True, "decision_id": None, "left_out": None}
    if answer.status_code != 200:
        return None
    found: dict[str, Any] = answer.json()
    return {**found, "unknown": False}


def _away(desk: Desk, request: Request, refusal: dict[str, Any] | None) -> str | None:
    """How far the claim is from being granted, in words."""
    away = (refusal or {}).get("distance")
    if not away:
        return None
    t, fmt = desk.texts(request), desk.formats(request)
    if away["unit"] == "seconds":
        return t("sim.away.seconds", length=fmt.length(timedelta(seconds=away["amount"])))
    if away["unit"] == "cents":
        return t("sim.away.cents", amount=fmt.money(away["amount"]))
    return f"{fmt.number(away['amount'])} {away['unit'] or ''}".strip()


def _offer(t: Texts, offer: str | None) -> str:
    return t("why.no_offer") if offer in (None, "none") else str(offer)


def _naive(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.removesuffix("Z")) if text else None


def _versions(found: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted({**found["risk"]["versions"], **found["versions"]}.items())
