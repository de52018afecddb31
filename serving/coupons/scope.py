"""Which lines of a cart a coupon sees: all goods, or those of named categories, goods, brands, shops or tags."""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.cart import Line
from serving.coupons.money import InvalidError

WORDS = ("all", "category", "sku", "brand", "merchant", "tag")


@dataclass(frozen=True, slots=True)
class Scope:
    """``of`` says what the ``names`` are; ``without`` are SKUs that never take part (F045–F048, F124).

    A category name covers its whole subtree: ``beauty`` accepts a line of ``beauty/skin/cream``. ``regular_only``
    leaves out special-price and flash-sale goods.

    >>> Scope.parse("category:phones|tablets").names
    ('phones', 'tablets')
    >>> str(Scope("all"))
    'all'
    """

    of: str = "all"
    names: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    regular_only: bool = False

    def __post_init__(self) -> None:
        if self.of not in WORDS:
            raise InvalidError("scope", self.of, f"one of: {', '.join(WORDS)}")
        if (self.of == "all") == bool(self.names):
            raise InvalidError("scope", self.of, "names for a scope of some goods, and none for all goods")
        for name in (*self.names, *self.without):
            if not name or "|" in name:
                raise InvalidError("scope", name, "names that are not empty and have no '|'")

    @classmethod
    def parse(cls, text: str, without: tuple[str, ...] = (), *, regular_only: bool = False) -> Scope:
        """Read the text of the ``templates`` table: ``all``, ``category:a|b``, ``sku:a|b``, ``brand:a`` …"""
        of, _, names = text.partition(":")
        return cls(of, tuple(names.split("|")) if names else (), without, regular_only)

    def __str__(self) -> str:
        return self.of if self.of == "all" else f"{self.of}:{'|'.join(self.names)}"

    def covers(self, line: Line) -> bool:
        if line.sku in self.without or (self.regular_only and line.special):
            return False
        match self.of:
            case "all":
                return True
            case "category":
                return any(line.category == name or line.category.startswith(f"{name}/") for name in self.names)
            case "sku":
                return line.sku in self.names
            case "brand":
                return line.brand in self.names
            case "merchant":
                return line.merchant_id in self.names
            case _:
                return any(tag in self.names for tag in line.tags)
