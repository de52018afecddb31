"""What an allocation under limits found: both allocations, the bound, the prices, and what each limit is worth."""

from __future__ import annotations

from dataclasses import dataclass

from models.policy.knapsack import relative_gap
from models.policy.price import Ints
from models.policy.prices import Prices


@dataclass(frozen=True)
class Use:
    """One limit: what the allocation uses, what it may (a floor: must), and the profit of one more unit, in cents."""

    limit: str
    used: float
    bound: float
    price: float


@dataclass(frozen=True)
class Solution:
    """Who gets what (n,), twice: the best whole-coupon allocation, and the one that ``prices`` decide row by row.

    ``bound`` is above every allocation's value (the dual's value at the best prices), ``gap`` is
    ``(bound - value) / |bound|``, ``rule_gap`` the same for the rule. Sums are correctly rounded; both allocations keep
    every cap with no tolerance, and ``offer`` every floor. ``broken`` names the floors that no prices near the best
    ones meet on this round: only in rounds of so few users that one coupon more or less decides.
    """

    offer: Ints
    value: float
    cost: float
    bound: float
    prices: Prices
    rule_offer: Ints
    rule_value: float
    rule_cost: float
    uses: tuple[Use, ...]
    broken: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        return relative_gap(self.bound, self.value)

    @property
    def rule_gap(self) -> float:
        return relative_gap(self.bound, self.rule_value)

    @property
    def binding(self) -> tuple[str, ...]:
        """The limits that have a price: more of them would be worth something."""
        return tuple(use.limit for use in self.uses if use.price > 0)
