"""A policy: everything that decides who gets which coupon, as plain values that a registry artefact's JSON holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.contact import UserLimit, column
from models.policy.explore import Rates
from models.policy.limits import Limits
from models.policy.prices import Prices
from models.policy.segment import Segmentation

NONE = "none"


@dataclass(frozen=True)
class Policy:
    """Everything that decides, as plain values that fit in a registry artefact's JSON spec.

    ``arms`` are the offers in the order of the effect columns, ``none`` first; ``prices`` what budget, stock and
    segments cost; ``exploration`` the share of decisions drawn evenly; ``holdout`` the share of users who never get an
    offer; ``salt`` keys all hashes (keep it to keep the same users in the holdout under the next policy); ``limits``
    what the prices were made for; ``segments`` who pays which prices; ``user_limits`` what one user may get; ``rates``
    the shares of drawn offers that are given, None for all.
    """

    arms: tuple[str, ...]
    prices: Prices
    exploration: float
    holdout: float
    salt: str
    version: str = ""
    uplift_version: str = ""
    limits: Limits = field(default_factory=Limits)
    segments: Segmentation | None = None
    user_limits: tuple[UserLimit, ...] = ()
    rates: Rates | None = None

    def __post_init__(self) -> None:
        if not self.arms or self.arms[0] != NONE or len(set(self.arms)) != len(self.arms):
            raise InputError("arms", self.arms, f"distinct offers, the first of them {NONE!r}")
        if not 0 <= self.exploration <= 1:
            raise InputError("exploration", self.exploration, "a share between 0 and 1")
        if not 0 <= self.holdout < 1:
            raise InputError("holdout", self.holdout, "a share from 0 to less than 1")
        if self.prices.offers != len(self.arms):
            raise InputError("prices", self.prices.offers, f"prices of {len(self.arms)} offers, one per arm")
        self.limits.check(self.arms)
        if self.limits.per_user == 0:
            raise InputError("limits.per_user", 0, "at least 1; a budget of 0 gives nobody anything")
        known = self.segments.names if self.segments else ()
        for name in self.limits.segments:
            if name not in known:
                raise InputError(f"limits.segments[{name}]", name, f"one of: {', '.join(known) or '(no segments)'}")

    @property
    def budget_cents(self) -> float | None:
        """What the round was allowed to cost; None for no budget."""
        return self.limits.budget_cents

    @property
    def needs(self) -> tuple[str, ...]:
        """Features of the user that decide besides the effects; ``choose`` takes them as ``facts``."""
        segment = (self.segments.feature,) if self.segments else ()
        return tuple(dict.fromkeys((*segment, *(limit.feature for limit in self.user_limits))))

    def segment(self, facts: Mapping[str, ArrayLike] | None, users: int) -> NDArray[np.str_] | None:
        """Names (n,) of the users' segments; None without segments."""
        return None if self.segments is None else self.segments.of(column(facts, self.segments.feature, users))

    def to_spec(self) -> dict[str, Any]:
        """The policy as JSON values."""
        return {
            "kind": "policy",
            "arms": list(self.arms),
            "prices": self.prices.to_spec(),
            "exploration": self.exploration,
            "holdout": self.holdout,
            "salt": self.salt,
            "version": self.version,
            "uplift_version": self.uplift_version,
            "limits": self.limits.to_spec(),
            "segments": self.segments.to_spec() if self.segments else None,
            "user_limits": [asdict(limit) for limit in self.user_limits],
            "rates": self.rates.to_spec() if self.rates else None,
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Policy:
        """The policy of an artefact's spec; other keys of the spec are left alone.

        A spec with one ``price`` in place of ``prices`` is of an earlier version. Its upper price is kept, at which
        the round stayed within its budget; until the next round, users who tied at the break get the cheaper offer.
        """
        try:
            segments, rates = spec.get("segments"), spec.get("rates")
            earlier = "prices" not in spec
            arms = tuple(spec["arms"])
            return cls(
                arms=arms,
                prices=Prices.of_cost(spec["price"]["high"], len(arms))
                if earlier
                else Prices.from_spec(spec["prices"]),
                exploration=float(spec["exploration"]),
                holdout=float(spec["holdout"]),
                salt=str(spec["salt"]),
                version=str(spec.get("version", "")),
                uplift_version=str(spec.get("uplift_version", "")),
                limits=Limits(float(spec.get("budget_cents", 0))) if earlier else Limits.from_spec(spec["limits"]),
                segments=Segmentation.from_spec(segments) if segments else None,
                user_limits=tuple(UserLimit(**limit) for limit in spec.get("user_limits", ())),
                rates=Rates.from_spec(rates) if rates else None,
            )
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("policy spec", spec, f"the keys that Policy.to_spec writes ({error})") from error
