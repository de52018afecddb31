"""A tour of the coupons app that visits every operation with success, under the scope that its document names.

Every answer is held against the served document with all its objects closed: a field that is not documented, or one
that is documented and missing, ends the tour. Every write is rehearsed first and replayed afterwards.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Sequence
from typing import Any

from fakes.shop import Shop, cart
from fakes.tools import explained
from jsonschema import Draft202012Validator

from serving.api.access import TEST_KEYS
from serving.api.webhooks import WebhookParts
from serving.keys import SCOPES, KeyRing, Principal, hash_key
from serving.openapi.describe import operations
from serving.openapi.scopes import scopes_of
from serving.review.appeals import Ruling
from serving.review.appeals import decide as decide_appeal
from serving.store.unit import Request as Asked
from serving.store.unit import canonical
from serving.webhooks.guard import Guard

JSON = "application/json"
WRITES = ("POST", "PUT")


class Tour:
    """``seen`` are the operations that answered as documented (method, path, status), ``met`` the schemas by name."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.document = shop.app.openapi()
        self.operations = {(method.upper(), path): found for path, method, found in operations(self.document)}
        self.seen: set[tuple[str, str, str]] = set()
        self.met: set[str] = set()
        self._closed = closed(self.document)
        self._validators: dict[str, Draft202012Validator] = {}
        self._numbers = itertools.count(1)
        shop.app.state.keys = self._one_key_for_each_scope()
        parts = shop.app.state.webhooks
        shop.app.state.webhooks = WebhookParts(parts.signer, Guard(resolve=_public))

    async def ask(self, method: str, path: str, body: Any = None, *, rehearse: bool = True) -> Any:
        """One request, refused without its scope and answered with it; the answer, checked."""
        route, operation = self._find(method, path)
        scopes = scopes_of(operation)
        if scopes:
            refused = await self._send(method, path, body, _key_without(scopes))
            assert refused.status_code == 403, (method, path, refused.text)
        if method in WRITES and scopes and rehearse and "dry_run" in str(operation.get("parameters")):
            rehearsed = await self._send(method, f"{path}?dry_run=true", body, _key(scopes))
            self._check(method, route, operation, rehearsed)
            assert rehearsed.json()["dry_run"] is True
        key = f"tour-{next(self._numbers)}"
        answer = await self._send(method, path, body, _key(scopes), key)
        self._check(method, route, operation, answer)
        self.seen.add((method, route, str(answer.status_code)))
        if method in WRITES and "dry_run" in str(operation.get("parameters")):
            replay = await self._send(method, path, body, _key(scopes), key)
            self._check(method, route, operation, replay)
            assert replay.headers["Idempotent-Replayed"] == "true", (method, path)
            assert replay.content == answer.content or route.endswith("/codes"), (method, path)
        return answer.json() if answer.headers["content-type"] == JSON else answer.text

    def _check(self, method: str, route: str, operation: Any, answer: Any) -> None:
        where = f"{method} {route} {answer.status_code}: {answer.text[:600]}"
        assert 200 <= answer.status_code < 300, where
        media = answer.headers["content-type"].split(";")[0]
        content = operation["responses"][str(answer.status_code)]["content"]
        assert media in content, where
        if media == JSON:
            errors = self._errors(closed(content[media]["schema"]), answer.json())
            assert not errors, (where, errors)
            self._meet(content[media]["schema"], answer.json())

    def _meet(self, schema: Any, value: Any) -> None:
        """Note the schemas of which the value, or a part of it, is an instance."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            self.met.add(name)
            schema = self._closed["components"]["schemas"][name]
        for option in schema.get("anyOf") or schema.get("oneOf") or ():
            if not self._errors(option, value):
                self._meet(option, value)
        if isinstance(value, dict):
            for name, part in schema.get("properties", {}).items():
                if name in value:
                    self._meet(part, value[name])
        elif isinstance(value, list):
            for part in value:
                self._meet(schema.get("items", {}), part)

    def _errors(self, schema: Any, value: Any) -> list[str]:
        name = canonical(schema)
        if name not in self._validators:
            whole = {"components": self._closed["components"], "allOf": [schema]}
            self._validators[name] = Draft202012Validator(whole)
        return [f"{error.json_path}: {error.message[:300]}" for error in self._validators[name].iter_errors(value)]

    async def send(self, method: str, path: str, body: Any) -> Any:
        """One request under the scope of its operation, whatever the answer."""
        return await self._send(method, path, body, _key(scopes_of(self._find(method, path)[1])))

    async def _send(self, method: str, path: str, body: Any, bearer: str, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {bearer}"}
        if method in WRITES:
            headers["Idempotency-Key"] = key or f"tour-{next(self._numbers)}"
        return await self.shop.http.request(method, path, json=body, headers=headers)

    def _find(self, method: str, path: str) -> tuple[str, Any]:
        plain = path.split("?")[0]
        if (method, plain) in self.operations:
            return plain, self.operations[method, plain]
        for (its, route), found in self.operations.items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", route)
            if its == method and re.fullmatch(pattern, plain):
                return route, found
        raise AssertionError(f"{method} {path} is not in the document")

    @staticmethod
    def _one_key_for_each_scope() -> KeyRing:
        """A key with each scope, and one with every other scope."""
        known = frozenset(SCOPES)
        entries = [(hash_key(_key([TEST_KEYS])), Principal("tester", frozenset(), test=True))]
        for scope in (*SCOPES, TEST_KEYS):
            others = Principal(f"without {scope}", known - {scope})
            entries.append((hash_key(_key_without([scope])), others))
        entries += [(hash_key(_key([scope])), Principal(scope, frozenset({scope}))) for scope in SCOPES]
        return KeyRing(entries)


def closed(schema: Any) -> Any:
    """The schema in which every object takes its documented fields alone."""
    schema = copy.deepcopy(schema)
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and node.get("type") == "object":
                node.setdefault("additionalProperties", False)
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return schema


def undocumented(document: Any) -> list[str]:
    """Operations with a JSON success that says nothing of its fields."""
    found = []
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get(JSON, {}).get("schema")
            if status.startswith("2") and schema is not None and not ({"$ref", "anyOf"} & schema.keys()):
                found.append(f"{method.upper()} {path} {status}")
    return found


def answered(document: Any) -> set[str]:
    """Names of the schemas that successes are made of."""
    found: set[str] = set()
    pending = [
        answer.get("content", {}).get(JSON, {})
        for _, _, operation in operations(document)
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    ]
    while pending:
        for name in re.findall(r"#/components/schemas/(\w+)", str(pending.pop())):
            if name not in found:
                found.add(name)
                pending.append(document["components"]["schemas"][name])
    return found


def successes(document: Any) -> set[tuple[str, str, str]]:
    """Method, path and status of every documented success."""
    return {
        (method.upper(), path, status)
        for path, method, operation in operations(document)
        for status in operation["responses"]
        if status.startswith("2")
    }


def _key(scopes: Sequence[str]) -> str:
    if not scopes:
        return ""
    return "fd_test_tour" if scopes[0] == TEST_KEYS else f"fd_live_{scopes[0]}"


def _key_without(scopes: Sequence[str]) -> str:
    return f"fd_live_without_{scopes[0]}"


async def _public(host: str, port: int) -> Sequence[str]:
    return ["93.184.215.14"]


KINDS: dict[str, dict[str, Any]] = {
    "cut": {"kind": "threshold_cut", "minimum_cents": 9900, "face_cents": 2000},
    "steps": {"kind": "tiered_cut", "steps": [{"minimum_cents": 10000, "face_cents": 1500}]},
    "tenth": {"kind": "percent", "percent_off": 10, "cap_cents": 5000},
    "rates": {"kind": "category_percent", "rates": [{"category": "shoes", "percent_off": 5}], "cap_cents": 900},
    "price": {"kind": "special_price", "prices": [{"sku": "sku1", "price_cents": 19000}], "cap_cents": 2000},
    "cash": {"kind": "no_threshold", "face_cents": 300},
    "ship": {"kind": "freight", "face_cents": 500},
    "luck": {"kind": "random_amount", "low_cents": 100, "high_cents": 200},
    "pieces": {"kind": "quantity_cut", "pieces": 2, "face_cents": 100},
    "sample": {"kind": "gift", "gifts": [{"sku": "sample-1", "quantity": 1}], "cost_cents": 300},
    "back": {"kind": "give_back", "minimum_cents": 100, "give": "points", "amount": 50, "cost_cents": 50},
    "both": {"kind": "bundle", "items": [{"sku": "sku1"}, {"sku": "sku2"}], "face_cents": 100},
    "pack": {"kind": "gift_pack", "templates": ["cash", "cut"]},
    "draw": {"kind": "lucky_draw", "prizes": [{"template_id": "cash", "weight": 1}]},
}


async def grand_tour(tour: Tour) -> None:
    """Every operation of the app, with success."""
    await catalogue(tour)
    await giving(tour)
    await orders(tour)
    await display(tour)
    await people(tour)
    await appeals(tour)
    await webhooks(tour)
    await around(tour)


async def catalogue(tour: Tour) -> None:
    ask = tour.ask
    await ask("POST", "/v1/campaigns", {"campaign_id": "tour", "name": "Tour", "budget_cents": 10_000_000})
    await ask("GET", "/v1/campaigns?limit=1")
    await ask("GET", "/v1/campaigns/tour")
    for name, deduction in KINDS.items():
        await ask("POST", "/v1/templates", _template(name, deduction))
    full = _template(
        "full",
        KINDS["cut"],
        validity={"kind": "fixed", "first": "2026-05-01", "last": "2026-05-31"},
        windows=[{"start": "08:00", "end": "22:00", "weekdays": [1, 2, 3, 4, 5, 6, 7]}],
        slots=[{"start": "10:00", "end": "14:00", "quota": 5}],
        audience={"tags": ["vip"], "phone_verified": True},
        per_user_day=1,
        quantity=10,
        bearers={"platform": 60, "merchant": 30, "supplier": 10},
        card={"channels": ["sms"], "places": ["coupon_centre", "product_page"], "image": "https://img.example/a.png"},
    )
    await ask("GET", "/v1/template-kinds")
    await ask("POST", "/v1/templates:advise", full)
    await ask("POST", "/v1/templates", full)
    await ask("PUT", "/v1/templates/full", {**_without(full, "access"), "version": 1, "quantity": 20})
    await ask("POST", "/v1/templates", _template("short", KINDS["cash"], validity={"kind": "minutes", "minutes": 90}))
    await ask("POST", "/v1/templates", _template("coded", KINDS["cash"], delivery="code"))
    await ask("POST", "/v1/templates", _template("offer", KINDS["cash"], access="decision"))
    await ask("POST", "/v1/templates", _template("given", KINDS["cash"], delivery="push", card={"channels": ["sms"]}))
    await ask("POST", "/v1/templates", _template("gifts", KINDS["pack"], delivery="push"))
    await ask("POST", "/v1/templates", _template("auto", KINDS["cash"], delivery="automatic", stackable=True))
    await ask("GET", "/v1/templates?limit=100")
    await ask("GET", "/v1/templates/full")
    await ask("GET", "/v1/templates/full/versions")
    await ask("GET", "/v1/templates/full/versions/1")
    await ask("POST", "/v1/templates/short/access", {"access": "closed", "reason": "over"})


async def giving(tour: Tour) -> None:
    ask, shop = tour.ask, tour.shop
    await ask("POST", "/v1/triggers", {"user_id": "g1", "trigger": "session"})
    shop.scoring.offer = "offer"
    decided = await ask("POST", "/v1/triggers", {"user_id": "g1", "trigger": "session", "campaign_id": "tour"})
    await ask("POST", "/v1/claims", {"user_id": "g1", "decision_id": decided["decision_id"]})
    # A decision with all that it rests on, and a claim that a counter stands against.
    await ask("POST", "/v1/templates", _template("cut_99_20", KINDS["cash"], per_user=1, access="open"))
    shop.scoring.failing = explained
    decided = await ask("POST", "/v1/triggers", {"user_id": "g1", "trigger": "session"}, rehearse=False)
    shop.scoring.failing = None
    await ask("POST", "/v1/claims", {"user_id": "g1", "decision_id": decided["decision_id"]})
    await ask("GET", f"/v1/decisions/{decided['decision_id']}/explain")
    await ask("GET", "/v1/users/g1/why-not?template_id=cut_99_20")
    for name in ("cut", "luck", "pack", "draw"):
        await ask("POST", "/v1/claims", {"user_id": "g1", "template_id": name, "place": "coupon_centre"})
    codes = await ask("POST", "/v1/templates/coded/codes", {"count": 2})
    await ask("POST", "/v1/claims", {"user_id": "g2", "code": codes["codes"][0]}, rehearse=False)
    await ask("POST", "/v1/pushes", {"template_id": "given", "user_id": "g2", "ref": "birthday"})
    await ask("POST", "/v1/pushes", {"template_id": "gifts", "user_id": "g2"})
    await ask("POST", "/v1/flags", {"flags": [{"user_id": "bad", "score": 0.9, "action": "freeze"}]})
    await ask("POST", "/v1/pushes", {"template_id": "given", "user_ids": ["g3", "bad"]})
    await ask("POST", "/v1/rewards", {"kind": "review", "user_id": "g1", "template_id": "cash", "ref": "r1"})
    group = {"kind": "group_buy", "user_id": "g1", "members": ["g1", "g2", "bad"], "ref": "group_1"}
    await ask("POST", "/v1/rewards", {**group, "template_id": "cash"})
    for _ in range(7):
        await ask("POST", "/v1/rewards", {"kind": "sign_in", "user_id": "g5", "template_id": "cash"})
        shop.clock.forward(days=1)


async def orders(tour: Tour) -> None:
    """A stacked order that is held, paid, partly refunded; one that is cancelled; one that is undone after payment."""
    ask = tour.ask
    bought = cart(
        20000,
        6000,
        quantity=2,
        freight_cents=800,
        points=100,
        activities=[{"kind": "full_reduction", "discount_cents": 500, "line_nos": [1]}],
    )
    await _profile(tour, "o1")
    ids = [await _coupon(tour, "o1", name) for name in ("cut", "ship", "sample", "back")]
    await ask("POST", "/v1/quotes", {"user_id": "o1", "cart": bought})
    thin = cart(300, freight_cents=0)
    thin["lines"][0]["unit_cost_cents"] = 290
    await ask("POST", "/v1/quotes", {"user_id": "o1", "cart": thin})
    await ask("POST", "/v1/quotes", {"user_id": "nobody", "cart": bought})
    back = {"lines": [{"line_no": 1, "units": [1]}]}
    tried = {"at": "2026-05-02T12:00:00Z", "with_templates": ["cut"], "refund": back}
    await ask("POST", "/v1/quotes", {"user_id": "o1", "cart": bought, **tried})
    held = await ask("POST", "/v1/holds", {"user_id": "o1", "coupon_ids": ids, "order_id": "t1", "cart": bought})
    assert len(held["coupon_ids"]) >= len(ids), held
    await ask("GET", f"/v1/holds/{held['hold_id']}")
    await ask("GET", "/v1/users/o1/wallet")
    paid = await ask("POST", "/v1/redemptions", {"user_id": "o1", "hold_id": held["hold_id"]})
    refund = {"user_id": "o1", "redemption_id": paid["redemption_id"], "lines": [{"line_no": 1, "units": [2]}]}
    await ask("POST", "/v1/refunds", {**refund, "freight": True})
    await ask("GET", "/v1/orders/t1?user_id=o1")
    plain = {"user_id": "o2", "coupon_ids": [await _coupon(tour, "o2", "tenth")], "cart": bought}
    kept = await ask("POST", "/v1/holds", {**plain, "order_id": "t2"})
    undo = {"user_id": "o2", "scene": "order_cancelled", "hold_id": kept["hold_id"]}
    await ask("POST", "/v1/rollbacks", undo)
    done = await ask("POST", "/v1/redemptions", {**plain, "order_id": "t3"})
    undo = {"user_id": "o2", "scene": "refund_before_shipping", "redemption_id": done["redemption_id"]}
    await ask("POST", "/v1/rollbacks", undo)
    await ask("GET", "/v1/orders/t3")


async def display(tour: Tour) -> None:
    ask = tour.ask
    await ask("GET", "/v1/users/o1/wallet?state=used")
    await ask("GET", "/v1/users/g1/personal-centre")
    await ask("GET", "/v1/coupon-centre?limit=100")
    await ask("GET", "/v1/coupon-centre?limit=100&user_id=g1")
    await ask("GET", "/v1/places/activity/offers?user_id=g1")
    await ask("GET", "/v1/products/sku1/offers?category=shoes&price_cents=20000&user_id=g1")
    await ask("POST", "/v1/order-confirmation", {"user_id": "g1", "cart": cart(20000)})


async def people(tour: Tour) -> None:
    ask = tour.ask
    await _profile(tour, "p1")
    await _coupon(tour, "p1", "cash")
    taken = await ask("POST", "/v1/users/p1/actions", {"action": "revoke", "reason": "ring"})
    await ask("POST", f"/v1/actions/{taken['action_id']}/undo", {"reason": "appeal_accepted"})
    order = {"user_id": "p1", "coupon_ids": [], "order_id": "t9", "cart": cart(20000)}
    held = await ask("POST", "/v1/holds", order)
    cancel = {"action": "cancel_order", "reason": "stolen_card", "hold_id": held["hold_id"]}
    await ask("POST", "/v1/users/p1/actions", cancel)
    await ask("GET", "/v1/users/p1/actions")


async def appeals(tour: Tour) -> None:
    """One that waits and one that was decided, which has an answer for the customer."""
    made = await tour.ask("POST", "/v1/appeals", {"user_id": "p1", "text": "I share a flat", "contact": "ticket 4711"})
    command = decide_appeal(made["appeal_id"], "staff:lena", Ruling(False, "no_new_facts"))
    tour.shop.store.write(Asked("staff:lena", "tour-appeal", "appeals", "tour"), command)
    await tour.ask("GET", f"/v1/appeals/{made['appeal_id']}")
    await tour.ask("POST", "/v1/appeals", {"user_id": "p1", "text": "once more"})
    await tour.ask("GET", "/v1/appeals?limit=1")


async def webhooks(tour: Tour) -> None:
    ask = tour.ask
    made = await ask("POST", "/v1/webhooks", {"url": "https://hooks.example/in", "events": ["*"]})
    path = f"/v1/webhooks/{made['webhook_id']}"
    await ask("GET", "/v1/webhooks")
    await ask("GET", path)
    await ask("POST", f"{path}/rotate")
    await _coupon(tour, "w1", "cash")
    events = await ask("GET", "/v1/events?limit=100")
    (event_id,) = [event["id"] for event in events["data"] if event["type"] == "coupon.claimed"][:1]
    await ask("POST", f"/v1/events/{event_id}/resend", {})
    await ask("GET", f"/v1/events/{event_id}")
    await ask("GET", f"{path}/deliveries")
    await ask("POST", f"{path}/disable")
    await ask("POST", f"{path}/enable")


async def around(tour: Tour) -> None:
    """Health, problems and the sandbox's clock."""
    for path in ("/healthz", "/readyz", "/metrics", "/problems", "/problems/coupon_used", "/v1/test_clock"):
        await tour.ask("GET", path)
    await tour.ask("POST", "/v1/test_clock", {"advance_seconds": 60})


def _template(name: str, deduction: dict[str, Any], **values: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "validity": {"kind": "days", "days": 30},
        "campaign_id": "tour",
        "access": "open",
        "quantity": -1,
    }
    if "per_user_day" not in values:
        plain["per_user"] = -1
    return {"template_id": name, "name": name, "deduction": deduction, **plain, **values}


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


async def _profile(tour: Tour, user_id: str) -> None:
    body = {"user_id": user_id, "member_tier": "gold", "tags": ["vip"], "phone_verified": True}
    await tour.ask("POST", "/v1/users", body)


async def _coupon(tour: Tour, user_id: str, template_id: str) -> str:
    made = await tour.ask("POST", "/v1/claims", {"user_id": user_id, "template_id": template_id})
    return str(made["coupon_id"])
