"""Why a coupon may not be used, now and for this cart: rules as values, asked in a fixed order; the first refusal
counts (F099, F100).

The ladder: is there a coupon of this user → is it valid and unused → is the terminal right → does any line match → does
the amount suffice → may it meet the promotions and the points of this cart. So a wrong terminal is named before a short
amount. Every refusal that time or spending can cure says how much: seconds, cents or pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar, Protocol

from serving.coupons.cart import Cart
from serving.coupons.coupon import EXPIRED, HELD, REVOKED, USED, Coupon
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.seen import Missing, Seen
from serving.coupons.stacking import STACKING, Stacking
from serving.coupons.template import Template
from serving.coupons.windows import wait_seconds


@dataclass(frozen=True, slots=True)
class Use:
    """One question: may ``user_id`` use ``coupon`` for ``cart`` at ``now`` (naive UTC; ``zone`` is the shop's)?

    ``seen`` is what the coupon sees of the cart before any other coupon.
    """

    coupon: Coupon | None
    template: Template | None
    seen: Seen | None
    user_id: str
    cart: Cart
    now: datetime
    zone: tzinfo
    stacking: Stacking = STACKING


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
    """A hold past its deadline no longer locks the coupon, whether or not anybody has swept it up."""

    TAG: ClassVar[str] = "valid_and_unused"

    def __call__(self, use: Use) -> Verdict:
        coupon, now = use.coupon, use.now
        if coupon is None:
            return Refuse("coupon_unknown")
        match coupon.state:
            case s if s == USED:
                return Refuse("coupon_used")
            case s if s == REVOKED:
                return Refuse("coupon_revoked")
            case s if s == HELD and coupon.hold is not None and now < coupon.hold.deadline:
                return Refuse("coupon_held", _seconds(coupon.hold.deadline - now), "seconds")
        if now < coupon.valid_from:
            return Refuse("not_yet_valid", _seconds(coupon.valid_from - now), "seconds")
        if coupon.state == EXPIRED or now >= coupon.valid_until:
            return Refuse("coupon_expired")
        return self._in_hours(use, coupon)

    def _in_hours(self, use: Use, coupon: Coupon) -> Verdict:
        windows = use.template.windows if use.template is not None else ()
        if not windows:
            return PASS
        wait = wait_seconds(windows, use.now, use.zone)
        if wait == 0:
            return PASS
        if wait is None or use.now + timedelta(seconds=wait) >= coupon.valid_until:
            return Refuse("outside_hours")  # it will not open again in this coupon's time
        return Refuse("outside_hours", wait, "seconds")


class TerminalAllowed:
    TAG: ClassVar[str] = "terminal"

    def __call__(self, use: Use) -> Verdict:
        terminals = use.template.terminals if use.template else ()
        return PASS if not terminals or use.cart.terminal in terminals else Refuse("terminal_mismatch")


class ScopeMatches:
    TAG: ClassVar[str] = "scope"

    def __call__(self, use: Use) -> Verdict:
        return PASS if use.seen is not None and use.seen.lines else Refuse("scope_mismatch")


class AmountReached:
    TAG: ClassVar[str] = "amount"

    def __call__(self, use: Use) -> Verdict:
        if use.template is None or use.seen is None:
            return Refuse("scope_mismatch")
        missing = use.template.kind.missing(use.seen)
        return PASS if missing is None else short_of(missing)


class ActivityAllowed:
    """A promotion on other lines than the coupon's is no obstacle (F108)."""

    TAG: ClassVar[str] = "activity"

    def __call__(self, use: Use) -> Verdict:
        if use.template is None or use.seen is None:
            return PASS
        mine = {line.line_no for line in use.seen.lines}
        for activity in use.cart.activities:
            meets = not activity.line_nos or not mine.isdisjoint(activity.line_nos)
            if meets and not use.stacking.activities.allows(use.template.kind.TAG, activity.kind):
                return Refuse("activity_excluded")
        return PASS


class PointsAllowed:
    TAG: ClassVar[str] = "points"

    def __call__(self, use: Use) -> Verdict:
        if not use.cart.points or use.template is None:
            return PASS
        return PASS if use.stacking.points.allows(use.template.kind.TAG, "points") else Refuse("points_excluded")


LADDER: tuple[Rule, ...] = (
    HasCoupon(),
    ValidAndUnused(),
    TerminalAllowed(),
    ScopeMatches(),
    AmountReached(),
    ActivityAllowed(),
    PointsAllowed(),
)


def check(use: Use, ladder: tuple[Rule, ...] = LADDER) -> Verdict:
    """The first refusal of the ladder, or ``Pass``."""
    for rule in ladder:
        verdict = rule(use)
        if isinstance(verdict, Refuse):
            return verdict
    return PASS


def short_of(missing: Missing) -> Refuse:
    """What the cart lacks as a refusal with its distance."""
    return Refuse("pieces_short" if missing.unit == "pieces" else "amount_short", missing.amount, missing.unit)


def _seconds(wait: timedelta) -> int:
    return -(-wait // timedelta(seconds=1))
