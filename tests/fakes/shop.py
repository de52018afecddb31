"""A coupons app in process: a clock that tests move, seeded ids, a scoring service that answers as told."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from serving.app import Parts, console_app, coupons_app, open_store
from serving.clock import Ids
from serving.keys import embedded_keys
from serving.settings import Settings
from serving.store.unit import Store

START = datetime(2026, 5, 1, 4)  # noon in the shop


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)


def seeded_ids(clock: Clock, seed: int = 1) -> Ids:
    return Ids(clock, random.Random(seed).randbytes)


def shop_settings(home: Path, url: str, **services: Any) -> Settings:
    return Settings(home=home, stores={"ledger_url": url}, services=services, policy={"holdout": 0.0})


@dataclass
class Scoring:
    """A scoring service that answers as told; ``asked`` keeps what it was asked."""

    offer: str = "none"
    action: str = "allow"
    failing: Callable[[httpx.Request], Any] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body)
        if self.failing is not None:
            outcome = self.failing(request)
            if hasattr(outcome, "__await__"):
                outcome = await outcome
            if outcome is not None:
                return outcome
        risk = {
            "user_id": body["user_id"],
            "score": 0.1,
            "action": self.action,
            "reasons": [],
            "flagged": False,
            "cold_start": False,
            "versions": {"abuse": "1"},
        }
        if request.url.path == "/v1/risk":
            return httpx.Response(200, json=risk)
        eligible = ["none", *body["offers"]]
        offer = self.offer if self.offer in eligible else "none"
        scores = [
            {
                "offer": name,
                "value_cents": 10.0,
                "cost_cents": 5.0,
                "redeem_probability": 0.2,
                "score": 5.0,
                "probability": 0.95 if name == offer else 0.05,
            }
            for name in eligible
        ]
        return httpx.Response(
            200,
            json={
                "key": body["key"],
                "user_id": body["user_id"],
                "eligible": eligible,
                "offer": offer,
                "propensity": 0.95,
                "holdout": False,
                "explored": False,
                "reason": "best",
                "offers": scores,
                "risk": risk,
                "cold_start": False,
                "features_as_of": None,
                "versions": {"uplift": "1", "policy": "1"},
            },
        )


class Shop:
    """The coupons app in process, with a client per role."""

    def __init__(self, home: Path, url: str, clock: Clock, scoring: Scoring, **services: Any) -> None:
        self.settings = shop_settings(home, url, **services)
        self.clock = clock
        self.scoring = scoring
        self.parts = Parts(clock=clock, ids=seeded_ids(clock), transport=httpx.MockTransport(scoring.answer))
        self.store: Store = open_store(self.settings, self.parts)
        self.app = coupons_app(self.settings, self.store, self.parts)
        self.console = console_app(self.settings, self.store, httpx.ASGITransport(self.app, raise_app_exceptions=False))
        self.keys = embedded_keys(home)
        self._numbers = itertools.count(1)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://coupons"
        )

    async def post(self, role: str, path: str, body: Any, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.keys[role]}",
            "Idempotency-Key": key or f"test-{next(self._numbers)}",
        }
        return await self.http.post(path, json=body, headers=headers, **more)

    async def get(self, role: str, path: str) -> httpx.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {self.keys[role]}"})

    async def campaign(self, **values: Any) -> None:
        body = {"campaign_id": "spring", "name": "Spring", "budget_cents": 100_000, **values}
        answer = await self.post("operator", "/v1/campaigns", body)
        assert answer.status_code == 201, answer.text

    async def template(self, template_id: str = "flat_8", **values: Any) -> None:
        body = {
            "template_id": template_id,
            "name": template_id,
            "deduction": {"kind": "no_threshold", "face_cents": 800},
            "validity": {"kind": "days", "days": 7},
            "campaign_id": "spring",
            "access": "open",
            "quantity": -1,
            **({} if "per_user_day" in values else {"per_user": -1}),
            **values,
        }
        answer = await self.post("operator", "/v1/templates", body)
        assert answer.status_code == 201, answer.text

    async def claim(self, user_id: str, template_id: str = "flat_8", **values: Any) -> httpx.Response:
        return await self.post("issuance", "/v1/claims", {"user_id": user_id, "template_id": template_id, **values})

    async def coupon(self, user_id: str, template_id: str = "flat_8") -> str:
        answer = await self.claim(user_id, template_id)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["coupon_id"])

    async def close(self) -> None:
        await self.http.aclose()
        await self.app.state.sides.live.issuer.scoring.close()
        await self.app.state.sides.close()
        self.store.close()


def cart(*prices: int, quantity: int = 1, category: str = "shoes", **values: Any) -> dict[str, Any]:
    lines = [
        {"line_no": n, "sku": f"sku{n}", "category": category, "quantity": quantity, "unit_price_cents": price}
        for n, price in enumerate(prices or (5000,), 1)
    ]
    return {"lines": lines, **values}
