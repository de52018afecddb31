"""What is known of a shop when a template is set up, and the arithmetic that follows from it (F052–F055).

Amounts are cents.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.kinds import Kind, NoThreshold, Percent, RandomAmount, ThresholdCut, TieredCut
from serving.coupons.money import check_cents, check_int, percent_of

# The first digits of prices that people say, in tenths.
_STEPS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """What is known of the shop; None is unknown.

    ``user_value_cents`` is what a user of the audience is expected to spend; ``item_price_cents`` and
    ``item_cost_cents`` are of a typical item of the scope, ``gross_margin_percent`` of the shop as a whole.
    """

    cheapest_item_cents: int | None = None
    average_order_cents: int | None = None
    gross_margin_percent: int | None = None
    user_value_cents: int | None = None
    item_price_cents: int | None = None
    item_cost_cents: int | None = None

    def __post_init__(self) -> None:
        for field in ("cheapest_item_cents", "average_order_cents", "user_value_cents", "item_price_cents"):
            if getattr(self, field) is not None:
                check_cents(field, getattr(self, field), 1)
        if self.item_cost_cents is not None:
            check_cents("item_cost_cents", self.item_cost_cents)
        if self.gross_margin_percent is not None:
            check_int("gross_margin_percent", self.gross_margin_percent, 0, 100)

    @property
    def sale(self) -> tuple[int, int] | None:
        """Price and cost of what is typically sold: the item, or the average order at the gross margin."""
        if self.item_price_cents is not None and self.item_cost_cents is not None:
            return self.item_price_cents, self.item_cost_cents
        if self.average_order_cents is not None and self.gross_margin_percent is not None:
            return self.average_order_cents, percent_of(self.average_order_cents, 100 - self.gross_margin_percent)
        return None


@dataclass(frozen=True, slots=True)
class Guide:
    """The figures of the rules, which a shop may set otherwise."""

    no_threshold_quantity: int = 500
    per_account: int = 3
    least_margin_percent: int = 10
    longest_days: int = 15


def suggested_threshold(average_order_cents: int) -> tuple[int, int]:
    """Spend X, take Y for an average order value: 1.2 times it, rounded up to a price people say, and 15 % of that.

    >>> [suggested_threshold(average) for average in (8000, 15000, 30000)]
    [(10000, 1500), (20000, 3000), (40000, 6000)]
    """
    wanted = -(-average_order_cents * 12 // 10)
    unit = 10 ** max(0, len(str(wanted)) - 2)
    minimum = next(step * unit for step in _STEPS if step * unit >= wanted)
    face = percent_of(minimum, 15)
    return minimum, max(1, face - face % 100 if face >= 100 else face)


def margin_after(kind: Kind, facts: ShopFacts) -> float | None:
    """The worst profit rate, in percent, of a typical sale after the coupon (F053); None where it cannot be said.

    A sale below the minimum grows to it at the same rate of cost.
    """
    if facts.sale is None:
        return None
    price, cost = facts.sale
    rates = []
    for minimum, saving in _savings(kind, price):
        amount = max(price, minimum)
        paid = amount - min(saving, amount)
        rates.append(100 * (paid - cost * amount / price) / paid if paid else -100.0)
    return min(rates, default=None)


def _savings(kind: Kind, price: int) -> list[tuple[int, int]]:
    """(least spend, most saving) of a kind on an order of ``price``; a step each for tiers."""
    match kind:
        case ThresholdCut(minimum_cents=minimum, face_cents=face):
            return [(minimum, face)]
        case TieredCut(steps=steps):
            return [(step.minimum_cents, step.face_cents) for step in steps]
        case Percent(percent_off=percent, cap_cents=cap, minimum_cents=minimum):
            return [(minimum, min(cap, percent_of(max(price, minimum), percent)))]
        case NoThreshold(face_cents=face):
            return [(0, face)]
        case RandomAmount(high_cents=high, minimum_cents=minimum):
            return [(minimum, high)]
        case _:
            return []


def said(cents: int) -> str:
    """An amount as people write it.

    >>> said(1500), said(990)
    ('15', '9.90')
    """
    return str(cents // 100) if cents % 100 == 0 else f"{cents // 100}.{cents % 100:02d}"
