"""The best combination: the largest saving over all sets and orders of coupons that may meet (F106, F110, F111).

Exact branch and bound over sequences. A node is a sequence applied so far with what it leaves of every line.

* **Bound.** What a coupon takes never grows when less is left (a law that every kind keeps, see ``_steady``), so its
  gain at a node bounds its gain anywhere below. The best that may still come is the sum of the largest gains, one per
  group of coupons that exclude each other, and never more than the lines can give.
* **Order.** Coupons that do not touch each other's lines give the same result in either order; of such orders one is
  tried (sleep sets). Equal coupons are used in the order of their ends.
* **Budget.** The number of applied coupons is limited, not the time: the same question has the same answer on every
  machine. Where the budget ends the search, ``bound_cents`` still bounds the best from above.

Of equal savings the one with fewer coupons wins, then the one whose coupons end first, then the smaller ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from serving.coupons.kinds import Bundle, SpecialPrice
from serving.coupons.opening import Coverage, Look, Opening, Piece
from serving.coupons.refusals import PASS
from serving.coupons.stacking import Stacking
from serving.coupons.turn import Offer, offer, split

NODES = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """``path`` are indices of the pieces in the order applied; ``exact`` says that nothing better exists."""

    path: tuple[int, ...]
    saving_cents: int
    bound_cents: int
    nodes: int

    @property
    def exact(self) -> bool:
        return self.bound_cents == self.saving_cents


@dataclass(slots=True, eq=False)
class _Node:
    """What is left after a path; ``offers`` are fresh, ``caps`` bound what a coupon takes here or below."""

    path: tuple[int, ...]
    used: int
    left: tuple[int, ...]
    freight: int
    saved: int
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
        self.best_cents = -1 if every else 0
        self.best_key: tuple[int, ...] = ()
        self.open_cents = 0
        self.freight_bit = 1 << len(opening.before)
        self._root()
        self._relations(stacking)

    def run(self) -> Found:
        root = self.root
        self._note(root)
        self._greedy(root)
        if len(root.caps) == len(self.pieces) or not self.every:
            self._dive(root, 0)
        return Found(self.best, self.best_cents, max(self.best_cents, self.open_cents), self.nodes)

    def _root(self) -> None:
        opening = self.opening
        self.root = _Node((), 0, opening.before, opening.cart.freight_cents, 0, {}, {}, {})
        self.most_cents = sum(opening.before) - sum(opening.floors) + opening.cart.freight_cents
        self.steady = [_steady(piece) for piece in self.pieces]
        halved = tuple(
            floor + (amount - floor) // 2 for amount, floor in zip(opening.before, opening.floors, strict=True)
        )
        self.sensitive: list[float] = []
        self.reads: list[int] = []
        self.writes: list[int] = []
        looks: dict[Coverage, Look] = {}
        for n, piece in enumerate(self.pieces):
            self._refresh(self.root, n)
            found = self.root.offers.get(n)
            coverage = piece.coverage
            if coverage not in looks:
                looks[coverage] = coverage.look(halved)
            half = offer(piece, looks[coverage], self.root.freight)
            cents = half.cents if isinstance(half, Offer) else 0
            self.sensitive.append(1 - cents / found.cents if found is not None and found.cents else 0.0)
            only_freight = found is not None and not found.goods and not piece.on_left and self.steady[n]
            touches = self.freight_bit if found is None or found.freight else 0
            self.writes.append(touches if only_freight else touches | coverage.mask)
            self.reads.append(touches if only_freight else touches | coverage.mask)

    def _relations(self, stacking: Stacking) -> None:
        """Who may meet whom, who commutes with whom, and who is the same as the coupon before it."""
        pieces = self.pieces
        self.meets: list[int] = []
        self.commutes: list[int] = []
        self.twin: list[int] = []
        answers: dict[tuple[str, str, str, str, bool], bool] = {}
        latest: dict[tuple[str, int, int], int] = {}
        for a, one in enumerate(pieces):
            meets = commutes = 0
            for b, other in enumerate(pieces):
                if a == b:
                    continue
                mine, theirs = one.template, other.template
                key = (mine.kind.TAG, theirs.kind.TAG, mine.owner, theirs.owner, mine.stackable and theirs.stackable)
                if key not in answers:
                    answers[key] = stacking.pair(mine, theirs) == PASS
                if answers[key] or self.every:
                    meets |= 1 << b
                if not self.writes[a] & self.reads[b] and not self.writes[b] & self.reads[a]:
                    commutes |= 1 << b
            self.meets.append(meets)
            self.commutes.append(commutes)
            same = (one.template.template_id, one.template.version, one.face_cents)
            self.twin.append(-1 if self.every else latest.get(same, -1))
            latest[same] = a
        groups: dict[str, int] = {}
        # Coupons of a negative group exclude each other: at most one of them is used.
        self.group: list[int] = []
        for n, piece in enumerate(pieces):
            tag = piece.kind.TAG
            apart = not self.every and not stacking.kinds_meet(tag, tag)
            self.group.append(-1 - groups.setdefault(tag, len(groups)) if apart else n)

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
        if not self.steady[n]:
            node.caps[n] = min(piece.kind.most_cents, look[3] + node.freight)
        elif usable is not None and (usable.cents or self.every):
            node.caps[n] = usable.cents

    def _greedy(self, node: _Node) -> None:
        """One pass: always the coupon that takes most now. The search never ends below it."""
        while node.offers and len(node.path) < self.most:
            for n in sorted(node.offers, key=lambda n: (-node.offers[n].cents, n)):
                after = self._apply(node, n)
                if after is not None:
                    break
            else:
                return
            self._freshen(node, after, list(after.caps))
            node = after
            self._note(node)

    def _note(self, node: _Node) -> None:
        if self.every and len(node.path) < self.most:
            return
        if node.saved < self.best_cents:
            return
        key = tuple(sorted(node.path))
        if node.saved > self.best_cents or (not self.every and (len(key), key) < (len(self.best_key), self.best_key)):
            self.best, self.best_cents, self.best_key = node.path, node.saved, key

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
        meets = self.meets[n]
        caps = {other: cap for other, cap in node.caps.items() if meets >> other & 1}
        freight, saved = node.freight - found.freight, node.saved + found.cents
        return _Node((*node.path, n), node.used | 1 << n, left, freight, saved, {}, {}, caps, self.writes[n])

    def _freshen(self, parent: _Node, node: _Node, wanted: Sequence[int]) -> None:
        """Ask the ``wanted`` coupons again; those whose lines the last coupon did not touch take what they took."""
        touched = node.touched
        if not node.looks:
            node.looks = {c: look for c, look in parent.looks.items() if not c.mask & touched}
        for n in wanted:
            if not self.reads[n] & touched:
                if n in parent.offers:
                    node.offers[n] = parent.offers[n]
                continue
            del node.caps[n]
            self._refresh(node, n)

    def _bounds(self, node: _Node) -> dict[int, int]:
        """For every coupon that may come: the most that any completion with it saves."""
        slots = self.most - len(node.path)
        caps, group = node.caps, self.group
        most: dict[int, int] = {}
        for n, cap in caps.items():
            if cap > most.get(group[n], -1):
                most[group[n]] = cap
        ranked = sorted(most.values(), reverse=True)
        whole = node.saved + sum(ranked[:slots])
        without = node.saved + sum(ranked[: slots - 1])
        last = ranked[slots - 1] if len(ranked) >= slots else 0
        limit = self.most_cents
        found: dict[int, int] = {}
        for n, cap in caps.items():
            top = most[group[n]]
            bound = whole - top + cap if top >= last else without + cap
            found[n] = bound if bound < limit else limit
        return found

    def _hopeless(self, bound: int, node: _Node) -> bool:
        if bound != self.best_cents:
            return bound < self.best_cents
        return self.every or len(node.path) >= len(self.best)

    def _dive(self, node: _Node, sleep: int, parent: _Node | None = None) -> None:
        if len(node.path) == self.most or not node.caps:
            return
        if not self._thin(node):
            return
        if parent is not None:
            self._freshen(parent, node, list(node.caps))
            if not self._thin(node):
                return
        bounds = self._bounds(node)
        done = 0
        for n in sorted(node.offers, key=lambda n: (-bounds.get(n, -1), -self.sensitive[n], n)):
            if n not in bounds or sleep >> n & 1 or (self.twin[n] >= 0 and not node.used >> self.twin[n] & 1):
                continue
            bound = bounds[n]
            if self._hopeless(bound, node) or self._loses_tie(bound, node, n):
                continue
            if self.nodes >= self.budget:
                self.open_cents = max(self.open_cents, bound)
                continue
            after = self._apply(node, n)
            if after is not None:
                self._note(after)
                self._dive(after, (sleep | done) & self.commutes[n], node)
            done |= 1 << n

    def _thin(self, node: _Node) -> bool:
        """Drop the coupons that no better completion uses; False when nothing better is left below this node."""
        bounds = self._bounds(node)
        hopeless = [n for n, bound in bounds.items() if self._hopeless(bound, node)]
        if hopeless and self.every:
            return False
        for n in hopeless:
            del node.caps[n]
            node.offers.pop(n, None)
        return bool(node.caps) and (not self.every or len(node.caps) + len(node.path) == self.most)

    def _loses_tie(self, bound: int, node: _Node, n: int) -> bool:
        """Could it at most be equal, and would it then lose by the coupons used?"""
        if bound != self.best_cents or len(node.path) + 1 < len(self.best):
            return False
        return node.saved + node.offers[n].cents < bound or tuple(sorted((*node.path, n))) >= self.best_key


def _steady(piece: Piece) -> bool:
    """Whether what the coupon takes never grows when less is left.

    Kinds that choose units among several lines of one SKU may choose others when prices fall, and then take a little
    more; for these the bound is the most they can ever take.
    """
    kind = piece.kind
    if isinstance(kind, SpecialPrice):
        named = {special.sku for special in kind.prices}
        return kind.max_units is None or sum(line.sku in named for line in piece.coverage.lines) <= 1
    if isinstance(kind, Bundle):
        counts = Counter(line.sku for line in piece.coverage.lines)
        return all(counts[item.sku] <= 1 for item in kind.items)
    return True
