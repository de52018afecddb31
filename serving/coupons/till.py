"""Ringing up coupons in a given order: the one place where a receipt is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from serving.coupons.bearers import borne_by_lines
from serving.coupons.opening import Opening, Piece
from serving.coupons.points import pay_with_points
from serving.coupons.receipt import Applied, Receipt, ReceiptLine
from serving.coupons.refusals import Refuse
from serving.coupons.rules import short_of
from serving.coupons.turn import Offer, offer, split


class Till:
    """One cart with its lines, ready for any sequence of coupons; points at ``points_per_yuan`` for 100 cents."""

    def __init__(self, opening: Opening, points_per_yuan: int) -> None:
        self.opening, self.cart, self.points_per_yuan = opening, opening.cart, points_per_yuan
        self.lines = tuple(
            ReceiptLine(
                line.line_no,
                line.sku,
                line.quantity,
                line.unit_price_cents,
                activity,
                0,
                line.merchant_id,
                line.supplier_id,
            )
            for line, activity in zip(self.cart.lines, opening.activity, strict=True)
        )

    def ring_up(self, path: Sequence[Piece]) -> Receipt | Refuse:
        """The receipt with these coupons in this order, or the refusal of the first that does not apply."""
        found = self._walk(path)
        return found if isinstance(found, Refuse) else self._paid(*found)

    def receipt(self, path: Sequence[Piece]) -> Receipt:
        """The receipt of coupons that are known to apply in this order."""
        found = self.ring_up(path)
        if isinstance(found, Refuse):
            raise RuntimeError(f"a sequence that was found to apply is refused: {found.code}")
        return found

    def _walk(self, path: Sequence[Piece]) -> tuple[list[Applied], list[int]] | Refuse:
        left, freight = list(self.opening.before), self.cart.freight_cents
        applied: list[Applied] = []
        for piece in path:
            look = piece.coverage.look(left)
            found = offer(piece, look, freight)
            if not isinstance(found, Offer):
                return short_of(found) if found is not None else Refuse("nothing_to_deduct")
            shares = [0] * len(left)
            for i, share in zip(piece.coverage.indices, split(look, found.goods), strict=True):
                shares[i] = share
                left[i] -= share
                if share and left[i] < self.opening.guards[i]:
                    return Refuse("margin_guard")
            freight -= found.freight
            applied.append(self._applied(piece, tuple(shares), found))
        return applied, left

    def _applied(self, piece: Piece, shares: tuple[int, ...], found: Offer) -> Applied:
        template = piece.template
        return Applied(
            piece.coupon.coupon_id,
            template.template_id,
            template.version,
            template.kind.TAG,
            shares,
            found.freight,
            borne_by_lines(shares, template.bearers, self.cart.lines),
            found.take.gifts,
            found.take.points,
            found.take.red_packet_cents,
        )

    def _paid(self, applied: Sequence[Applied], left: Sequence[int]) -> Receipt:
        """Points come last."""
        lines, points = self.lines, 0
        if self.cart.points:
            room = [cents - floor for cents, floor in zip(left, self.opening.floors, strict=True)]
            paid = pay_with_points(self.cart.points, self.points_per_yuan, left, room)
            points = paid.points
            lines = tuple(replace(line, points_cents=share) for line, share in zip(lines, paid.shares, strict=True))
        return Receipt(lines, tuple(applied), self.cart.freight_cents, points)
