"""How many orders per second hold a coupon and pay with it, beside the same SQL without our code, in one run.

    python -m tests.benchmarks.redemptions

As ``bench claims``: the statements of one order (hold, then redeem) are recorded and replayed by a bare driver loop on
a ledger of its own, for coupons that were claimed before the clock starts. ``hot`` spends one campaign's budget.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import claims
from benchmarks.claims import HOT, REPEATS, TEMPLATES, WARM_UP, Bare, Ours, opened, postgres, recorded, turns
from fakes.shop import Shop

from serving.coupons.cart import Cart, Line
from serving.redeemer import Redeemer
from serving.store.verify import verify_ledger
from serving.who import Who

ORDERS = 96  # a turn, a multiple of the templates
CART = Cart((Line(1, "sku1", "shoes", 1, 5000), Line(2, "sku2", "hats", 2, 2500)))


class Orders(Ours):
    """Hold and redeem as the app does them, without HTTP; ``coupons`` waits for each template."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        self.redeemer: Redeemer = shop.app.state.sides.live.redeemer
        self.coupons: dict[str, deque[dict[str, Any]]] = defaultdict(deque)

    async def stock(self) -> None:
        """Claim what the measurement will spend: the hot template's share and one round of all for each spread one."""
        wanted = [HOT] * (REPEATS * ORDERS + 3 * WARM_UP)
        wanted += [f"t{turn % TEMPLATES:02}" for turn in range(REPEATS * ORDERS)]
        for template_id in wanted:
            self.coupons[template_id].append(await self.claim(template_id))

    async def work(self, template_id: str) -> None:
        coupon, number = self.coupons[template_id].popleft(), next(self.numbers)
        user_id, key = coupon["user_id"], f"bench-key-{number:07}"
        buyer = Who(user_id)
        hold = await self.redeemer.hold(buyer, [coupon["coupon_id"]], f"order-{key}", CART)
        held = await self.write(hold, f"hold-{key}")
        await self.write(await self.redeemer.redeem(buyer, held["hold_id"]), f"pay-{key}")
        self.last = coupon

    def replaying(self, named: dict[str, Any]) -> Any:
        """What takes the place of the recorded coupon ``named``: the next of this ledger."""

        def given(template_id: str, number: int) -> dict[str, str]:
            coupon = self.coupons[template_id].popleft()
            return {
                **claims._shelf(template_id),
                named["coupon_id"]: coupon["coupon_id"],
                "user": coupon["user_id"],
                "key": f"bench-key-{number:07}",
            }

        return given


async def in_process(name: str, home: Path, addresses: tuple[str, str]) -> dict[str, float]:
    shop, plain = await opened(home / "ours", addresses[0]), await opened(home / "bare", addresses[1])
    ours, theirs = Orders(shop), Orders(plain)
    await ours.stock()
    await theirs.stock()
    await plain.close()
    steps = await recorded(ours)
    bare = Bare(addresses[1], steps, theirs.replaying(ours.last))
    figures = await turns(name, ours, bare, ORDERS, "orders")
    bare.close()
    await shop.close()
    if not verify_ledger(addresses[0]).exact:
        raise RuntimeError("the ledger is not what its events say")
    return {f"{name}_statements": float(sum(bool(step.statement) for step in steps)), **figures}


def run() -> dict[str, float]:
    """Flat figures; rates are orders (hold and redeem) per second, ratios are ours over the bare loop of a turn."""
    figures: dict[str, float] = {"orders_a_turn": float(ORDERS), "turns": float(REPEATS)}
    with tempfile.TemporaryDirectory(prefix="fairdeal-bench-") as folder, postgres() as fresh:
        home = Path(folder)
        embedded = tuple(f"sqlite:///{home / name}.db" for name in ("ours", "bare"))
        figures |= asyncio.run(in_process("sqlite", home / "sqlite", (embedded[0], embedded[1])))
        figures |= asyncio.run(in_process("postgres", home / "postgres", (fresh("ours"), fresh("bare"))))
    return figures


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
