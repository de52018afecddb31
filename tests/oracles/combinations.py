"""The best combination by trying every order of every set of coupons, with splits in exact fractions.

It asks the kinds what they take (they have oracles of their own) and shares nothing else with `serving.coupons`: not
the split, not the stack rules (read here from their data), not the search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from serving.coupons.cart import Cart, Line
from serving.coupons.seen import Seen
from serving.coupons.template import Template


@dataclass(frozen=True)
class Walked:
    """A sequence of wallet places with its saving, shares per coupon and line, what is left and what was before."""

    path: tuple[int, ...]
    saving: int
    shares: tuple[tuple[int, ...], ...]
    left: tuple[int, ...]
    freight: int
    before: tuple[int, ...]


def fair_split(total: int, weights: Sequence[int], room: Sequence[int]) -> list[int]:
    """Largest remainder with capacities: lines whose whole part fills them are filled, the others start again."""
    shares = dict.fromkeys(range(len(weights)), 0)
    todo, open_lines = total, [n for n in shares if room[n] > 0]
    while todo > 0:
        whole = Fraction(sum(weights[n] for n in open_lines))
        exact = {n: todo * weights[n] / whole for n in open_lines}
        filled = [n for n in open_lines if int(exact[n]) >= room[n]]
        if filled:
            for n in filled:
                shares[n], todo = room[n], todo - room[n]
            open_lines = [n for n in open_lines if n not in filled]
            continue
        shares.update({n: int(exact[n]) for n in open_lines})
        odd = todo - sum(int(exact[n]) for n in open_lines)
        by_remainder = sorted(open_lines, key=lambda n: (int(exact[n]) - exact[n], -weights[n], n))
        for n in by_remainder[:odd]:
            shares[n] += 1
        todo = 0
    return [shares[n] for n in range(len(weights))]


def after_activities(cart: Cart) -> list[int]:
    left = [line.quantity * line.unit_price_cents for line in cart.lines]
    for activity in cart.activities:
        named = [n for n, line in enumerate(cart.lines) if not activity.line_nos or line.line_no in activity.line_nos]
        floors = [cart.lines[n].quantity * cart.lines[n].unit_floor_cents for n in named]
        room = [left[n] - floor for n, floor in zip(named, floors, strict=True)]
        for n, share in zip(named, fair_split(activity.discount_cents, [left[n] for n in named], room), strict=True):
            left[n] -= share
    return left


def may_meet(one: Template, other: Template, rules: Mapping[str, Any]) -> bool:
    """The words of the stack rules about two coupons, read from their data."""
    if not (one.stackable and other.stackable):
        return False
    a, b = one.kind.TAG, other.kind.TAG
    kinds = rules.get("kinds", {})
    listed = [a, b] in kinds.get("except", []) or [b, a] in kinds.get("except", [])
    if not (rules.get("same_kind", False) if a == b else kinds.get("together", True) != listed):
        return False
    return one.owner == other.owner or bool(rules.get("owners", {}).get("together", True))


def least_left(line: Line, margin: tuple[str, int] | None, mode: str) -> int:
    """What the margin leaves of a line at least, when the guard works in ``mode``."""
    if margin is None or margin[0] != mode or line.unit_cost_cents is None:
        return 0
    unit = Fraction(line.unit_cost_cents) / (1 - Fraction(margin[1], 100))
    return line.quantity * -int(-unit // 1)


def walk(
    wallet: Sequence[tuple[Template, int]], cart: Cart, order: Sequence[int], margin: tuple[str, int] | None = None
) -> Walked | None:
    """Apply coupons (template, face) in an order; None when one of them does not apply at its turn."""
    state: Walked | None = start(cart)
    for place in order:
        state = step(wallet, cart, state, place, margin) if state is not None else None
    return state


def start(cart: Cart) -> Walked:
    before = tuple(after_activities(cart))
    return Walked((), 0, (), before, cart.freight_cents, before)


def step(
    wallet: Sequence[tuple[Template, int]], cart: Cart, state: Walked, place: int, margin: tuple[str, int] | None
) -> Walked | None:
    template, face = wallet[place]
    mine = [n for n, line in enumerate(cart.lines) if template.scope.covers(line)]
    lines = [cart.lines[n] for n in mine]
    before = [state.before[n] for n in mine]
    left = [state.left[n] for n in mine]
    floors = [
        min(amount, max(line.quantity * line.unit_floor_cents, least_left(line, margin, "floor")))
        for line, amount in zip(lines, before, strict=True)
    ]
    room = [cents - floor for cents, floor in zip(left, floors, strict=True)]
    base = sum(before) if template.minimum_on == "before" else sum(left)
    seen = Seen(tuple(lines), tuple(before), tuple(left), tuple(room), base, sum(left), state.freight, face)
    if not lines or template.kind.missing(seen) is not None:
        return None
    take = template.kind.take(seen)
    if isinstance(take.goods, int):
        part = fair_split(min(take.goods, sum(room)), left, room)
    else:
        part = [min(wanted, most) for wanted, most in zip(take.goods, room, strict=True)]
    off_freight = min(take.freight, state.freight)
    if not sum(part) + off_freight and not (take.gifts or take.points or take.red_packet_cents):
        return None
    shares = [0] * len(cart.lines)
    rest = list(state.left)
    for n, line, share in zip(mine, lines, part, strict=True):
        shares[n] = share
        rest[n] -= share
        if share and rest[n] < least_left(line, margin, "refuse"):
            return None
    saving = state.saving + sum(part) + off_freight
    freight = state.freight - off_freight
    return Walked((*state.path, place), saving, (*state.shares, tuple(shares)), tuple(rest), freight, state.before)


def every_sequence(
    wallet: Sequence[tuple[Template, int]], cart: Cart, rules: Mapping[str, Any], margin: tuple[str, int] | None = None
) -> Iterator[Walked]:
    """Every sequence of coupons that may meet and that all apply, the empty one first."""
    most = 1 if rules.get("mode") == "single" else rules.get("max_coupons", 5)

    def below(state: Walked) -> Iterator[Walked]:
        yield state
        if len(state.path) == most:
            return
        for place, (template, _) in enumerate(wallet):
            if place in state.path or not all(may_meet(template, wallet[p][0], rules) for p in state.path):
                continue
            after = step(wallet, cart, state, place, margin)
            if after is not None:
                yield from below(after)

    return below(start(cart))


def best_set(sequences: Sequence[Walked], rank: Sequence[Any]) -> tuple[int, tuple[Any, ...]]:
    """The largest saving, and among equals the set with fewer coupons, then with the first ends (``rank``)."""
    found = min(sequences, key=lambda one: (-one.saving, len(one.path), sorted(rank[p] for p in one.path)))
    return found.saving, tuple(sorted(rank[p] for p in found.path))
