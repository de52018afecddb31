"""The best combination: the largest saving over all sets and orders of coupons that may meet (F106, F110, F111).

Exact branch and bound over sequences. A node is a sequence applied so far with what it leaves of every line.

* **Bound.** What a coupon takes never grows when less is left (a law that every kind keeps, see ``steady``), so its
  gain at a node bounds its gain anywhere below. The best that may still come is the sum of the largest gains, one per
  group of coupons that exclude each other, and never more than the lines can give.
* **Order.** Coupons that do not touch each other's lines give the same result in either order; of such orders one is
  tried (sleep sets). Of coupons that are equal in all that
  pricing sees, the one that ends first is used first.
* **Budget.** The number of applied coupons is limited, not the time: the same question has the same answer on every
  machine. Where the budget ends the search, ``bound_cents`` still bounds the best from above.

Of equal savings the one with fewer coupons wins, then the one whose coupons end first, then the smaller ids. All of
this is one number, the score: cents in its upper bits, then the coupons that were not needed, then a bit per coupon,
the higher the earlier it ends. So scores add up over a sequence, and the bound settles ties like cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serving.coupons.opening import Coverage, Look, Opening, Piece
from serving.coupons.relations import relate, steady
from serving.coupons.stacking import Stacking
from serving.coupons.turn import Offer, offer, split

NODES = 600


@dataclass(frozen=True, slots=True)
class Found:
    """``path`` are indices of the pieces in the order applied, ``greedy`` those of one pass."""

    path: tuple[int, ...]
    greedy: tuple[int, ...]
    saving_cents: int
    bound_cents: int
    nodes: int


@dataclass(slots=True, eq=False)
class _Node:
    """What is left after a path with its ``score``; ``caps`` bound the score that a coupon adds here or below."""

    path: tuple[int, ...]
    used: int
    left: tuple[int, ...]
    freight: int
    score: int
    looks: dict[Coverage, Look]
    offers: dict[int, Offer]
    caps: dict[int, int]
    touched: int = 0


class Search:
    """One question: ``pieces`` in the order of their ends, each usable alone; ``every`` asks for one order of all."""

    def __init__(
        self, pieces: Sequence[Piece], opening: Opening, stacking: Stacking, nodes: int, *, every: bool = False
    ) -> None:
        self.pieces, self.opening, self.every, self.budget = pieces, opening, every, nodes
        self.most = len(pieces) if every else min(stacking.most, len(pieces))
        self.guarded = any(opening.guards)
        self.nodes = 0
        self.best: tuple[int, ...] = ()
        self.greedy: tuple[int, ...] = ()
        count = len(pieces)
        self.shift = count + 8  # room for a bit per coupon and for a count of coupons
        self.ranks = [(1 << (count - 1 - n)) - (1 << (count + 1)) for n in range(count)]
        self.best_score = -1 << self.shift if every else 0
        self.open_score = self.best_score
        self.freight_bit = 1 << len(opening.before)
        self._root()
        self.relations = relate(pieces, self.touches, stacking, every=every)

    def run(self) -> Found:
        root = self.root
        self._note((), 0)
        self._greedy(root)
        if self.pieces:
            self._dive(root, 0)
        bound = max(self.best_score, self.open_score)
        return Found(self.best, self.greedy, self._cents(self.best_score), self._cents(bound), self.nodes)

    def _cents(self, score: int) -> int:
        return max(0, (score + (1 << self.shift - 1)) >> self.shift)

    def _score(self, n: int, cents: int) -> int:
        return (cents << self.shift) + self.ranks[n]

    def _root(self) -> None:
        opening = self.opening
        self.root = _Node((), 0, opening.before, opening.cart.freight_cents, 0, {}, {}, {})
        self.most_cents = sum(opening.before) - sum(opening.floors) + opening.cart.freight_cents
        self.steady = [steady(piece) for piece in self.pieces]
        halved = tuple(
            floor + (amount - floor) // 2 for amount, floor in zip(opening.before, opening.floors, strict=True)
        )
        self.sensitive: list[int] = []  # parts of a million that are lost when half is left
        self.touches: list[int] = []
        looks: dict[Coverage, Look] = {}
        for n, piece in enumerate(self.pieces):
            self._refresh(self.root, n)
            found = self.root.offers.get(n)
            coverage = piece.coverage
            if coverage not in looks:
                looks[coverage] = coverage.look(halved)
            half = offer(piece, looks[coverage], self.root.freight)
            cents = half.cents if isinstance(half, Offer) else 0
            self.sensitive.append(10**6 - 10**6 * cents // found.cents if found is not None and found.cents else 0)
            only_freight = found is not None and not found.goods and not piece.on_left and self.steady[n]
            touches = self.freight_bit if found is None or found.freight else 0
            self.touches.append(touches if only_freight else touches | coverage.mask)

    def _refresh(self, node: _Node, n: int) -> None:
        """What coupon ``n`` takes at this node."""
        piece = self.pieces[n]
        look = node.looks.get(piece.coverage)
        if look is None:
            look = node.looks[piece.coverage] = piece.coverage.look(node.left)
        found = offer(piece, look, node.freight)
        usable = found if isinstance(found, Offer) else None
        if usable is not None:
            node.offers[n] = usable
        cents = usable.cents if usable is not None else 0
        if not self.steady[n]:
            cents = min(piece.kind.most_cents, look[3] + node.freight)
        if cents or (self.every and usable is not None):
            node.caps[n] = self._score(n, cents)

    def _greedy(self, node: _Node) -> None:
        """One pass: always the coupon that takes most now. The search never ends below it."""
        while node.offers and len(node.path) < self.most:
            self.greedy = node.path
            for n in sorted(node.offers, key=lambda n: (-node.offers[n].cents, n)):
                after = self._apply(node, n)
                if after is not None:
                    break
            else:
                return
            self._freshen(node, after, list(after.caps))
            node = after
            self._note(node.path, node.score)
        self.greedy = node.path

    def _note(self, path: tuple[int, ...], score: int) -> None:
        if score > self.best_score and (not self.every or len(path) == self.most):
            self.best, self.best_score = path, score

    def _apply(self, node: _Node, n: int) -> _Node | None:
        """The node after coupon ``n``; None when it would take a guarded line below its guard."""
        piece, found = self.pieces[n], node.offers[n]
        self.nodes += 1
        left = node.left
        if found.goods:
            shares = split(node.looks[piece.coverage], found.goods)
            after = list(left)
            for i, share in zip(piece.coverage.indices, shares, strict=True):
                after[i] -= share
            if self.guarded and any(
                share and after[i] < self.opening.guards[i]
                for i, share in zip(piece.coverage.indices, shares, strict=True)
            ):
                return None
            left = tuple(after)
        meets = self.relations.meets[n]
        caps = {other: cap for other, cap in node.caps.items() if meets >> other & 1}
        freight, score = node.freight - found.freight, node.score + self._score(n, found.cents)
        return _Node((*node.path, n), node.used | 1 << n, left, freight, score, {}, {}, caps, self.touches[n])

    def _freshen(self, parent: _Node, node: _Node, wanted: Sequence[int]) -> None:
        """Ask the ``wanted`` coupons again; those whose lines the last coupon did not touch take what they took."""
        touched = node.touched
        if not node.looks:
            node.looks = {c: look for c, look in parent.looks.items() if not c.mask & touched}
        for n in wanted:
            if not self.touches[n] & touched:
                if n in parent.offers:
                    node.offers[n] = parent.offers[n]
                continue
            del node.caps[n]
            self._refresh(node, n)

    def _bounds(self, node: _Node) -> dict[int, int]:
        """For every coupon that may come: the largest score of any completion with it."""
        slots = self.most - len(node.path)
        caps, group = node.caps, self.relations.group
        most: dict[int, int] = {}
        for n, cap in caps.items():
            if cap > most.get(group[n], 0) or self.every:
                most[group[n]] = cap
        ranked = sorted(most.values(), reverse=True)
        whole = node.score + sum(ranked[:slots])
        without = node.score + sum(ranked[: slots - 1])
        last = ranked[slots - 1] if len(ranked) >= slots else 0
        # Nothing takes more than all; of that, the fewest coupons would be those so far and this one.
        limit = node.score + ((self.most_cents - self._cents(node.score)) << self.shift)
        found: dict[int, int] = {}
        for n, cap in caps.items():
            top = most[group[n]]
            bound = whole - top + cap if top >= last else without + cap
            found[n] = min(bound, limit + self.ranks[n])
        return found

    def _dive(self, node: _Node, sleep: int, parent: _Node | None = None) -> None:
        if not self._thin(node):
            return
        if parent is not None:
            self._freshen(parent, node, list(node.caps))
            if not self._thin(node):
                return
        bounds, twin = self._bounds(node), self.relations.twin
        last = len(node.path) + 1 == self.most
        done = 0
        for n in sorted(node.offers, key=lambda n: (-bounds.get(n, 0), -self.sensitive[n], n)):
            if n not in bounds or sleep >> n & 1 or (twin[n] >= 0 and not node.used >> twin[n] & 1):
                continue
            if bounds[n] <= self.best_score:
                continue
            if self.nodes >= self.budget:
                self.open_score = max(self.open_score, bounds[n])
                continue
            if not self.guarded:  # then what is left need not be known to know the score
                self._note((*node.path, n), node.score + self._score(n, node.offers[n].cents))
            if self.guarded or (not last and bounds[n] > self.best_score):
                after = self._apply(node, n)
                if after is not None:
                    self._note(after.path, after.score)
                    if not last:
                        self._dive(after, (sleep | done) & self.relations.commutes[n], node)
            done |= 1 << n

    def _thin(self, node: _Node) -> bool:
        """Drop the coupons that no better completion uses; False when nothing better is left below this node."""
        if self.every and len(node.caps) + len(node.path) < self.most:
            return False
        hopeless = [n for n, bound in self._bounds(node).items() if bound <= self.best_score]
        if hopeless and self.every:
            return False
        for n in hopeless:
            del node.caps[n]
            node.offers.pop(n, None)
        return bool(node.caps)
