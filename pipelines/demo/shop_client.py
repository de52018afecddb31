"""The shop's side of the HTTP API, as a checkout would write it: keys by role, idempotency keys, latencies noted."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

Answer = dict[str, Any]


@dataclass
class ShopClient:
    """Calls the coupon service; ``seconds`` holds how long every call of a route took, ``refused`` counts refusals."""

    http: httpx.AsyncClient
    keys: Mapping[str, str]
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def post(self, role: str, route: str, key: str, body: Mapping[str, Any]) -> Answer | None:
        """The answer, or None when the service refuses (its code is counted); anything else is an error."""
        headers = {"Authorization": f"Bearer {self.keys[role]}", "Idempotency-Key": key}
        begin = time.perf_counter()
        response = await self.http.post(route, json=dict(body), headers=headers)
        self.seconds[route].append(time.perf_counter() - begin)
        answer: Answer = response.json()
        if response.is_success:
            return answer
        if response.status_code not in (httpx.codes.CONFLICT, httpx.codes.NOT_FOUND):
            raise RuntimeError(f"POST {route}: {response.status_code} {response.text[:300]}")
        self.refused[str(answer["code"])] += 1
        return None

    async def insist(self, role: str, route: str, key: str, body: Mapping[str, Any]) -> Answer:
        """As ``post``, for calls that must not be refused."""
        answer = await self.post(role, route, key, body)
        if answer is None:
            raise RuntimeError(f"POST {route} was refused: {dict(self.refused)}")
        return answer
