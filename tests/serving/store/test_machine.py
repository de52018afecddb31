"""Any interleaving of claim, hold, pay, release, roll back, refund, revoke, restore, time and replay, with several
coupons per order and two uses per coupon, against a model in plain dicts on both databases."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar

import pytest
from fakes.shop import Clock
from fakes.till import Till, flat
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import make_url

from serving.api.sweeper import sweep
from serving.coupons.cart import Cart, Line
from serving.coupons.kinds import NoThreshold, ThresholdCut
from serving.coupons.scope import Scope
from serving.coupons.template import Campaign, Limits
from serving.coupons.validity import DaysFromClaim
from serving.store.migrate import upgrade
from serving.store.schema import coupons as coupons_table
from serving.store.unit import Answer

BUDGET, LIABILITY, QUANTITY, PER_USER = 1500, 3900, 4, 2
FREIGHT = 200
CART = Cart((Line(1, "a", "x", 3, 333), Line(2, "b", "x", 1, 501)), freight_cents=FREIGHT)
PRICES = {1: (3, 333), 2: (1, 501)}
GOODS = 1500
FACE = {"flat": 300, "cut": 400, "solo": 500}
USES = {"flat": 2, "cut": 1, "solo": 1}
# Alone: solo goes with nothing, and two of one kind do not meet.
MEETS = {frozenset({"flat", "cut"})}
UNITS = [(1, 1), (1, 2), (1, 3), (2, 1)]
USERS = st.sampled_from(["u1", "u2"])
ORDERS = st.sampled_from([f"o{n}" for n in range(1, 8)])
PICK = st.integers(0, 10**6)

REACHED = {
    "already_redeemed",
    "already_rolled_back",
    "budget_exhausted",
    "coupon_expired",
    "coupon_held",
    "coupon_revoked",
    "coupon_unknown",
    "coupon_used",
    "freight_already_refunded",
    "hold_expired",
    "hold_lost",
    "hold_released",
    "liability_exhausted",
    "line_unknown",
    "not_fully_refunded",
    "not_stackable",
    "order_taken",
    "quantity_exhausted",
    "refunds_started",
    "same_kind",
    "unit_already_refunded",
    "unit_unknown",
    "user_limit_total",
}


def split(cents: int, left: Sequence[int]) -> list[int]:
    """Largest remainder over two lines; ties to the larger, then the earlier."""
    exact = [cents * part / sum(left) for part in left]
    shares = [int(part) for part in exact]
    if sum(shares) < cents:
        shares[max(range(2), key=lambda i: (exact[i] - shares[i], left[i], -i))] += 1
    return shares


def price(names: Sequence[str]) -> list[list[int]]:
    """Line shares of each coupon, applied one after the other."""
    left = [999, 501]
    taken = []
    for name in names:
        shares = split(FACE[name], left)
        left = [had - share for had, share in zip(left, shares, strict=True)]
        taken.append(shares)
    return taken


def deal(shares: Sequence[int], quantity: int) -> list[list[int]]:
    """Every component's cents dealt out one by one, each going on where the one before it stopped."""
    turn = itertools.cycle(range(quantity))
    dealt = []
    for cents in shares:
        units = [0] * quantity
        for _ in range(cents):
            units[next(turn)] += 1
        dealt.append(units)
    return dealt


@cache
def _empty_ledger() -> str:
    """A ledger that has its schema: making it anew for every run would take longer than the run."""
    path = f"{tempfile.mkdtemp(prefix='fairdeal-empty-')}/ledger.db"
    upgrade(f"sqlite:///{path}")
    return path


