"""What a round of coupons may not exceed and must reach: budget, stock, per-user cap, segments and return.

Every limit is linear in the choices, so each has one shadow price in the dual of the allocation
(``models.policy.program``). Caps are always met by giving nobody anything; floors may contradict each other or the
caps, which the solver shows with :class:`Infeasible`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from features.errors import InputError

LARGEST = 1e15  # cents or units: sums of a million of the largest single amounts stay below 2**63


class Infeasible(InputError):  # noqa: N818 - the name of what it states
    """No allocation meets all limits; ``limits`` names a set of them that cannot be met together."""

    def __init__(self, field: str, value: object, expected: str, limits: tuple[str, ...]) -> None:
        super().__init__(field, value, expected)
        self.limits = limits


@dataclass(frozen=True)
class SegmentLimit:
    """Floors and caps of one segment: offers given to its users, and expected spend on them in cents, all >= 0."""

    min_users: int | None = None
    max_users: int | None = None
    min_spend_cents: float | None = None
    max_spend_cents: float | None = None

    def __post_init__(self) -> None:
        for name in ("min_users", "max_users"):
            _whole(name, getattr(self, name))
        for name in ("min_spend_cents", "max_spend_cents"):
            _amount(name, getattr(self, name))
        for floor, cap in (("min_users", "max_users"), ("min_spend_cents", "max_spend_cents")):
            least, most = getattr(self, floor), getattr(self, cap)
            if least is not None and most is not None and least > most:
                raise InputError(floor, least, f"at most {cap}, {most}")


@dataclass(frozen=True)
class Limits:
    """All limits of a round; None or an absent name means no such limit.

    ``budget_cents`` caps the sum of expected costs. ``stock`` caps how often each named offer is given. ``per_user``
    caps the offers over all rows of one user. ``segments`` limits the rows of named segments. ``roi_floor`` r asks for
    sum(value) + roi_credit_cents >= r * sum(cost), with value the profit after the coupon's cost; the credit, which may
    be negative, is what earlier decisions of the same round leave over for the floor.

    Raises:
        InputError: for amounts that are negative or not finite, or a floor above its cap.
    """

    budget_cents: float | None = None
    stock: Mapping[str, int] = field(default_factory=dict)
    per_user: int | None = None
    segments: Mapping[str, SegmentLimit] = field(default_factory=dict)
    roi_floor: float | None = None
    roi_credit_cents: float = 0.0

    def __post_init__(self) -> None:
        _amount("budget_cents", self.budget_cents)
        _whole("per_user", self.per_user)
        for offer, units in self.stock.items():
            _whole(f"stock[{offer}]", units)
        if "" in self.segments:
            raise InputError("segments", "", "the name of a segment, not empty")
        if self.roi_floor is not None and not (_number(self.roi_floor) and abs(self.roi_floor) <= LARGEST):
            raise InputError("roi_floor", self.roi_floor, "a finite number")
        if not (_number(self.roi_credit_cents) and abs(self.roi_credit_cents) <= LARGEST):
            raise InputError("roi_credit_cents", self.roi_credit_cents, f"cents of at most {LARGEST:g} in size")

    def check(self, arms: tuple[str, ...]) -> None:
        """Raises :class:`InputError` when ``stock`` names an offer that is not among the arms, or ``none``."""
        for offer in self.stock:
            if offer not in arms[1:]:
                raise InputError(f"stock[{offer}]", offer, f"one of the offers: {', '.join(arms[1:]) or '(none)'}")

    @property
    def budget_only(self) -> bool:
        """Whether nothing but a budget limits the round."""
        return not (self.stock or self.segments) and self.per_user is None and self.roi_floor is None

    def to_spec(self) -> dict[str, Any]:
        """The limits as JSON values; what does not limit is left out."""
        spec: dict[str, Any] = {name: getattr(self, name) for name in ("budget_cents", "per_user", "roi_floor")}
        spec["roi_credit_cents"] = self.roi_credit_cents or None
        spec["stock"] = dict(self.stock)
        spec["segments"] = {name: _given(vars(limit)) for name, limit in self.segments.items()}
        return {name: value for name, value in _given(spec).items() if value != {}}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Limits:
        """The limits of a JSON or YAML mapping with the keys of :meth:`to_spec`; unknown keys are an error."""
        known = {one.name for one in fields(cls)}
        for name in spec:
            if name not in known:
                raise InputError(f"limits.{name}", spec[name], f"one of: {', '.join(sorted(known))}")
        given: dict[str, Any] = dict(spec)
        segments: dict[str, SegmentLimit] = {}
        for name, limit in _mapping("segments", spec.get("segments")).items():
            bounds = _mapping(f"segments[{name}]", limit)
            try:
                segments[name] = SegmentLimit(**bounds)
            except TypeError as error:
                allowed = ", ".join(one.name for one in fields(SegmentLimit))
                raise InputError(f"limits.segments[{name}]", limit, f"any of: {allowed}") from error
            except InputError as error:
                raise InputError(f"limits.segments[{name}].{error.field}", error.value, error.expected) from error
        return cls(**given | {"stock": dict(_mapping("stock", spec.get("stock"))), "segments": segments})


def _mapping(name: str, given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"limits.{name}", given, "a mapping from names")
    return given


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _amount(name: str, value: float | None) -> None:
    if value is not None and not (_number(value) and 0 <= value <= LARGEST):
        raise InputError(name, value, f"a number of cents from 0 to {LARGEST:g}")


def _whole(name: str, value: float | None) -> None:
    if value is not None and not (_number(value) and value == int(value) and 0 <= value <= LARGEST):
        raise InputError(name, value, "a whole number >= 0")
