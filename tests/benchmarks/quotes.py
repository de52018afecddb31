"""What a quote costs: the best combination of a wallet for a cart, beside one pass of greedy choices in the same run.

    python -m tests.benchmarks.quotes

Carts of 50 lines and wallets of mixed kinds and scopes, drawn from a seed; in ``cheap``
carts nothing costs more than 15 yuan, so that coupons compete for it. Two sets of stack rules: the default one
(two coupons of one kind never meet) and one under which every coupon may meet every other, five in an order. The floor
prices every coupon of the wallet once and then takes the coupon that saves most until none is left to take: what a
shop would do that does not search. All in one process, one quote at a time.
A quote only computes, so its processor time (``cpu``) is what it costs on a machine that does nothing else.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any

from serving.coupons.cart import Activity, Cart, Line
from serving.coupons.coupon import Coupon
from serving.coupons.kinds import (
    CategoryPercent,
    Freight,
    Kind,
    NoThreshold,
    Percent,
    QuantityCut,
    RandomAmount,
    Rate,
    Special,
    SpecialPrice,
    Step,
    ThresholdCut,
    TieredCut,
)
from serving.coupons.pricing import Candidate, Rates, price_set, quote
from serving.coupons.refusals import Refuse
from serving.coupons.scope import Scope
from serving.coupons.stacking import Stacking
from serving.coupons.template import Bearers, Template
from serving.coupons.validity import DaysFromClaim

NOW = datetime(2026, 5, 1, 12)
CATEGORIES = ("food/fresh", "food/snacks", "beauty/skin", "beauty/hair", "home", "books")
BRANDS = tuple(f"brand{n}" for n in range(8))
MERCHANTS = ("m1", "m2", "m3", "m4")
SIZES = (5, 10, 20, 50, 100)
ALL_MEET = Stacking(same_kind=True)


def cart_of(rng: random.Random, lines: int = 50, dearest: int = 20_000) -> Cart:
    bought = tuple(
        Line(
            n,
            f"s{n}",
            rng.choice(CATEGORIES),
            rng.choice((1, 1, 1, 2, 3)),
            price := rng.randint(dearest // 40, dearest),
            rng.choice((0, 0, 0, price // 2)),
            rng.choice(BRANDS),
            rng.choice(MERCHANTS),
            None,
            ("new",) if rng.random() < 0.2 else (),
            rng.random() < 0.15,
        )
        for n in range(1, lines + 1)
    )
    member = Activity("member", sum(line.price_cents for line in bought) // 50)
    return Cart(bought, "app", 1_200, (member,))


def kind_of(rng: random.Random) -> Kind:
    face = rng.choice((500, 1_000, 2_000, 3_000, 5_000)) + rng.choice((0, 0, 88))
    steps = tuple(Step(10_000 * n, 1_000 * n + 500 * n * n) for n in range(1, 4))
    specials = tuple(Special(f"s{n}", rng.randint(300, 5_000)) for n in rng.sample(range(1, 51), 3))
    makes: tuple[Callable[[], Kind], ...] = (
        lambda: ThresholdCut(face * rng.choice((2, 4, 8)), face),
        lambda: ThresholdCut(face * rng.choice((2, 4, 8)), face),
        lambda: Percent(rng.choice((5, 10, 15, 20, 30)), rng.choice((3_000, 8_000, 20_000)), 5_000),
        lambda: Percent(rng.choice((5, 10, 15, 20, 30)), rng.choice((3_000, 8_000, 20_000))),
        lambda: TieredCut(steps),
        lambda: NoThreshold(rng.randint(1, 20) * 50),
        lambda: Freight(rng.choice((500, 1_000, 1_500))),
        lambda: RandomAmount(100, 1_000),
        lambda: QuantityCut(rng.randint(2, 5), 400, 3),
        lambda: CategoryPercent((Rate("food", rng.choice((10, 20))), Rate("beauty", 15)), 10_000),
        lambda: SpecialPrice(specials, 15_000),
    )
    return rng.choice(makes)()


def scope_of(rng: random.Random, kind: Kind) -> Scope:
    if isinstance(kind, CategoryPercent):
        return Scope("category", ("food", "beauty"))
    return rng.choice(
        (
            Scope(),
            Scope(regular_only=True),
            Scope("category", (rng.choice(CATEGORIES),)),
            Scope("category", (rng.choice(("food", "beauty")),)),
            Scope("brand", (rng.choice(BRANDS),)),
            Scope("merchant", (rng.choice(MERCHANTS),)),
            Scope("tag", ("new",)),
        )
    )


def wallet_of(rng: random.Random, size: int) -> list[Candidate]:
    made = []
    for n in range(size):
        kind = kind_of(rng)
        bearers = rng.choice((Bearers(), Bearers(40, 60)))
        template = Template(f"t{n}", f"t{n}", kind, DaysFromClaim(7), scope_of(rng, kind), bearers=bearers)
        until = NOW + timedelta(days=rng.randint(1, 30))
        face = rng.randint(100, 1_000) if isinstance(kind, RandomAmount) else kind.most_cents
        coupon = Coupon(f"c{n}", "u", template.template_id, 1, None, None, face, NOW, NOW, until)
        made.append(Candidate(coupon, template))
    return made


def greedy(wallet: list[Candidate], cart: Cart, rates: Rates) -> int:
    """The floor: every coupon once alone, then always the one that saves most with those already taken."""
    alone = {n: price_set([one], "u", cart, NOW, rates) for n, one in enumerate(wallet)}
    ranked = sorted(
        (n for n, receipt in alone.items() if not isinstance(receipt, Refuse)),
        key=lambda n: -alone[n].coupon_cents,  # type: ignore[union-attr]
    )
    taken: list[Candidate] = []
    saving = 0
    for n in ranked:
        if len(taken) == rates.stacking.most:
            break
        more = price_set([*taken, wallet[n]], "u", cart, NOW, rates)
        if not isinstance(more, Refuse) and more.coupon_cents > saving:
            taken, saving = [*taken, wallet[n]], more.coupon_cents
    return saving


def measure(stacking: Stacking, size: int, rounds: int, seed: int, dearest: int = 20_000) -> dict[str, float]:
    """Milliseconds, the share of quotes that are not proved the best, their gap, and what the search gains."""
    rates = Rates(stacking)
    took: list[float] = []
    cpu: list[float] = []
    floor: list[float] = []
    gaps: list[float] = []
    gains: list[float] = []
    for turn in range(rounds):
        rng = random.Random(f"{seed}-{size}-{turn}")
        cart, wallet = cart_of(rng, dearest=dearest), wallet_of(rng, size)
        started, busy = time.perf_counter(), time.process_time()
        found = quote(wallet, "u", cart, NOW, rates)
        took.append(1e3 * (time.perf_counter() - started))
        cpu.append(1e3 * (time.process_time() - busy))
        started = time.perf_counter()
        plain = greedy(wallet, cart, rates)
        floor.append(1e3 * (time.perf_counter() - started))
        best = found.best
        gaps.append((best.bound_cents - best.saving_cents) / max(1, best.bound_cents))
        gains.append(best.saving_cents / plain - 1 if plain else 0.0)
    return {
        "median_ms": median(took),
        "p99_ms": quantiles(took, n=100)[98],
        "cpu_median_ms": median(cpu),
        "cpu_p99_ms": quantiles(cpu, n=100)[98],
        "floor_median_ms": median(floor),
        "median_over_floor": median(took) / median(floor),
        "not_proved_share": sum(gap > 0 for gap in gaps) / rounds,
        "worst_gap": max(gaps),
        "mean_gain_over_floor": sum(gains) / rounds,
    }


def run(rounds: int = 100, seed: int = 7) -> dict[str, float]:
    """Flat figures: ``<rules>_<coupons>_<figure>`` for 50 lines."""
    figures: dict[str, float] = {"rounds": float(rounds), "lines": 50.0}
    rules: dict[str, Any] = {"default": Stacking(), "all_meet": ALL_MEET}
    for name, stacking in rules.items():
        for size in SIZES:
            for figure, value in measure(stacking, size, rounds, seed).items():
                figures[f"{name}_{size}_{figure}"] = value
        # Where coupons compete, the bound of the search is worst.
        for figure, value in measure(stacking, 50, rounds, seed, 1_500).items():
            figures[f"{name}_cheap_50_{figure}"] = value
        figures[f"{name}_growth_5_to_100"] = figures[f"{name}_100_cpu_median_ms"] / figures[f"{name}_5_cpu_median_ms"]
    return figures


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
