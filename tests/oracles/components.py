"""Rings the plain way, written apart from the product: dictionaries of sets, one link at a time, and flooding.

One rule of growth: of a company of more than ``large`` accounts, a ring is what strong links hold together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import networkx as nx

Link = tuple[int, int, int, int, float]  # at, row, a, b, strength
CARRIED, RISE = 0.97, 0.002


@dataclass
class Rings:
    """Every account's company as a set that its members share: by every link, and by strong ones alone."""

    large: int
    strong: float
    of: dict[int, set[int]] = field(default_factory=dict)
    core: dict[int, set[int]] = field(default_factory=dict)

    def ring(self, account: int) -> set[int]:
        company = self.of.get(account, {account})
        return company if len(company) <= self.large else self.core.get(account, {account})

    def join(self, a: int, b: int, strength: float) -> None:
        for held in [self.of, self.core] if strength >= self.strong else [self.of]:
            both = held.get(a, {a}) | held.get(b, {b})
            held.update(dict.fromkeys(both, both))


def sizes(user: Sequence[int], links: Iterable[Link], large: int, strong: float) -> list[int]:
    """Size of the ring of every row's user, with the links that the row and earlier ones make."""
    rings, waiting, found = Rings(large, strong), sorted(links, key=lambda link: link[1]), []
    for row, account in enumerate(user):
        while waiting and waiting[0][1] == row:
            _, _, a, b, strength = waiting.pop(0)
            rings.join(a, b, strength)
        found.append(len(rings.ring(account)))
    return found


def carried(
    accounts: int, links: Iterable[Link], row_score: Sequence[float], threshold: float, large: int, strong: float
) -> tuple[list[float], list[int], list[frozenset[int]]]:
    """Score, since when (-1: never) and ring of every account."""
    rings = Rings(large, strong)
    proofs: dict[tuple[bool, int], float] = {}  # by account: of its whole company, and of its core
    score, since = [0.0] * accounts, [-1] * accounts
    for at, row, a, b, strength in links:
        small = len(rings.of.get(a, {a}) | rings.of.get(b, {b})) <= large
        for core in (False, True):
            held = rings.core if core else rings.of
            if core and strength < strong:
                continue
            sides = [(set(held.get(end, {end})), proofs.get((core, end), 0.0)) for end in (a, b)]
            highest = max(row_score[row], *(had for _, had in sides))
            for members, had in sides:
                for member in members:
                    proofs[core, member] = highest
                told = highest > had + RISE or had < threshold / CARRIED <= highest
                for member in members if told and core != small else ():
                    score[member] = max(score[member], CARRIED * highest)
                    if CARRIED * highest >= threshold and since[member] < 0:
                        since[member] = at
        rings.join(a, b, strength)
    return score, since, [frozenset(rings.ring(i)) for i in range(accounts)]


def chained(rows: Iterable[tuple[str | None, int, int]], reach: int) -> list[tuple[int, int]]:
    """Pairs of rows of (value, user, at) in time order that are linked: each user's first row on a value with the last
    and with the first user's, if strictly earlier and within ``reach``; a longer silence starts afresh."""
    latest: dict[str, int] = {}
    opening: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    told = list(rows)
    found = []
    for row, (value, user, at) in enumerate(told):
        if value is None or (value, user) in seen:
            continue
        seen.add((value, user))
        if value not in latest or at - told[latest[value]][2] > reach:
            opening[value] = row
        for before in {latest.get(value, row), opening[value]} - {row}:
            if told[before][2] < at and at - told[before][2] <= reach:
                found.append((before, row))
        latest[value] = row
    return sorted(found)


def partition(nodes: Iterable[object], edges: Iterable[tuple[object, object]]) -> set[frozenset[object]]:
    """Connected components by networkx."""
    graph = nx.Graph(list(edges))
    graph.add_nodes_from(nodes)
    return {frozenset(part) for part in nx.connected_components(graph)}


def bridges(edges: Sequence[tuple[int, int]]) -> set[int]:
    """Positions of the edges without which their ends are no longer connected: try every one."""
    nodes = {node for edge in edges for node in edge}
    whole = len(partition(nodes, edges))
    return {i for i in range(len(edges)) if len(partition(nodes, [*edges[:i], *edges[i + 1 :]])) > whole}


Weighted = tuple[int, int, float]


def cut(
    nodes: Iterable[int], links: Sequence[Weighted], large: int, strong: float, least: float
) -> set[frozenset[int]]:
    """Clusters by raising the bar over whole graphs, again and again; ``models.abuse.rings.waists`` says the rules."""
    enough = [link for link in links if link[2] >= least]
    found: set[frozenset[int]] = set()
    for part in _above(frozenset(nodes), enough, 0.0):
        if len(part) <= large:
            found.add(part)
            continue
        held = [link for link in links if link[2] >= strong]
        for piece in _above(part, held, 0.0):
            found |= {piece} if len(piece) <= large else _best(piece, held, strong)[1]
    return found | {frozenset([node]) for node in set(nodes) - {n for part in found for n in part}}


def _above(nodes: frozenset[int], links: Sequence[Weighted], bar: float) -> list[frozenset[int]]:
    edges = [(a, b) for a, b, s in links if s > bar and a in nodes and b in nodes]
    return sorted(partition(nodes, edges), key=min)  # type: ignore[arg-type, type-var]


def _holds(nodes: frozenset[int], links: Sequence[Weighted]) -> float:
    """The strength above which the nodes are no longer together."""
    inside = {s for a, b, s in links if a in nodes and b in nodes}
    return min(bar for bar in inside if len(_above(nodes, links, bar)) > 1)


def _best(nodes: frozenset[int], links: Sequence[Weighted], born: float) -> tuple[float, set[frozenset[int]]]:
    """Mass and clusters of a piece: itself, or its parts where these have more."""
    mass, rest, lost = 0.0, nodes, set()
    while True:
        bar = _holds(rest, links)
        parts = _above(rest, links, bar)
        big = [part for part in parts if len(part) >= 3]
        lost |= {part for part in parts if 1 < len(part) < 3}
        leaving = len(rest) - (len(big[0]) if len(big) == 1 else 0)
        mass += leaving * (bar - born)
        if len(big) != 1:
            break
        rest = big[0]
    within = [_best(part, links, bar) for part in big]
    if mass >= sum(value for value, _ in within) - 1e-12:
        return mass, {nodes}
    return sum(value for value, _ in within), lost.union(*(found for _, found in within))
