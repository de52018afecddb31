"""Catalogue, display, claims and checkout over HTTP on one ledger, without the rest of the app."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from fakes.shop import Clock
from fakes.till import ZONE, Till
from fastapi import FastAPI

from serving.api import catalogue, display, issuing, redeeming
from serving.api.problems import add_problem_handlers
from serving.coupons.refusals import Refuse
from serving.issuer import Issuer
from serving.keys import KeyRing, Principal, embedded_keys
from serving.people.profile import Profile
from serving.shop_settings import Advice
from serving.sides import Side
from serving.store.people import put_profile
from serving.store.unit import Answer, Request


class Stall:
    """A till with routes around it; ``advice`` are the facts of the shop."""

    def __init__(self, home: Path, url: str, clock: Clock, **advice: Any) -> None:
        self.till = Till(url, clock)
        self.clock, self.store = clock, self.till.store
        self.keys = embedded_keys(home)
        issuer = Issuer(self.store, self.till.gate, ZONE, b"the key of this installation")
        side = Side(self.store, issuer, self.till.redeemer)

        async def of(principal: Principal) -> Side:
            return side

        app = FastAPI()
        app.state.sides = SimpleNamespace(of=of)
        app.state.store, app.state.issuer, app.state.redeemer = self.store, issuer, self.till.redeemer
        app.state.keys, app.state.in_flight, app.state.advice = KeyRing.of(self.keys), set(), Advice(**advice)
        add_problem_handlers(app)
        for part in (catalogue, display, issuing, redeeming):
            app.include_router(part.router)
        self.app = app
        self._numbers = itertools.count(1)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://coupons"
        )

    async def send(self, method: str, role: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[role]}", "Idempotency-Key": f"stall-{next(self._numbers)}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def get(self, role: str, path: str) -> Any:
        answer = await self.send("GET", role, path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, role: str, path: str, body: Any) -> httpx.Response:
        return await self.send("POST", role, path, body)

    async def template(self, template_id: str = "flat_8", **values: Any) -> Any:
        body = {
            "template_id": template_id,
            "name": template_id,
            "deduction": {"kind": "no_threshold", "face_cents": 800},
            "validity": {"kind": "days", "days": 7},
            "access": "open",
            "quantity": -1,
            **({} if "per_user_day" in values else {"per_user": -1}),
            **values,
        }
        answer = await self.post("operator", "/v1/templates", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def claim(self, user_id: str, template_id: str = "flat_8", **values: Any) -> str:
        body = {"user_id": user_id, "template_id": template_id, **values}
        answer = await self.post("issuance", "/v1/claims", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["coupon_id"])

    def user(self, user_id: str, **values: Any) -> None:
        def command(tx: Any) -> Answer | Refuse:
            put_profile(tx, Profile(user_id, **values))
            return Answer(200, {})

        self.store.write(Request("stall", f"user-{next(self._numbers)}", "stall", "body"), command)

    async def close(self) -> None:
        await self.http.aclose()
        await self.till.close()
