"""Which coupons may meet in one order, and what else they may meet there: rules as data (F104–F111).

Every question about a pair has a default and the pairs that are answered the other way round::

    mode: stack                    # single: one coupon per order (F104)
    max_coupons: 5
    same_kind: false               # two coupons of one kind (F105)
    kinds: {together: true, except: [[percent, special_price]]}          # two different kinds (F106)
    activities: {together: true, except: [[percent, flash_sale]]}        # a coupon kind and an activity (F108)
    points: {together: true, except: [percent]}                          # a coupon kind and points (F107)
    owners: {together: true}                                             # a platform and a merchant coupon
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.coupons.cart import ACTIVITIES
from serving.coupons.kinds import KINDS
from serving.coupons.money import InvalidError, check_int
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.template import Template

MODES = ("single", "stack")
MOST_COUPONS = 20


@dataclass(frozen=True, slots=True)
class Together:
    """Whether two things may meet: ``default``, except for the named pairs."""

    default: bool = True
    exceptions: frozenset[tuple[str, str]] = frozenset()

    def allows(self, one: str, other: str) -> bool:
        return self.default != ((one, other) in self.exceptions)


@dataclass(frozen=True, slots=True)
class Stacking:
    """``kinds`` holds each pair in both directions; ``points`` pairs a kind with ``points``.

    >>> Stacking().kinds_meet("threshold_cut", "percent"), Stacking().kinds_meet("percent", "percent")
    (True, False)
    """

    mode: str = "stack"
    max_coupons: int = 5
    same_kind: bool = False
    kinds: Together = Together()
    activities: Together = Together()
    points: Together = Together()
    owners_together: bool = True

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InvalidError("stacking.mode", self.mode, f"one of: {', '.join(MODES)}")
        check_int("stacking.max_coupons", self.max_coupons, 1, MOST_COUPONS)

    @property
    def most(self) -> int:
        """How many coupons an order takes."""
        return 1 if self.mode == "single" else self.max_coupons

    def kinds_meet(self, one: str, other: str) -> bool:
        if one == other:
            return self.same_kind
        return self.kinds.allows(one, other)

    def pair(self, one: Template, other: Template) -> Verdict:
        """May these two coupons be in one order?"""
        if not one.stackable or not other.stackable:
            return Refuse("not_stackable")
        if not self.kinds_meet(one.kind.TAG, other.kind.TAG):
            return Refuse("same_kind" if one.kind.TAG == other.kind.TAG else "kinds_excluded")
        if one.owner != other.owner and not self.owners_together:
            return Refuse("kinds_excluded")
        return PASS

    def check(self, templates: Sequence[Template]) -> Verdict:
        """May these coupons be in one order? The first rule that fails is named."""
        if len(templates) > self.most:
            return Refuse("one_coupon_per_order" if self.most == 1 else "too_many_coupons")
        for n, one in enumerate(templates):
            for other in templates[:n]:
                verdict = self.pair(other, one)
                if isinstance(verdict, Refuse):
                    return verdict
        return PASS

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Stacking:
        """Read the mapping shown above; unknown fields, kinds and activities are an ``InvalidError`` by field."""
        known = ("mode", "max_coupons", "same_kind", "kinds", "activities", "points", "owners")
        for name in data:
            if name not in known:
                raise InvalidError(f"stacking.{name}", data[name], f"one of the fields {', '.join(known)}")
        plain = {name: data[name] for name in ("mode", "max_coupons") if name in data}
        kinds = _together("kinds", data, KINDS, KINDS)
        both = frozenset(pair for one, other in kinds.exceptions for pair in ((one, other), (other, one)))
        return cls(
            **plain,
            same_kind=_flag("stacking.same_kind", data.get("same_kind", False)),
            kinds=Together(kinds.default, both),
            activities=_together("activities", data, KINDS, ACTIVITIES),
            points=_together("points", data, KINDS, ("points",)),
            owners_together=_together("owners", data, (), ()).default,
        )


STACKING = Stacking()


def _together(field: str, data: Mapping[str, Any], ones: Any, others: Any) -> Together:
    given = data.get(field, {})
    name = f"stacking.{field}"
    if not isinstance(given, Mapping) or set(given) - {"together", "except"}:
        raise InvalidError(name, given, "a mapping with 'together' and 'except'")
    pairs: set[tuple[str, str]] = set()
    for pair in given.get("except", ()):
        named = (pair, "points") if isinstance(pair, str) else tuple(pair)
        if len(named) != 2 or named[0] not in ones or named[1] not in others:
            expected = f"pairs of one of {', '.join(ones)} and one of {', '.join(others)}" if ones else "no exceptions"
            raise InvalidError(f"{name}.except", pair, expected)
        if field == "kinds" and named[0] == named[1]:
            raise InvalidError(f"{name}.except", pair, "two different kinds; same_kind decides about one")
        pairs.add((named[0], named[1]))
    return Together(_flag(f"{name}.together", given.get("together", True)), frozenset(pairs))


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidError(field, value, "true or false")
    return value