class Ledger(RuleBasedStateMachine):
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.till = Till(self.url(), self.clock)
        limits = {"flat": Limits(quantity=QUANTITY), "cut": Limits(per_user=PER_USER), "solo": Limits()}
        kinds = {"flat": NoThreshold(300), "cut": ThresholdCut(1000, 400), "solo": NoThreshold(500)}
        self.till.puts(
            Campaign("spring", "Spring", BUDGET, LIABILITY),
            *(
                flat(
                    name,
                    kind=kinds[name],
                    uses=USES[name],
                    limits=limits[name],
                    stackable=name != "solo",
                    scope=Scope.parse("category:x" if name == "cut" else "all"),
                    validity=DaysFromClaim(2),
                )
                for name in FACE
            ),
        )
        self.coupons: dict[str, dict[str, Any]] = {}
        self.holds: dict[str, dict[str, Any]] = {}
        self.slots: dict[str, str] = {}
        self.committed = 0
        self.sent: list[tuple[Any, str, Answer]] = []
        # A run that draws few claims still has something to order with.
        for user, name in (("u1", "flat"), ("u1", "flat"), ("u1", "cut"), ("u1", "solo"), ("u2", "flat")):
            self.take(user, name)

    def url(self) -> str:
        path = f"{self.folder.name}/ledger.db"
        shutil.copy(_empty_ledger(), path)
        return f"sqlite:///{path}"

    def teardown(self) -> None:
        self.run(self.till.close())
        self.loop.close()
        self.folder.cleanup()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(awaitable)

    def send(self, command: Any, expected: set[str]) -> dict[str, Any] | None:
        """Run a command under a key; ``command`` makes it anew for every call, as a client that repeats a request."""
        key = f"k{len(self.sent)}"
        answer: Answer = self.run(self.till.run(command(), key))
        self.sent.append((command, key, answer))
        if not expected:
            assert answer.status in (200, 201), answer.body
            return answer.body
        assert answer.body.get("code") in expected, (answer.body, expected)
        self.seen[answer.body["code"]] += 1
        return None

    # -- what the model knows ----------------------------------------------------------------------------------------

    @property
    def now(self) -> Any:
        return self.clock.now

    def live(self) -> int:
        return sum(
            FACE[c["of"]] * (USES[c["of"]] - c["used"])
            for c in self.coupons.values()
            if c["state"] in ("unused", "held")
        )

    def late(self, hold: dict[str, Any]) -> bool:
        return hold["state"] == "open" and self.now >= hold["deadline"]

    def free(self, hold_id: str, reason: str) -> None:
        hold = self.holds[hold_id]
        hold.update(state="released", reason=reason)
        self.slots.pop(hold["order"])
        self.committed -= sum(FACE[self.coupons[c]["of"]] for c in hold["coupons"])
        for coupon_id in hold["coupons"]:
            self.coupons[coupon_id].update(state="unused", hold=None)

    def age(self, coupon_ids: Sequence[str]) -> None:
        for coupon_id in coupon_ids:
            coupon = self.coupons[coupon_id]
            if coupon["state"] == "unused" and self.now >= coupon["until"]:
                coupon["state"] = "expired"

    def use(self, hold_id: str, redemption_id: str) -> None:
        hold = self.holds[hold_id]
        hold.update(state="redeemed", redemption=redemption_id)
        for coupon_id in hold["coupons"]:
            coupon = self.coupons[coupon_id]
            used = coupon["used"] + 1
            coupon.update(used=used, hold=None, state="used" if used == USES[coupon["of"]] else "unused")

    def paid(self) -> list[str]:
        return sorted(hold_id for hold_id, hold in self.holds.items() if hold["state"] in ("redeemed", "undone"))

    # -- rules -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.coupons) < 10)
    @rule(user=USERS, name=st.sampled_from(["flat", "cut", "solo"]))
    def claim(self, user: str, name: str) -> None:
        self.take(user, name)

    def take(self, user: str, name: str) -> None:
        of = [coupon for coupon in self.coupons.values() if coupon["of"] == name]
        expected = set()
        if name == "cut" and sum(coupon["user"] == user for coupon in of) >= PER_USER:
            expected = {"user_limit_total"}
        elif name == "flat" and len(of) >= QUANTITY:
            expected = {"quantity_exhausted"}
        elif self.live() + FACE[name] * USES[name] > LIABILITY or self.committed >= BUDGET:
            expected = {"budget_exhausted" if self.committed >= BUDGET else "liability_exhausted"}
        made = self.send(lambda: self.till.granting(user, name), expected)
        if made is not None:
            coupon_id = made["coupon_id"]
            until = self.till.find(coupon_id).valid_until
            self.coupons[coupon_id] = {
                "user": user,
                "of": name,
                "until": until,
                "state": "unused",
                "used": 0,
                "hold": None,
            }

    def _refused(self, chosen: Sequence[str], user: str) -> set[str]:
        """Why these coupons may not be held together now; any of the reasons may be named."""
        if any(self.coupons[coupon_id]["user"] != user for coupon_id in chosen):
            return {"coupon_unknown"}
        reasons = set()
        for coupon_id in chosen:
            coupon = self.coupons[coupon_id]
            if coupon["state"] == "held" and not self.late(self.holds[coupon["hold"]]):
                reasons.add("coupon_held")
            elif coupon["state"] in ("used", "revoked"):
                reasons.add(f"coupon_{coupon['state']}")
            elif coupon["state"] == "expired" or self.now >= coupon["until"]:
                reasons.add("coupon_expired")
        for one, other in itertools.combinations([self.coupons[coupon_id]["of"] for coupon_id in chosen], 2):
            if "solo" in (one, other):
                reasons.add("not_stackable")
            elif frozenset({one, other}) not in MEETS:
                reasons.add("same_kind")
        return reasons

    @rule(
        picks=st.lists(PICK, max_size=2),
        order=ORDERS,
        foreign=st.booleans(),
        pay=st.booleans(),
    )
    def hold(self, picks: list[int], order: str, foreign: bool, pay: bool) -> None:
        known = sorted(self.coupons)
        chosen = list(dict.fromkeys(known[pick % len(known)] for pick in picks if known))
        user = self.coupons[chosen[0]]["user"] if chosen else "u1"
        if foreign and chosen and len(picks) % 2:
            user = "u9"
        freed = {self.coupons[c]["hold"] for c in chosen if self.coupons[c]["hold"]}
        freed = {hold_id for hold_id in freed if self.late(self.holds[hold_id])}
        there = self.slots.get(order)
        if there is not None and self.late(self.holds[there]):
            freed.add(there)
        expected = self._refused(chosen, user)
        given_back = sum(FACE[self.coupons[c]["of"]] for hold_id in freed for c in self.holds[hold_id]["coupons"])
        wanted = sum(FACE[self.coupons[c]["of"]] for c in chosen)
        if not expected and there is not None and there not in freed:
            expected = {"order_taken"}
        if not expected and wanted and self.committed - given_back + wanted > BUDGET:
            expected = {"budget_exhausted"}
        made = self.send(lambda: self.till.placing(user, chosen, order, CART, pay=pay), expected)
        if made is None:
            return
        for hold_id in freed:
            self.free(hold_id, "timeout")
        applied = made["coupon_ids"]
        assert sorted(applied) == sorted(chosen)
        shares = price([self.coupons[c]["of"] for c in applied])
        by_line = [[coupon[index] for coupon in shares] for index in range(2)]
        assert [line["coupon_cents"] for line in made["lines"]] == [sum(line) for line in by_line]
        assert made["payable_cents"] == GOODS + FREIGHT - wanted
        deadline = self.now + timedelta(minutes=30)
        dealt = [deal(line, quantity) for line, (quantity, _) in zip(by_line, PRICES.values(), strict=True)]
        made_hold = {"user": user, "order": order, "coupons": applied, "state": "open", "reason": None}
        more = {"deadline": deadline, "back": set(), "freight": False, "dealt": dealt}
        self.holds[made["hold_id"]] = {**made_hold, **more}
        self.slots[order] = made["hold_id"]
        self.committed += wanted
        for coupon_id in chosen:
            self.coupons[coupon_id].update(state="held", hold=made["hold_id"])
        if pay:
            self.use(made["hold_id"], made["redemption_id"])

    @precondition(lambda self: self.holds)
    @rule(pick=PICK)
    def pay(self, pick: int) -> None:
        hold_id = sorted(self.holds)[pick % len(self.holds)]
        hold = self.holds[hold_id]
        again = hold["state"] == "released"
        wanted = sum(FACE[self.coupons[c]["of"]] for c in hold["coupons"])
        expected: set[str] = set()
        if hold["state"] in ("redeemed", "undone"):
            expected = {"already_redeemed"}
        elif again and hold["reason"] != "timeout":
            expected = {"hold_released"}
        elif again or self.late(hold):
            for coupon in (self.coupons[coupon_id] for coupon_id in hold["coupons"]):
                if again and coupon["state"] != "unused":
                    lost = {"expired": "hold_expired", "revoked": "coupon_revoked"}
                    expected = expected or {lost.get(coupon["state"], "hold_lost")}
                elif self.now >= coupon["until"]:
                    expected = expected or {"hold_expired"}
            if not expected and again and hold["order"] in self.slots:
                expected = {"order_taken"}
            if not expected and again and wanted and self.committed + wanted > BUDGET:
                expected = {"budget_exhausted"}
        made = self.send(lambda: self.till.paying(hold["user"], hold_id), expected)
        if made is not None:
            assert made["late"] == (self.now >= hold["deadline"])
            assert made["paid_cents"] == GOODS + FREIGHT - wanted
            if again:
                self.committed += wanted
                self.slots[hold["order"]] = hold_id
            self.use(hold_id, made["redemption_id"])

    @precondition(lambda self: self.holds)
    @rule(pick=PICK)
    def give_back(self, pick: int) -> None:
        hold_id = sorted(self.holds)[pick % len(self.holds)]
        hold = self.holds[hold_id]
        code = {"redeemed": "already_redeemed", "undone": "already_redeemed", "released": "hold_released"}
        expected = {code[hold["state"]]} if hold["state"] in code else set()
        if self.send(lambda: self.till.undoing(hold["user"], "order_cancelled", hold_id=hold_id), expected) is not None:
            self.free(hold_id, "order_cancelled")
            self.age(hold["coupons"])

    @precondition(lambda self: self.paid())
    @rule(pick=PICK, scene=st.sampled_from(["refund_before_shipping", "after_sale_return"]))
    def roll_back(self, pick: int, scene: str) -> None:
        hold = self.holds[self.paid()[pick % len(self.paid())]]
        expected = set()
        if hold["state"] == "undone":
            expected = {"already_rolled_back"}
        elif scene == "after_sale_return" and len(hold["back"]) < len(UNITS):
            expected = {"not_fully_refunded"}
        elif scene == "refund_before_shipping" and (hold["back"] or hold["freight"]):
            expected = {"refunds_started"}
        redemption = hold["redemption"]
        made = self.send(lambda: self.till.undoing(hold["user"], scene, redemption_id=redemption), expected)
        if made is None:
            return
        hold["state"] = "undone"
        self.slots.pop(hold["order"])
        for place, coupon_id in enumerate(hold["coupons"]):
            coupon = self.coupons[coupon_id]
            self.committed -= FACE[coupon["of"]] - self.given_up(hold, place, hold["back"])
            if (scene == "after_sale_return" and coupon["of"] == "cut") or coupon["state"] in ("expired", "revoked"):
                continue
            coupon.update(used=coupon["used"] - 1, state="held" if coupon["state"] == "held" else "unused")
            self.age([coupon_id])

    @staticmethod
    def given_up(hold: dict[str, Any], place: int, units: Any) -> int:
        return sum(hold["dealt"][line - 1][place][unit - 1] for line, unit in units)

    @precondition(lambda self: self.paid())
    @rule(
        pick=PICK,
        units=st.lists(st.sampled_from([*UNITS, *UNITS, (1, 4), (9, 1)]), max_size=4),
        freight=st.booleans(),
    )
    def refund(self, pick: int, units: list[tuple[int, int]], freight: bool) -> None:
        if not units and not freight:
            units = UNITS
        hold = self.holds[self.paid()[pick % len(self.paid())]]
        expected = self._no_refund(hold, units, freight)
        redemption = hold["redemption"]
        made = self.send(lambda: self.till.refunding(hold["user"], redemption, units, freight=freight), expected)
        if made is None:
            return
        shares = [self.given_up(hold, place, units) for place in range(len(hold["coupons"]))]
        money = sum(PRICES[line][1] for line, _ in units) - sum(shares) + (FREIGHT if freight else 0)
        assert made["refunded_cents"] == money
        self.committed -= sum(shares)
        hold["back"].update(units)
        hold["freight"] = hold["freight"] or freight
        paid = GOODS + FREIGHT - sum(FACE[self.coupons[c]["of"]] for c in hold["coupons"])
        assert made["refunded_total_cents"] + made["left_cents"] == paid
        if len(hold["back"]) == len(UNITS) and hold["freight"]:
            assert made["left_cents"] == 0, "every unit and the freight are what was paid"

    @staticmethod
    def _no_refund(hold: dict[str, Any], units: list[tuple[int, int]], freight: bool) -> set[str]:
        if hold["state"] == "undone":
            return {"already_rolled_back"}
        back = set(hold["back"])
        for line, unit in units:
            if line == 9:
                return {"line_unknown"}
            if unit == 4:
                return {"unit_unknown"}
            if (line, unit) in back:
                return {"unit_already_refunded"}
            back.add((line, unit))
        return {"freight_already_refunded"} if freight and hold["freight"] else set()

    @precondition(lambda self: self.coupons)
    @rule(pick=PICK)
    def revoke(self, pick: int) -> None:
        coupon_id = sorted(self.coupons)[pick % len(self.coupons)]
        state = self.coupons[coupon_id]["state"]
        expected = set() if state == "unused" else {f"coupon_{state}"}
        if self.send(lambda: self.till.revoking(coupon_id), expected) is not None:
            self.coupons[coupon_id]["state"] = "revoked"

    @precondition(lambda self: any(coupon["state"] == "revoked" for coupon in self.coupons.values()))
    @rule(pick=PICK)
    def restore(self, pick: int) -> None:
        revoked = sorted(coupon_id for coupon_id, coupon in self.coupons.items() if coupon["state"] == "revoked")
        coupon_id = revoked[pick % len(revoked)]
        self.send(lambda: self.till.restoring(coupon_id), set())
        self.coupons[coupon_id]["state"] = "unused"
        self.age([coupon_id])

    @rule(minutes=st.sampled_from([1, 29, 30, 31, 31, 60 * 13, 60 * 26]))
    def wait(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        self.run(sweep(self.till.store, self.till.redeemer))
        for hold_id, hold in self.holds.items():
            if self.late(hold):
                self.free(hold_id, "timeout")
        self.age(list(self.coupons))

    @precondition(lambda self: self.sent)
    @rule(pick=PICK)
    def replay(self, pick: int) -> None:
        command, key, answer = self.sent[pick % len(self.sent)]
        again = self.run(self.till.run(command(), key))
        assert (again.status, again.body, again.replayed) == (answer.status, answer.body, True)

    @invariant()
    def the_ledger_is_exact_and_agrees_with_the_model(self) -> None:
        report = self.till.exact()
        assert self.till.money() == (self.committed, self.live())
        assert self.committed <= BUDGET
        assert report.rows["coupons"] == len(self.coupons)
        assert report.rows["orders"] == len(self.holds)
        rows = self.till.store.read(lambda connection: connection.execute(select(coupons_table)).all())
        stored = {row.coupon_id: (row.state, row.used, row.hold_id) for row in rows}
        assert stored == {name: (c["state"], c["used"], c["hold"]) for name, c in self.coupons.items()}


_SMALL = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


def walk(machine: Ledger) -> None:
    """A way past every refusal, also those that chance rarely meets; the model is asked at every step."""

    def place(*names: str, order: str, pay: bool = False, foreign: bool = False) -> str:
        """Hold these coupons; returns the newest hold."""
        known, before = sorted(machine.coupons), set(machine.holds)
        machine.hold(picks=[known.index(name) for name in names], order=order, foreign=foreign, pay=pay)
        machine.the_ledger_is_exact_and_agrees_with_the_model()
        return next(iter(set(machine.holds) - before), "")

    def on(rule_of: Any, hold_id: str, **values: Any) -> None:
        known = machine.paid() if rule_of in (machine.refund, machine.roll_back) else sorted(machine.holds)
        rule_of(pick=known.index(hold_id), **values)
        machine.the_ledger_is_exact_and_agrees_with_the_model()

    def own(user: str, name: str) -> list[str]:
        return [key for key, coupon in machine.coupons.items() if (coupon["user"], coupon["of"]) == (user, name)]

    (one, two), (cut,), (solo,), (other,) = own("u1", "flat"), own("u1", "cut"), own("u1", "solo"), own("u2", "flat")
    place(one, order="o1", foreign=True)
    place(one, two, order="o1")
    place(one, solo, order="o1")
    first = place(one, cut, order="o1")
    place(one, order="o2")
    place(other, order="o1")
    machine.wait(minutes=31)
    second = place(one, order="o2")
    on(machine.pay, first)
    on(machine.give_back, second)
    on(machine.pay, second)
    on(machine.give_back, second)
    third = place(solo, order="o3", pay=True)
    place(solo, order="o4")
    on(machine.give_back, third)
    on(machine.roll_back, third, scene="after_sale_return")
    on(machine.refund, third, units=[(1, 2)], freight=True)
    on(machine.refund, third, units=[], freight=True)
    for unit in ((1, 2), (1, 4), (9, 1)):
        on(machine.refund, third, units=[unit], freight=False)
    on(machine.roll_back, third, scene="refund_before_shipping")
    on(machine.refund, third, units=[(2, 1), (1, 3), (1, 1)], freight=False)
    on(machine.roll_back, third, scene="after_sale_return")
    on(machine.roll_back, third, scene="after_sale_return")
    machine.revoke(pick=sorted(machine.coupons).index(two))
    place(two, order="o5")
    machine.restore(pick=0)
    for user, name in (("u1", "flat"), ("u1", "flat"), ("u1", "cut"), ("u1", "cut"), ("u2", "solo")):
        machine.claim(user=user, name=name)
    place(solo, order="o3")
    place(one, cut, order="o4")
    last = place(other, order="o5")
    place(two, order="o6")
    machine.sweep()
    machine.replay(pick=7)
    machine.wait(minutes=60 * 26)
    machine.wait(minutes=60 * 26)
    on(machine.pay, last)
    place(two, order="o7")


def test_the_walk_reaches_every_refusal() -> None:
    """The blind-spot check: about a refusal that nothing reaches, the model would prove nothing."""
    Ledger.seen.clear()
    machine = Ledger()
    try:
        walk(machine)
    finally:
        machine.teardown()
    assert set(Ledger.seen) == REACHED


def test_every_interleaving_keeps_every_law_on_sqlite() -> None:
    run_state_machine_as_test(Ledger, settings=settings(max_examples=16, stateful_step_count=50, **_SMALL))


@contextmanager
def on_postgres(postgres: str) -> Iterator[type[Ledger]]:
    """The same machine, each of its runs in a database of its own."""
    base = make_url(postgres).set(drivername="postgresql+psycopg")
    admin = create_engine(base, isolation_level="AUTOCOMMIT")
    count = itertools.count(1)

    class OnPostgres(Ledger):
        def url(self) -> str:
            self.name = f"machine_{next(count)}"
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {self.name}"))
            return base.set(database=self.name).render_as_string(hide_password=False)

        def teardown(self) -> None:
            super().teardown()
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {self.name} WITH (FORCE)"))

    yield OnPostgres
    admin.dispose()


@pytest.mark.slow
def test_every_interleaving_keeps_every_law_on_postgresql(postgres: str) -> None:
    with on_postgres(postgres) as machine:
        first = machine()
        try:
            walk(first)
        finally:
            first.teardown()
        run_state_machine_as_test(machine, settings=settings(max_examples=6, stateful_step_count=30, **_SMALL))


@pytest.mark.slow
def test_more_interleavings_than_every_day_on_sqlite() -> None:
    wide = {**_SMALL, "derandomize": False}
    run_state_machine_as_test(Ledger, settings=settings(max_examples=150, stateful_step_count=60, **wide))
