"""Bundles of coupons: what is claimed is a pack or a draw, what reaches the wallet are coupons of other templates.

They take nothing off an order and cost nothing themselves: the coupons that they give count, each by its own template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from serving.coupons.kinds.minimum import check_parts
from serving.coupons.money import InvalidError, check_int
from serving.coupons.seen import Missing, Seen, Take


@dataclass(frozen=True, slots=True)
class GiftPack:
    """One coupon of each of the ``templates``, all together or none (F012)."""

    TAG: ClassVar[str] = "gift_pack"
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"templates": str}
    templates: tuple[str, ...]

    def __post_init__(self) -> None:
        check_parts("templates", self.templates, least=2)

    @property
    def most_cents(self) -> int:
        return 0

    def missing(self, seen: Seen) -> Missing | None:  # noqa: ARG002
        return None

    def take(self, seen: Seen) -> Take:  # noqa: ARG002
        return Take()


class Prize(NamedTuple):
    """A coupon of ``template_id``, drawn with the chance ``weight`` / sum of all weights."""

    template_id: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class LuckyDraw:
    """One coupon out of ``prizes`` by chance (F020)."""

    TAG: ClassVar[str] = "lucky_draw"
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"prizes": Prize}
    prizes: tuple[Prize, ...]

    def __post_init__(self) -> None:
        check_parts("prizes.template_id", [prize.template_id for prize in self.prizes])
        for prize in self.prizes:
            check_int("prizes.weight", prize.weight, 1, 1_000_000)
            if prize.template_id == "none":
                raise InvalidError("prizes.template_id", prize.template_id, "an id other than the control offer")

    @property
    def most_cents(self) -> int:
        return 0

    def missing(self, seen: Seen) -> Missing | None:  # noqa: ARG002
        return None

    def take(self, seen: Seen) -> Take:  # noqa: ARG002
        return Take()
