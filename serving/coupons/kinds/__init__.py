"""What a coupon takes off: one frozen value per kind, each with a permanent tag under which it is stored.

Every kind bounds what one use can cost the shop (``most_cents``), because live coupons count against the liability of
their campaign. Kinds whose saving follows the prices of a cart (percentages, special and bundle prices) therefore
require a ``cap_cents``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from serving.coupons.kinds.cuts import NoThreshold, QuantityCut, Step, ThresholdCut, TieredCut
from serving.coupons.kinds.freight import Freight
from serving.coupons.kinds.gifts import FORMS, Gift, GiftItem, GiveBack
from serving.coupons.kinds.packs import GiftPack, LuckyDraw, Prize
from serving.coupons.kinds.percents import CategoryPercent, Percent, Rate
from serving.coupons.kinds.prices import Bundle, BundleItem, Special, SpecialPrice
from serving.coupons.kinds.random_amount import RandomAmount
from serving.coupons.money import InvalidError
from serving.coupons.seen import Kind, Missing, Seen, Take

__all__ = [
    "FORMS",
    "KINDS",
    "Bundle",
    "BundleItem",
    "CategoryPercent",
    "Freight",
    "Gift",
    "GiftItem",
    "GiftPack",
    "GiveBack",
    "Kind",
    "LuckyDraw",
    "Missing",
    "NoThreshold",
    "Percent",
    "Prize",
    "QuantityCut",
    "RandomAmount",
    "Rate",
    "Seen",
    "Special",
    "SpecialPrice",
    "Step",
    "Take",
    "ThresholdCut",
    "TieredCut",
    "kind_from_data",
    "kind_to_data",
    "linked",
    "minimum_of",
    "prices",
]

KINDS: Mapping[str, type[Any]] = {
    kind.TAG: kind
    for kind in (
        ThresholdCut,
        TieredCut,
        Percent,
        CategoryPercent,
        SpecialPrice,
        NoThreshold,
        Freight,
        RandomAmount,
        QuantityCut,
        Gift,
        GiveBack,
        Bundle,
        GiftPack,
        LuckyDraw,
    )
}


def prices(kind: Kind) -> bool:
    """Whether the kind changes an order; packs and draws only give other coupons."""
    return not isinstance(kind, GiftPack | LuckyDraw)


def linked(kind: Kind) -> tuple[str, ...]:
    """Ids of the templates whose coupons a pack or a draw gives."""
    if isinstance(kind, GiftPack):
        return kind.templates
    return tuple(prize.template_id for prize in kind.prizes) if isinstance(kind, LuckyDraw) else ()


def minimum_of(kind: Kind) -> int:
    """The least spend in cents, 0 where the kind asks for none."""
    if isinstance(kind, TieredCut):
        return kind.steps[0].minimum_cents
    return int(getattr(kind, "minimum_cents", 0))


def kind_to_data(kind: Kind) -> dict[str, Any]:
    """The tag and the fields; parts of a kind (steps, rates, prizes …) are mappings of their own."""
    data: dict[str, Any] = {"kind": kind.TAG}
    for field in fields(kind):  # type: ignore[arg-type]  # every kind is a dataclass
        value = getattr(kind, field.name)
        data[field.name] = [_part_to_data(part) for part in value] if isinstance(value, tuple) else value
    return data


def kind_from_data(data: Mapping[str, Any]) -> Kind:
    """Read a stored kind back; the tag is permanent, so rules stored years ago stay readable."""
    values = dict(data)
    tag = values.pop("kind", None)
    if tag not in KINDS:
        raise InvalidError("kind", tag, f"one of: {', '.join(KINDS)}")
    parts: Mapping[str, type[Any]] = getattr(KINDS[tag], "PARTS", {})
    try:
        for name, part in parts.items():
            values[name] = tuple(part(**item) if isinstance(item, Mapping) else part(item) for item in values[name])
        kind: Kind = KINDS[tag](**values)
    except (TypeError, KeyError) as error:
        raise InvalidError("kind", sorted(values), f"the fields of {tag}") from error
    return kind


def _part_to_data(part: Any) -> Any:
    return part._asdict() if hasattr(part, "_asdict") else part
