"""Which lines of a cart a coupon sees: all goods, named categories, or named goods (SKU)."""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.cart import Line
from serving.coupons.money import InvalidError

WORDS = ("all", "category", "sku")


@dataclass(frozen=True, slots=True)
class Scope:
    """``of`` says what the ``names`` are; ``without`` are SKUs that never take part.

    >>> Scope.parse("category:phones|tablets").names
    ('phones', 'tablets')
    >>> str(Scope("all"))
    'all'
    """

    of: str = "all"
    names: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.of not in WORDS:
            raise InvalidError("scope", self.of, f"one of: {', '.join(WORDS)}")
        if (self.of == "all") == bool(self.names):
            raise InvalidError("scope", self.of, "names for a category or SKU scope, and none for all goods")
        for name in (*self.names, *self.without):
            if not name or "|" in name:
                raise InvalidError("scope", name, "names that are not empty and have no '|'")

    @classmethod
    def parse(cls, text: str, without: tuple[str, ...] = ()) -> Scope:
        """Read the text of the ``templates`` table: ``all``, ``category:a|b`` or ``sku:a|b``."""
        of, _, names = text.partition(":")
        return cls(of, tuple(names.split("|")) if names else (), without)

    def __str__(self) -> str:
        return self.of if self.of == "all" else f"{self.of}:{'|'.join(self.names)}"

    def covers(self, line: Line) -> bool:
        if line.sku in self.without:
            return False
        if self.of == "all":
            return True
        return (line.category if self.of == "category" else line.sku) in self.names
