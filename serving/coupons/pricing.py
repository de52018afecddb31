"""What a cart costs with coupons: one definition for quotes, holds and redemptions, so a quote is the redemption of an
unchanged cart.

* A line starts at quantity × unit price. The shop's activities are split over their lines; what remains is ``before``.
* Coupons are applied one after the other. Each takes from what is ``left`` of the lines that it sees, never below a
  line's floor; its amount is split over them in proportion to ``left`` (largest remainder, ties to the larger and then
  the earlier line, what a full line cannot take goes to the others). A kind may say itself what it takes of each line;
  more than the room of a line is cut off.
* A minimum is checked on ``before`` of the covered lines, or on ``left`` where the template says so.
* A freight coupon takes from the freight alone. Gifts and give-backs take nothing off; a coupon that takes nothing and
  gives nothing is refused (``nothing_to_deduct``).
* Points come last, at most what coupons have left above the floors.

The order of a set of coupons is the one that saves most; the receipt states it (F106).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from serving.coupons.cart import Cart
from serving.coupons.coupon import Coupon
from serving.coupons.margin import Margin, Thin, thin_lines
from serving.coupons.money import InvalidError
from serving.coupons.opening import Opening, Piece
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.rules import Use, check
from serving.coupons.search import NODES, Found, Search
from serving.coupons.stacking import STACKING, Stacking
from serving.coupons.template import Template
from serving.coupons.till import Till


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coupon with the version of its template under which it was issued."""

    coupon: Coupon
    template: Template


_MARGIN = Margin()


@dataclass(frozen=True, slots=True)
class Rates:
    """What pricing needs of the shop: its stack rules, time zone, worth of points and margin guard.

    ``search_nodes`` limits the search for the best combination; it is a number of steps, so that answers do not
    depend on the machine.
    """

    stacking: Stacking = STACKING
    zone: tzinfo = UTC
    points_per_yuan: int = 100
    margin: Margin = _MARGIN
    search_nodes: int = NODES


@dataclass(frozen=True, slots=True)
class Usable:
    """A coupon alone: what it saves and the receipt with it."""

    candidate: Candidate
    saving_cents: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Best:
    """The best combination; no receipt when no coupon takes anything off. ``bound_cents`` ≥ the true best."""

    receipt: Receipt | None
    saving_cents: int
    bound_cents: int
    exact: bool
    nodes: int


@dataclass(frozen=True, slots=True)
class Quote:
    """All coupons of a wallet against one cart (F099): ``plain`` is the price without any.

    ``usable`` is sorted best first: larger saving, then earlier end, then id. ``warnings`` are of the best.
    """

    cart: Cart
    plain: Receipt
    usable: tuple[Usable, ...]
    unusable: tuple[tuple[Candidate, Refuse], ...]
    best: Best
    warnings: tuple[Thin, ...] = ()

    @property
    def payable_cents(self) -> int:
        """What is paid with the best combination."""
        return (self.best.receipt or self.plain).payable_cents


def quote(wallet: Sequence[Candidate], user_id: str, cart: Cart, now: datetime, rates: Rates) -> Quote:
    """Price every coupon of the wallet alone, and find the best combination (F099, F102, F110).

    The answer does not depend on the order of the wallet. ``now`` is naive UTC. Raises ``InvalidError`` for a cart
    whose activities take a line below its floor.
    """
    table = _Table(user_id, cart, now, rates)
    plain = table.till.receipt(())
    usable: list[tuple[Piece, Usable]] = []
    unusable: list[tuple[Candidate, Refuse]] = []
    for candidate in sorted(wallet, key=_rank):
        piece = table.piece(candidate)
        refused = table.refusal(candidate, piece)
        receipt = refused if refused is not None else table.alone(piece)
        if isinstance(receipt, Refuse):
            unusable.append((candidate, receipt))
        else:
            usable.append((piece, Usable(candidate, receipt.coupon_cents, receipt)))
    best = table.best(usable)
    warnings = thin_lines(best.receipt, cart, rates.margin) if best.receipt is not None else ()
    ranked = sorted((one for _, one in usable), key=lambda one: (-one.saving_cents, _rank(one.candidate)))
    return Quote(cart, plain, tuple(ranked), tuple(unusable), best, warnings)


