"""From the settings to the policy of a round: limits, segments and what one user may get."""

from __future__ import annotations

from features.errors import InputError
from features.groups import GROUPS
from features.snapshots import read_vocabulary
from models.policy.assign import Policy, Prices
from models.policy.contact import UserLimit
from models.policy.limits import Limits, SegmentLimit
from models.policy.segment import Segmentation
from serving.settings import Settings

DISCOUNT = "coupon_discount_cents_90d"


def policy_of(
    settings: Settings, arms: tuple[str, ...], version: str, uplift_version: str, budget_cents: int | None = None
) -> Policy:
    """The unpriced policy of a round over these arms.

    Raises InputError for a limit on an offer or a segment that does not exist.
    """
    wanted = settings.policy.limits
    limits = Limits(
        budget_cents=settings.policy.budget_cents if budget_cents is None else budget_cents,
        stock=dict(wanted.stock),
        segments={name: SegmentLimit(**bounds.model_dump()) for name, bounds in wanted.segments.limits.items()},
        roi_floor=wanted.roi_floor,
    )
    segments = segmentation(settings) if limits.segments else None
    if limits.segments and segments is None:
        feature = wanted.segments.feature
        raise InputError("policy.limits.segments.feature", feature, "a category that was built, or edges to cut it at")
    return Policy(
        arms=arms,
        prices=Prices.of_cost(0.0, len(arms)),
        exploration=settings.policy.exploration,
        holdout=settings.policy.holdout,
        salt=settings.policy.salt,
        version=version,
        uplift_version=uplift_version,
        limits=limits,
        segments=segments,
        user_limits=_user_limits(settings),
    )


def segmentation(settings: Settings) -> Segmentation | None:
    """The segments of the settings; None for a category without codes: nothing was built yet, or it is a number."""
    wanted = settings.policy.limits.segments
    if wanted.edges:
        return Segmentation.bins(wanted.feature, wanted.edges)
    features = {feature.name: feature for name in ("user", "identity") for feature in GROUPS[name].features}
    if wanted.feature not in features:
        known = "a feature of users, e.g. member_tier or account_age_days"
        raise InputError("policy.limits.segments.feature", wanted.feature, known)
    about = features[wanted.feature]
    values = about.codes or tuple(read_vocabulary(settings.features).get(about.vocabulary, ()))
    return Segmentation.categories(wanted.feature, values) if values else None


def _user_limits(settings: Settings) -> tuple[UserLimit, ...]:
    wanted = settings.policy.limits
    found = []
    if wanted.contacts.offers is not None:
        found.append(UserLimit(f"claims_{wanted.contacts.days}d", wanted.contacts.offers))
    if wanted.per_user_cents is not None:
        found.append(UserLimit(DISCOUNT, wanted.per_user_cents, "cents"))
    return tuple(found)
