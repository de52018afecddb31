"""One round of coupons: from the prices of its limits to whole coupons and to a rule that keeps every limit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.policy.knapsack import allocate
from models.policy.price import LARGEST, Bools, Floats, Ints, pick, total
from models.policy.prices import Prices, keep_best
from models.policy.solver.conflict import show_conflict, show_whole_conflict
from models.policy.solver.exchanges import all_exchanges, exchange_matrix, nearest
from models.policy.solver.rounding import exchanged, separate, whole
from models.policy.solver.rows import Rows, dual, look
from models.policy.solver.sifting import Found, best_prices, descend, step, typical
from models.policy.solver.solution import Solution, Use
from models.policy.solver.terms import Terms

TIE = 2.0**-23  # the draw that splits equal users, relative to a typical offer's worth: about 1e-7
SOLVED_CELLS = 4_000  # users x offers up to which whole coupons are searched until nothing better can exist
ENOUGH = 3e-6  # gap at which the search stops in larger cases
EXCHANGES, PER_LIMIT = 600, 3  # nearest to the prices, among which whole coupons are searched: each limit may tie users
SUSPICIOUS = 200.0  # times a typical price: a floor that costs as much may be impossible
SMALL_CELLS = 2_000_000  # users x offers up to which the knapsack's own way is the faster one
MOST_RAISES = 60  # of a cap's price, each time doubled
TRIES = 12  # times the limits are tightened until a price rule keeps them


@dataclass(frozen=True)
class Round:
    """One round: ``rows`` as given, ``split`` with draws of up to ``tie`` cents added that split equal users.

    ``lots`` (n,) are what the draws are made of.
    """

    rows: Rows
    split: Rows
    terms: Terms
    tie: float
    lots: Floats

    def decided(self, prices: Prices) -> Ints:
        """What the rule gives every row (n,)."""
        rows, names = self.rows, np.array(self.terms.segments)
        segment = None if len(names) == 1 else names[rows.group]
        if rows.user is None:
            return prices.best(rows.value, rows.cost, self.lots, segment, rows.allowed)
        gain = prices.scores(rows.value, rows.cost, self.lots, segment, rows.allowed)
        return np.where(keep_best(gain.max(axis=1), rows.user, rows.most), gain.argmax(axis=1), 0)

    @property
    def exchanges(self) -> int:
        return EXCHANGES + PER_LIMIT * len(self.terms.names)

    def left(self, offer: Ints) -> Floats:
        """What an allocation leaves of each limit (m,), from correctly rounded sums; negative where one is broken."""
        terms, rows = self.terms, self.rows
        offers_ = rows.value.shape[1]
        units = np.bincount(rows.group * offers_ + offer, minlength=len(terms.segments) * offers_)
        cost, value = pick(rows.cost, offer), pick(rows.value, offer)
        spend = np.array([total(cost[rows.group == group]) for group in range(len(terms.segments))])
        used = terms.usage(units.reshape(-1, offers_), spend, 0.0)
        everything = float(spend[0]) if len(spend) == 1 else total(cost)
        if terms.budget >= 0:
            used[terms.budget] = everything
        if terms.returns >= 0:
            used[terms.returns] = terms.roi_floor * everything - total(value)
        return terms.most - used

    def solution(self, offer: Ints, rule: Ints, prices: Prices, price: Floats, bound: float) -> Solution:
        value = total(pick(self.rows.value, offer))
        left, terms = self.left(offer), self.terms
        sign = np.where(self._is_floor(), -1.0, 1.0)
        used, most = sign * (terms.most - left), sign * terms.most
        columns = zip(terms.names, used.tolist(), most.tolist(), price.tolist(), strict=True)
        broken = np.flatnonzero(self.left(rule) < 0)
        return Solution(
            offer=offer,
            value=value,
            cost=total(pick(self.rows.cost, offer)),
            bound=max(bound, value),  # equal up to rounding where nothing is lost to whole coupons
            prices=prices,
            rule_offer=rule,
            rule_value=total(pick(self.rows.value, rule)),
            rule_cost=total(pick(self.rows.cost, rule)),
            uses=tuple(Use(*column) for column in columns),
            broken=tuple(terms.names[row] for row in broken),
        )

    def _is_floor(self) -> Bools:
        floors = np.zeros(len(self.terms.names) + 1, dtype=np.bool_)
        floors[self.terms.users_least] = floors[self.terms.spend_least] = floors[self.terms.returns] = True
        return floors[:-1]

    def unlimited(self) -> Solution:
        prices = Prices.of_cost(0.0, self.rows.value.shape[1])
        best = self.decided(prices)
        return self.solution(best, best, prices, np.zeros(0), total(pick(self.rows.value, best)))

    def under_budget(self, budget: float) -> Solution:
        rows, terms, offers_ = self.rows, self.terms, self.rows.value.shape[1]
        ranked = allocate(self.split.value, rows.cost, budget, rows.allowed)
        prices = Prices.of_cost(ranked.rule_price, offers_, self.tie)
        rule, more = self.decided(prices), 1e-12
        while self.left(rule)[0] < 0:  # the rule rounds otherwise than the table of values with draws
            more *= 2
            prices = Prices.of_cost(ranked.rule_price * (1 + more), offers_, self.tie)
            rule = self.decided(prices)
        if rows.value.size <= SOLVED_CELLS:
            exact = allocate(rows.value, rows.cost, budget, rows.allowed)
            return self.solution(exact.offer, rule, prices, np.array([exact.price]), exact.bound)
        price = np.array([ranked.price])
        return self.solution(ranked.offer, rule, prices, price, dual(rows, terms, price))

    def under_all(self) -> Solution:
        rows, split, terms = self.rows, self.split, self.terms
        found = best_prices(split, terms, SUSPICIOUS)
        if not found.proven:
            if len(terms.floors):
                show_conflict(rows, terms, self.lots)
            found = descend(split, terms, found.price, found.width)
        near = self._near(found)
        fine = descend(near.split, near.terms, found.price, found.width, self.exchanges)
        offer = self._whole(near, fine)
        prices, rule = self._rule(near, fine, offer)
        kept = not (self.left(rule) < 0).any()
        bound = min(dual(rows, terms, price) for price in (found.price, fine.price))
        if offer is None and not kept:
            raise show_whole_conflict(near.rows, near.terms, all_exchanges(near.rows, fine.look.offer * 0))
        if offer is None or (kept and total(pick(rows.value, rule)) > total(pick(rows.value, offer))):
            offer = rule
        return self.solution(offer, rule, prices, fine.price, bound)

    def _near(self, found: Found) -> Unsettled:
        """The rows whose choice depends on where in the last box the prices are; the others are settled."""
        rows, terms = self.rows, self.terms
        at = look(self.split, terms, found.price)
        close, _ = nearest(self.split, terms, at, found.price, found.width, 2 * self.exchanges)
        inside = np.zeros(len(rows), dtype=np.bool_)
        inside[close.row] = True
        if rows.user is not None:  # users as a whole: their cap goes over all their rows
            inside = np.isin(rows.user, rows.user[inside])
        chosen = np.flatnonzero(inside)
        part = rows.take(chosen)
        rest = rows.used(terms, at.offer) - part.used(terms, at.offer[chosen])
        return Unsettled(chosen, part, self.split.take(chosen), replace(terms, most=terms.most - rest), at.offer)

    def _whole(self, near: Unsettled, fine: Found) -> Ints | None:
        """The best whole-coupon allocation (n,) within the exchanges nearest to the prices; None if none is found."""
        small = self.rows.value.size <= SOLVED_CELLS
        exchanges = all_exchanges(near.rows, fine.look.offer) if small else fine.near
        worth = float(pick(self.rows.value, near.offer).sum())
        most = near.terms.most.copy()
        for _ in range(TRIES):
            part = whole(near.rows, near.terms, fine.look.offer, exchanges, most, 0.0 if small else ENOUGH, worth)
            if part is None:
                break
            offer = near.spread(part)
            left = self.left(offer)
            if (left >= 0).all():
                return offer
            most = most + np.where(left < 0, 2 * left, 0.0)  # broken by the solver's tolerance
        return None

    def _rule(self, near: Unsettled, fine: Found, offer: Ints | None) -> tuple[Prices, Ints]:
        """Prices whose rule keeps every limit on this round, as near to the linear optimum as can be had."""
        if offer is not None and self.rows.value.size <= SOLVED_CELLS:
            found = self._followed(near, fine, offer[near.chosen])
            if found is not None:
                return found
        # Equal users differ by their draws alone, which only a very small box tells apart.
        narrow = np.minimum(fine.width, typical(self.rows, self.terms) * (16 * TIE))
        for box in (fine, descend(near.split, near.terms, fine.price, narrow, self.exchanges)):
            share = box.share
            for attempt in range(TRIES):
                target = self._settled(near, box, share)
                found = None if target is None else self._followed(near, box, target)
                if found is not None:
                    return found
                tight = self._rounding(near, box, share) * 2.0 ** (attempt - 2)
                tighter = replace(near.terms, most=near.terms.most - tight)
                _, share, _ = step(near.split, tighter, box.start, box.look, box.near, box.width)
        return self._careful(fine.price)

    def _followed(self, near: Unsettled, box: Found, target: Ints) -> tuple[Prices, Ints] | None:
        """Prices in the box whose rule gives these rows ``target`` (r,) and keeps every limit; None without any."""
        price = separate(near.split, near.terms, box.near, box.look.own, target, box.start, box.width)
        if price is None:
            return None
        prices = self.terms.prices(price, self.tie)
        rule = self.decided(prices)
        return (prices, rule) if (self.left(rule) >= 0).all() else None

    def _settled(self, near: Unsettled, fine: Found, share: Floats) -> Ints | None:
        """The best way to make whole what the linear optimum leaves in fractions."""
        open_ = (share > 1e-7) & (share < 1 - 1e-7)
        kept = np.isin(fine.near.row, fine.near.row[open_]) & (share > 1e-7)
        base = exchanged(fine.look.offer, fine.near, np.where(kept, 0.0, share))
        return whole(near.rows, near.terms, base, fine.near.where(kept), near.terms.most, 0.0, 0.0)

    def _rounding(self, near: Unsettled, fine: Found, share: Floats) -> Floats:
        """What the fractions could at most add to each limit (m,) when they are made whole."""
        open_ = (share > 1e-7) & (share < 1 - 1e-7)
        matrix = exchange_matrix(near.split, near.terms, fine.near)
        return np.asarray(abs(matrix)[:, np.flatnonzero(open_)].sum(axis=1)).ravel()

    def _careful(self, price: Floats) -> tuple[Prices, Ints]:
        """Prices of the caps raised until they hold, whatever becomes of the floors."""
        caps = ~self._is_floor() | (np.arange(len(price)) == self.terms.returns)
        unit, more = typical(self.rows, self.terms), np.zeros(len(price))
        for _ in range(MOST_RAISES):
            prices = self.terms.prices(price + more * unit, self.tie)
            rule = self.decided(prices)
            broken = caps & (self.left(rule) < 0)
            if not broken.any():
                return prices, rule
            more = np.where(broken, np.maximum(2 * more, 1e-9), more)
        segments, offers_ = self.terms.segments, self.rows.value.shape[1]
        out_of_reach = (0.0, *[2 * LARGEST] * (offers_ - 1))  # giving nobody anything keeps every cap
        return Prices(segments, (0.0,) * len(segments), (out_of_reach,) * len(segments)), np.zeros_like(rule)


@dataclass(frozen=True)
class Unsettled:
    """The rows (r,) that are not settled, as given and with draws; limits less what the settled use; all choices."""

    chosen: Ints
    rows: Rows
    split: Rows
    terms: Terms
    offer: Ints

    def spread(self, part: Ints) -> Ints:
        """The choices (n,) of the whole round from those (r,) of these rows."""
        offer = self.offer.copy()
        offer[self.chosen] = part
        return offer
