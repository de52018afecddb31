"""Orders, order lines and coupons with their money.

paid = goods + freight - discount; an order's discount is the sum of its lines' discounts (largest remainder);
margin = sum of quantity x (price - cost) - discount. A coupon of an order that is cancelled or refunded goes back to
its owner: it is not redeemed and costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from pipelines.shop.seeds import Ints

KEPT, CANCELLED, REFUNDED, UNPAID = range(4)
FREE_FREIGHT = 6900
FREIGHT = 600


@dataclass(frozen=True)
class Purchases:
    """Orders to be: ``sku`` and ``quantity`` (n, lines); ``coupon`` is the row of the coupon used on it, or -1."""

    user: Ints
    at: Ints
    sku: Ints
    quantity: Ints
    off: Ints
    fate: Ints
    terminal: Ints
    device: Ints
    ip: Ints
    address: Ints

    @classmethod
    def joined(cls, parts: list[Purchases]) -> Purchases:
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def __len__(self) -> int:
        return len(self.user)

    def take(self, keep: Ints) -> Purchases:
        return Purchases(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


@dataclass(frozen=True)
class Grants:
    """Coupons in wallets; ``decision`` numbers the decision that gave it (-1: taken by the user), ``order`` is the
    row of the purchase it was used on (-1: none) and ``off`` what it took off there."""

    user: Ints
    template: Ints
    decision: Ints
    at: Ints
    order: Ints
    off: Ints
    device: Ints
    ip: Ints

    @classmethod
    def joined(cls, parts: list[Grants], sizes: list[int]) -> Grants:
        """Laid end to end; ``sizes`` are the numbers of purchases that each part's ``order`` counts in."""
        starts = np.cumsum([0, *sizes[:-1]])
        values = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)}
        values["order"] = np.concatenate(
            [np.where(part.order >= 0, part.order + start, -1) for part, start in zip(parts, starts, strict=True)]
        )
        return cls(**values)

    def reorder(self, position: Ints) -> Grants:
        """With purchases renumbered: ``position[old]`` is the new row or -1."""
        return replace(self, order=np.where(self.order >= 0, position[self.order], -1))

    def take(self, keep: Ints) -> Grants:
        return Grants(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


def draw_fate(cancel: np.ndarray, refund: np.ndarray, rng: np.random.Generator) -> Ints:
    """What becomes of paid orders."""
    level = rng.random(len(cancel))
    return np.select([level < cancel, level < cancel + refund], [CANCELLED, REFUNDED], KEPT).astype(np.int64)


def apportion(off: Ints, lines: Ints) -> Ints:
    """Split each order's discount over its lines (n, k) in proportion, to the cent, by largest remainder.

    >>> apportion(np.array([100]), np.array([[333, 333, 334, 0]])).tolist()
    [[33, 33, 34, 0]]
    """
    goods = np.maximum(lines.sum(axis=1, keepdims=True), 1)
    exact = off[:, None] * lines
    share = exact // goods
    rest = exact - share * goods
    missing = off - share.sum(axis=1)
    rank = np.argsort(np.argsort(-rest, axis=1, kind="stable"), axis=1, kind="stable")
    return share + (rank < missing[:, None])
