"""Why a coupon may not be used, now and for this cart: rules as values, asked in a fixed order; the first refusal
counts.

The ladder: is there a coupon of this user → is it valid and unused → is the terminal right → does any line match → does
the amount suffice. So a wrong terminal is named before a short amount.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from serving.coupons.cart import Cart
from serving.coupons.coupon import HELD, UNUSED, USED, Coupon
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.template import Template


@dataclass(frozen=True, slots=True)
class Use:
    """One question: may ``user_id`` use ``coupon`` for ``cart`` at ``now``?"""

    coupon: Coupon | None
    template: Template | None
    user_id: str
    cart: Cart
    now: datetime

    @property
    def base_cents(self) -> int:
        """The price of the lines that the coupon sees."""
        if self.template is None:
            return 0
        return sum(line.price_cents for line in self.cart.lines if self.template.scope.covers(line))


class Rule(Protocol):
    """One rung of the ladder; ``TAG`` is its permanent name."""

    TAG: ClassVar[str]

    def __call__(self, use: Use) -> Verdict: ...


class HasCoupon:
    TAG: ClassVar[str] = "has_coupon"

    def __call__(self, use: Use) -> Verdict:
        if use.coupon is None or use.template is None or use.coupon.user_id != use.user_id:
            return Refuse("coupon_unknown")
        return PASS


class ValidAndUnused:
    TAG: ClassVar[str] = "valid_and_unused"

    def __call__(self, use: Use) -> Verdict:
        coupon = use.coupon
        if coupon is None:
            return Refuse("coupon_unknown")
        if coupon.state == USED:
            return Refuse("coupon_used")
        if coupon.state == HELD and coupon.hold is not None and use.now < coupon.hold.deadline:
            return Refuse("coupon_held", _seconds(coupon.hold.deadline, use.now), "seconds")
        if use.now < coupon.valid_from:
            return Refuse("not_yet_valid", _seconds(coupon.valid_from, use.now), "seconds")
        if coupon.state not in (UNUSED, HELD) or use.now >= coupon.valid_until:
            return Refuse("coupon_expired")
        return PASS


class TerminalAllowed:
    TAG: ClassVar[str] = "terminal"

    def __call__(self, use: Use) -> Verdict:
        terminals = use.template.terminals if use.template else ()
        return PASS if not terminals or use.cart.terminal in terminals else Refuse("terminal_mismatch")


class ScopeMatches:
    TAG: ClassVar[str] = "scope"

    def __call__(self, use: Use) -> Verdict:
        matches = use.template is not None and any(use.template.scope.covers(line) for line in use.cart.lines)
        return PASS if matches else Refuse("scope_mismatch")


class AmountReached:
    TAG: ClassVar[str] = "amount"

    def __call__(self, use: Use) -> Verdict:
        short = use.template.kind.shortfall(use.base_cents) if use.template else 0
        return Refuse("amount_short", short, "cents") if short else PASS


LADDER: tuple[Rule, ...] = (HasCoupon(), ValidAndUnused(), TerminalAllowed(), ScopeMatches(), AmountReached())


def check(use: Use, ladder: tuple[Rule, ...] = LADDER) -> Verdict:
    """The first refusal of the ladder, or ``Pass``."""
    for rule in ladder:
        verdict = rule(use)
        if isinstance(verdict, Refuse):
            return verdict
    return PASS


def _seconds(later: datetime, now: datetime) -> int:
    return max(1, round((later - now).total_seconds()))
