"""What comes with an order or after it: gifts, and points or money given back once it is redeemed (F026, F028)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from serving.coupons.kinds.minimum import check_above, check_parts, short
from serving.coupons.money import InvalidError, check_cents, check_int
from serving.coupons.seen import Missing, Seen, Take

# What is given back: points of the membership, a red packet, or money that only this shop takes.
FORMS = ("points", "red_packet", "virtual_money")


class GiftItem(NamedTuple):
    """``quantity`` units of ``sku``, free."""

    sku: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Gift:
    """Spend ``minimum_cents`` and buy ``minimum_pieces``, get the ``gifts``, which cost the shop ``cost_cents``."""

    TAG: ClassVar[str] = "gift"
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"gifts": GiftItem}
    gifts: tuple[GiftItem, ...]
    cost_cents: int
    minimum_cents: int = 0
    minimum_pieces: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        check_parts("gifts.sku", [gift.sku for gift in self.gifts])
        for gift in self.gifts:
            check_int("gifts.quantity", gift.quantity, 1, 1_000)
        check_cents("cost_cents", self.cost_cents)
        check_cents("minimum_cents", self.minimum_cents)
        check_int("minimum_pieces", self.minimum_pieces, 0, 10_000)

    @property
    def most_cents(self) -> int:
        return self.cost_cents

    def missing(self, seen: Seen) -> Missing | None:
        lacking = short(self.minimum_cents, self.strict, seen)
        pieces = self.minimum_pieces - seen.pieces
        return lacking or (Missing(pieces, "pieces") if pieces > 0 else None)

    def take(self, seen: Seen) -> Take:  # noqa: ARG002 - gifts follow from the condition alone
        return Take(gifts=tuple((gift.sku, gift.quantity) for gift in self.gifts))


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Spend ``minimum_cents``, get ``amount`` back after the redemption: points, or cents of money.

    ``cost_cents`` is what it costs the shop at most: the worth of the points, at least the amount for money.
    """

    TAG: ClassVar[str] = "give_back"
    minimum_cents: int
    give: str
    amount: int
    cost_cents: int
    strict: bool = False

    def __post_init__(self) -> None:
        check_cents("minimum_cents", self.minimum_cents, 1)
        if self.give not in FORMS:
            raise InvalidError("give", self.give, f"one of: {', '.join(FORMS)}")
        check_cents("amount", self.amount, 1)
        check_cents("cost_cents", self.cost_cents, self.amount if self.give != "points" else 1)
        check_above(self.minimum_cents, "cost_cents", self.cost_cents)

    @property
    def most_cents(self) -> int:
        return self.cost_cents

    def missing(self, seen: Seen) -> Missing | None:
        return short(self.minimum_cents, self.strict, seen)

    def take(self, seen: Seen) -> Take:  # noqa: ARG002 - the amount follows from the condition alone
        return Take(points=self.amount) if self.give == "points" else Take(red_packet_cents=self.amount)
