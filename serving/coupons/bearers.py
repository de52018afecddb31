"""Who pays a discount: platform, merchant and supplier, line by line (F123, F150)."""

from __future__ import annotations

from collections.abc import Sequence

from serving.coupons.cart import Line
from serving.coupons.receipt import BEARERS, Receipt
from serving.coupons.template import Bearers

Borne = tuple[int, int, int]


def split_bearers(share_cents: int, bearers: Bearers, line: Line) -> Borne:
    """Cents of platform, merchant and supplier for one line's share; they sum to it.

    Largest remainder; ties go to the larger percentage, then in the order platform, merchant, supplier. The part of a
    merchant or supplier whom the line does not name falls to the platform: somebody must pay it.

    >>> split_bearers(3000, Bearers(40, 60), Line(1, "a", "x", 1, 9900, merchant_id="m"))
    (1200, 1800, 0)
    """
    merchant = bearers.merchant if line.merchant_id is not None else 0
    supplier = bearers.supplier if line.supplier_id is not None else 0
    percents = (100 - merchant - supplier, merchant, supplier)
    parts = [share_cents * percent // 100 for percent in percents]
    rest = share_cents - sum(parts)
    if rest:
        order = sorted(range(3), key=lambda i: (-(share_cents * percents[i] % 100), -percents[i], i))
        for i in order[:rest]:
            parts[i] += 1
    return parts[0], parts[1], parts[2]


def borne_by_lines(shares: Sequence[int], bearers: Bearers, lines: Sequence[Line]) -> tuple[Borne, ...]:
    if bearers.platform == 100:
        return tuple([(share, 0, 0) for share in shares])
    return tuple(
        [split_bearers(share, bearers, line) if share else (0, 0, 0) for share, line in zip(shares, lines, strict=True)]
    )


def settle(receipt: Receipt) -> dict[tuple[str, str | None], int]:
    """What each party pays of the coupons of an order: cents by (bearer, merchant or supplier id).

    The freight part is the platform's. The sum is the receipt's ``coupon_cents``.
    """
    owed: dict[tuple[str, str | None], int] = {}
    for coupon in receipt.coupons:
        parts: list[tuple[tuple[str, str | None], int]] = [(("platform", None), coupon.freight_cents)]
        for line, borne in zip(receipt.lines, coupon.borne, strict=True):
            ids = (None, line.merchant_id, line.supplier_id)
            parts += [((bearer, ids[i]), borne[i]) for i, bearer in enumerate(BEARERS)]
        for party, cents in parts:
            if cents:
                owed[party] = owed.get(party, 0) + cents
    return owed