def price_set(chosen: Sequence[Candidate], user_id: str, cart: Cart, now: datetime, rates: Rates) -> Receipt | Refuse:
    """The price with exactly these coupons, in their best order; or the first refusal.

    Refusals come in the order of ``chosen``: first those of each coupon alone, then those of the stack rules, then
    that of a coupon for which the others leave nothing. Raises ``InvalidError`` when a coupon is named twice.
    """
    ids = [candidate.coupon.coupon_id for candidate in chosen]
    if len(set(ids)) != len(ids):
        raise InvalidError("coupon_ids", ids, "each coupon once")
    table = _Table(user_id, cart, now, rates)
    pieces = [table.piece(candidate) for candidate in chosen]
    for candidate, piece in zip(chosen, pieces, strict=True):
        refused = table.refusal(candidate, piece)
        if refused is not None:
            return refused
        alone = table.alone(piece)
        if isinstance(alone, Refuse):
            return alone
    together = rates.stacking.check([candidate.template for candidate in chosen])
    if isinstance(together, Refuse):
        return together
    found = table.order(pieces)
    if found is None:
        return table.stuck(pieces)
    ranked = sorted(pieces, key=_piece_rank)
    return table.till.receipt([ranked[n] for n in found.path])


def _rank(candidate: Candidate) -> tuple[datetime, str]:
    return candidate.coupon.valid_until, candidate.coupon.coupon_id


def _piece_rank(piece: Piece) -> tuple[datetime, str]:
    return piece.coupon.valid_until, piece.coupon.coupon_id


class _Table:
    """One cart of one user at one moment."""

    def __init__(self, user_id: str, cart: Cart, now: datetime, rates: Rates) -> None:
        self.user_id, self.cart, self.now, self.rates = user_id, cart, now, rates
        self.opening = Opening.of(cart, rates.margin)
        self.till = Till(self.opening, rates.points_per_yuan)

    def piece(self, candidate: Candidate) -> Piece:
        return Piece.of(candidate.coupon, candidate.template, self.opening)

    def refusal(self, candidate: Candidate, piece: Piece) -> Refuse | None:
        """What the ladder says of the coupon alone."""
        seen = piece.seen(piece.coverage.look(self.opening.before), self.cart.freight_cents)
        rates = self.rates
        use = Use(
            candidate.coupon, candidate.template, seen, self.user_id, self.cart, self.now, rates.zone, rates.stacking
        )
        verdict = check(use)
        return verdict if isinstance(verdict, Refuse) else None

    def alone(self, piece: Piece) -> Receipt | Refuse:
        return self.till.ring_up([piece])

    def order(self, pieces: Sequence[Piece]) -> Found | None:
        """The order of all these coupons that saves most; None when no order lets all of them apply.

        For up to five coupons the budget of nodes suffices for every order.
        """
        nodes = max(self.rates.search_nodes, NODES)
        found = Search(sorted(pieces, key=_piece_rank), self.opening, self.rates.stacking, nodes, every=True).run()
        return found if len(found.path) == len(pieces) else None

    def best(self, usable: Sequence[tuple[Piece, Usable]]) -> Best:
        pieces = [piece for piece, _ in usable]
        found = Search(pieces, self.opening, self.rates.stacking, self.rates.search_nodes).run()
        # The order is looked for again among the chosen ones alone, exactly as ``price_set`` does it. That may fall
        # short only where more than five coupons meet; then no less than the simple choices is answered.
        sets = [found.path, found.greedy, *([n] for n in range(len(pieces)))]
        saving, path = 0, list[Piece]()
        for one in sets:
            chosen = [pieces[n] for n in sorted(one)]
            ordered = self.order(chosen)
            if ordered is not None and ordered.saving_cents > saving:
                saving, path = ordered.saving_cents, [chosen[n] for n in ordered.path]
            if saving >= found.saving_cents:
                break
        bound = max(found.bound_cents, saving)
        return Best(self.till.receipt(path) if path else None, saving, bound, bound == saving, found.nodes)

    def stuck(self, pieces: Sequence[Piece]) -> Refuse:
        """The refusal of the first coupon, in the order given, that has nothing to take after those before it."""
        for n in range(1, len(pieces) + 1):
            found = self.till.ring_up(pieces[:n])
            if isinstance(found, Refuse):
                return found
        return Refuse("nothing_to_deduct")
