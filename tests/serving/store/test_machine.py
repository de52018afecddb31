"""Any interleaving of claim, hold, redeem, roll back, refund, time and replay, against a model in plain dicts."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.shop import Clock, Scoring, Shop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from serving.api.sweeper import sweep
from serving.store.verify import verify_ledger

FACE, QUANTITY, PER_USER, BUDGET, LIABILITY = 800, 7, 3, 2400, 4000
CART = {
    "lines": [
        {"line_no": 1, "sku": "a", "category": "x", "quantity": 3, "unit_price_cents": 333},
        {"line_no": 2, "sku": "b", "category": "x", "quantity": 1, "unit_price_cents": 501},
    ]
}
GOODS = 1500
# 800 over 999 and 501: 532.8 and 267.2, so 533 and 267; 533 over three units: 178, 178, 177.
PAID = {(1, 1): 333 - 178, (1, 2): 333 - 178, (1, 3): 333 - 177, (2, 1): 501 - 267}
USERS = st.sampled_from(["u1", "u2", "u3"])
ORDERS = st.sampled_from(["o1", "o2", "o3", "o4"])
PICK = st.integers(0, 10**6)


class Ledger(RuleBasedStateMachine):
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        url = self.url or f"sqlite:///{self.folder.name}/ledger.db"
        self.shop = Shop(Path(self.folder.name), url, self.clock, Scoring(), hold_minutes=30)
        self.run(self.shop.campaign(budget_cents=BUDGET, liability_cents=LIABILITY))
        self.run(
            self.shop.template(
                validity={"kind": "days", "days": 2},
                quantity=QUANTITY,
                per_user=PER_USER,
                deduction={"kind": "no_threshold", "face_cents": FACE},
            )
        )
        self.coupons: dict[str, dict[str, Any]] = {}
        self.holds: dict[str, dict[str, Any]] = {}
        self.redemptions: dict[str, dict[str, Any]] = {}
        self.slots: dict[str, str] = {}
        self.committed = 0
        self.sent: list[tuple[str, str, dict[str, Any], httpx.Response]] = []

    def teardown(self) -> None:
        self.run(self.shop.close())
        self.loop.close()
        self.folder.cleanup()

    def run(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    def send(self, role: str, path: str, body: dict[str, Any], expected: str | None) -> dict[str, Any] | None:
        key = f"k{len(self.sent)}"
        answer = self.run(self.shop.post(role, path, body, key))
        self.sent.append((role, path, {"key": key, "body": body}, answer))
        if expected is None:
            assert answer.status_code == 201, answer.text
            return answer.json()
        assert answer.status_code in (404, 409), answer.text
        assert answer.json()["code"] == expected
        return None

    # -- what the model knows ----------------------------------------------------------------------------------------

    def live(self) -> int:
        return sum(FACE for coupon in self.coupons.values() if coupon["state"] in ("unused", "held"))

    def free(self, coupon: dict[str, Any]) -> None:
        """A lock that ran out is as good as gone."""
        hold = self.holds.get(coupon["hold"] or "")
        if coupon["state"] == "held" and hold is not None and self.clock.now >= hold["deadline"]:
            self.drop(coupon, "timeout")

    def drop(self, coupon: dict[str, Any], reason: str) -> None:
        hold = self.holds[coupon["hold"]]
        hold.update(state="released", reason=reason)
        self.slots.pop(hold["order"])
        self.committed -= FACE
        coupon.update(state="unused", hold=None)

    def age(self, coupon: dict[str, Any]) -> None:
        if coupon["state"] == "unused" and self.clock.now >= coupon["until"]:
            coupon["state"] = "expired"

    # -- rules -------------------------------------------------------------------------------------------------------

    @rule(user=USERS)
    def claim(self, user: str) -> None:
        own = sum(1 for coupon in self.coupons.values() if coupon["user"] == user)
        expected = None
        if own >= PER_USER:
            expected = "user_limit_total"
        elif len(self.coupons) >= QUANTITY:
            expected = "quantity_exhausted"
        elif self.live() + FACE > LIABILITY:
            expected = "liability_exhausted"
        made = self.send("issuance", "/v1/claims", {"user_id": user, "template_id": "flat_8"}, expected)
        if made is not None:
            until = datetime.fromisoformat(made["valid_until"].rstrip("Z"))
            self.coupons[made["coupon_id"]] = {"user": user, "state": "unused", "until": until, "hold": None}

    @precondition(lambda self: self.coupons)
    @rule(pick=PICK, order=ORDERS, foreign=st.booleans())
    def hold(self, pick: int, order: str, foreign: bool) -> None:
        coupon_id = sorted(self.coupons)[pick % len(self.coupons)]
        coupon = self.coupons[coupon_id]
        user = "u9" if foreign else coupon["user"]
        hold = self.holds.get(coupon["hold"] or "")
        locked = coupon["state"] == "held" and hold is not None and self.clock.now < hold["deadline"]
        other = self.holds.get(self.slots.get(order, ""))
        late = other is not None and other["state"] == "open" and self.clock.now >= other["deadline"]
        timed_out = [
            c
            for c in (coupon, *([self.coupons[other["coupon"]]] if late and other else []))
            if c["state"] == "held" and self.clock.now >= self.holds[c["hold"]]["deadline"]
        ]
        freed = FACE * len({id(c) for c in timed_out})
        expected = None
        if foreign:
            expected = "coupon_unknown"
        elif coupon["state"] == "used":
            expected = "coupon_used"
        elif locked:
            expected = "coupon_held"
        elif coupon["state"] == "expired" or self.clock.now >= coupon["until"]:
            expected = "coupon_expired"
        elif self.committed - freed + FACE > BUDGET:
            expected = "budget_exhausted"
        elif order in self.slots and not late and self.slots[order] != (coupon["hold"] or "-"):
            expected = "one_coupon_per_order"
        body = {"user_id": user, "coupon_id": coupon_id, "order_id": order, "cart": CART}
        made = self.send("checkout", "/v1/holds", body, expected)
        if made is not None:
            for found in timed_out:
                self.free(found)
            assert made["discount_cents"] == FACE
            deadline = self.clock.now + timedelta(minutes=30)
            self.holds[made["hold_id"]] = {
                "coupon": coupon_id,
                "order": order,
                "deadline": deadline,
                "state": "open",
                "reason": None,
            }
            self.slots[order] = made["hold_id"]
            self.committed += FACE
            coupon.update(state="held", hold=made["hold_id"])

    @precondition(lambda self: self.holds)
    @rule(pick=PICK)
    def redeem(self, pick: int) -> None:
        hold_id = sorted(self.holds)[pick % len(self.holds)]
        hold = self.holds[hold_id]
        coupon = self.coupons[hold["coupon"]]
        late = self.clock.now >= hold["deadline"]
        dead = self.clock.now >= coupon["until"]
        again = hold["state"] == "released"
        expected = None
        if hold["state"] == "redeemed":
            expected = "already_redeemed"
        elif not again:
            expected = "hold_expired" if late and dead else None
        elif hold["reason"] != "timeout":
            expected = "hold_released"
        elif coupon["state"] != "unused":
            expected = "hold_expired" if coupon["state"] == "expired" else "hold_lost"
        elif dead:
            expected = "hold_expired"
        elif self.committed + FACE > BUDGET:
            expected = "budget_exhausted"
        elif hold["order"] in self.slots:
            expected = "one_coupon_per_order"
        made = self.send("checkout", "/v1/redemptions", {"user_id": coupon["user"], "hold_id": hold_id}, expected)
        if made is not None:
            assert made["late"] == late
            assert made["paid_cents"] == GOODS - FACE
            if again:
                self.committed += FACE
                self.slots[hold["order"]] = hold_id
            hold["state"] = "redeemed"
            coupon.update(state="used", hold=None)
            self.redemptions[made["redemption_id"]] = {"hold": hold_id, "back": set(), "undone": False}

    @precondition(lambda self: self.holds)
    @rule(pick=PICK)
    def give_back_hold(self, pick: int) -> None:
        hold_id = sorted(self.holds)[pick % len(self.holds)]
        hold = self.holds[hold_id]
        coupon = self.coupons[hold["coupon"]]
        expected = {"redeemed": "already_redeemed", "released": "hold_released"}.get(hold["state"])
        body = {"user_id": coupon["user"], "hold_id": hold_id, "scene": "order_cancelled"}
        if self.send("checkout", "/v1/rollbacks", body, expected) is not None:
            self.drop(coupon, "order_cancelled")
            self.age(coupon)

    @precondition(lambda self: self.redemptions)
    @rule(pick=PICK, scene=st.sampled_from(["refund_before_shipping", "after_sale_return"]))
    def roll_back(self, pick: int, scene: str) -> None:
        redemption_id = sorted(self.redemptions)[pick % len(self.redemptions)]
        redemption = self.redemptions[redemption_id]
        hold = self.holds[redemption["hold"]]
        coupon = self.coupons[hold["coupon"]]
        expected = None
        if redemption["undone"]:
            expected = "already_rolled_back"
        elif scene == "after_sale_return" and len(redemption["back"]) < len(PAID):
            expected = "not_fully_refunded"
        elif scene == "refund_before_shipping" and redemption["back"]:
            expected = "refunds_started"
        body = {"user_id": coupon["user"], "redemption_id": redemption_id, "scene": scene}
        if self.send("checkout", "/v1/rollbacks", body, expected) is not None:
            prices = {1: 333, 2: 501}
            self.committed -= FACE - sum(prices[line] - PAID[line, unit] for line, unit in redemption["back"])
            redemption["undone"] = True
            self.slots.pop(hold["order"])
            coupon["state"] = "unused"
            self.age(coupon)

    @precondition(lambda self: self.redemptions)
    @rule(pick=PICK, unit=st.sampled_from([*PAID, (1, 4), (9, 1)]))
    def refund(self, pick: int, unit: tuple[int, int]) -> None:
        redemption_id = sorted(self.redemptions)[pick % len(self.redemptions)]
        redemption = self.redemptions[redemption_id]
        user = self.coupons[self.holds[redemption["hold"]]["coupon"]]["user"]
        expected = None
        if redemption["undone"]:
            expected = "already_rolled_back"
        elif unit[0] == 9:
            expected = "line_unknown"
        elif unit not in PAID:
            expected = "unit_unknown"
        elif unit in redemption["back"]:
            expected = "unit_already_refunded"
        lines = [{"line_no": unit[0], "units": [unit[1]]}]
        body = {"user_id": user, "redemption_id": redemption_id, "lines": lines}
        made = self.send("checkout", "/v1/refunds", body, expected)
        if made is not None:
            assert made["refunded_cents"] == PAID[unit]
            redemption["back"].add(unit)
            self.committed -= {1: 333, 2: 501}[unit[0]] - PAID[unit]
            assert made["refunded_total_cents"] == sum(PAID[found] for found in redemption["back"])
            assert made["refunded_total_cents"] + made["left_cents"] == GOODS - FACE

    @rule(minutes=st.sampled_from([1, 29, 30, 31, 60 * 12, 60 * 24]))
    def wait(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        self.run(sweep(self.shop.store, self.shop.app.state.redeemer))
        for coupon in self.coupons.values():
            self.free(coupon)
            self.age(coupon)

    @precondition(lambda self: self.sent)
    @rule(pick=PICK)
    def replay(self, pick: int) -> None:
        role, path, request, answer = self.sent[pick % len(self.sent)]
        again = self.run(self.shop.post(role, path, request["body"], request["key"]))
        assert again.content == answer.content
        assert again.status_code == answer.status_code
        assert again.headers["Idempotent-Replayed"] == "true"

    @invariant()
    def the_ledger_is_exact_and_agrees_with_the_model(self) -> None:
        report = verify_ledger(self.shop.settings.ledger_url)
        assert report.exact, report.differences
        money = self.run(self.shop.get("operator", "/v1/campaigns/spring")).json()
        assert money["committed_cents"] == self.committed <= BUDGET
        assert money["live_cents"] == self.live() <= max(LIABILITY, QUANTITY * FACE)
        assert report.rows["coupons"] == len(self.coupons) <= QUANTITY


_SMALL = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def test_every_interleaving_keeps_every_law_on_sqlite() -> None:
    run_state_machine_as_test(Ledger, settings=settings(max_examples=10, stateful_step_count=30, **_SMALL))


@pytest.mark.slow
def test_every_interleaving_keeps_every_law_on_postgresql(postgres: str) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    base = make_url(postgres).set(drivername="postgresql+psycopg")
    admin = create_engine(base, isolation_level="AUTOCOMMIT")

    class OnPostgres(Ledger):
        count = 0

        def __init__(self) -> None:
            OnPostgres.count += 1
            self.name = f"machine_{OnPostgres.count}"
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {self.name}"))
            type(self).url = base.set(database=self.name).render_as_string(hide_password=False)
            super().__init__()

        def teardown(self) -> None:
            super().teardown()
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {self.name} WITH (FORCE)"))

    run_state_machine_as_test(OnPostgres, settings=settings(max_examples=4, stateful_step_count=25, **_SMALL))
    admin.dispose()
