"""Connected components as Ibis expressions: what is linked to what, on DuckDB or Spark, for tables larger than memory.

In: a table of links between nodes of any type that has an order (strings, integers). Out: every node with the least
node that it is connected to. Alternating large-star and small-star (Kiveris et al. 2014, "Connected components in
MapReduce and beyond"): each round hangs every node's neighbours under the least of them, until the links are stars.
O(log² n) rounds, in practice below ten; a round is a sort. A null end links nothing.
"""

from __future__ import annotations

from typing import Any

import ibis
from ibis.expr.types import Table

from features.engine import keep
from features.errors import InputError
from models.abuse.rings.linking import LEAST_STRENGTH

MOST_ROUNDS = 100


def components(con: Any, links: Table, *, least: float = LEAST_STRENGTH, name: str = "components") -> Table:
    """(node, component): the least node of the component of every node of ``links`` (a, b and, if any, strength).

    Links weaker than ``least`` do not count, nor do nodes without any other. ``name`` prefixes the tables kept on the
    way, so that two runs on one connection do not meet. Raises InputError when the links have no ``a`` and ``b``.
    """
    if not {"a", "b"} <= set(links.columns):
        raise InputError("links", list(links.columns), "columns a and b, and strength where links have one")
    if "strength" in links.columns:
        links = links.filter(links.strength >= least)
    ends = links.filter(links.a.notnull(), links.b.notnull())
    edges = ends.select(node=ibis.greatest(ends.a, ends.b), root=ibis.least(ends.a, ends.b)).distinct()
    edges = keep(con, f"{name}_0", edges)
    for number in range(1, MOST_ROUNDS):
        edges = keep(con, f"{name}_{number}", _small_star(_large_star(edges)))
        if _are_stars(con, edges):
            break
    else:
        raise RuntimeError(f"links are not stars after {MOST_ROUNDS} rounds")
    leaves = edges.filter(edges.node != edges.root).select("node", component="root")
    roots = edges.select(node="root", component="root")
    return keep(con, name, ibis.union(leaves, roots, distinct=True))


def _large_star(edges: Table) -> Table:
    """Each node's greater neighbours hang under the least of its neighbours and itself."""
    both = _both_ways(edges)
    least = ibis.least(both.other.min().over(ibis.window(group_by="node")), both.node)
    return both.mutate(least=least).filter(lambda t: t.other >= t.node).select(node="other", root="least").distinct()


def _small_star(edges: Table) -> Table:
    """Each node and its lesser neighbours hang under the least of these."""
    least = edges.root.min().over(ibis.window(group_by="node"))
    found = edges.mutate(least=least)
    # Both ends in one pass: on Spark a table named twice is a plan twice as large in the next round.
    ends = found.mutate(end=ibis.array([found.node, found.root]).unnest())
    return ends.select(node="end", root="least").distinct()


def _both_ways(edges: Table) -> Table:
    sides = edges.mutate(side=ibis.array([0, 1]).unnest())
    return sides.select(
        node=ibis.ifelse(sides.side == 0, sides.node, sides.root),
        other=ibis.ifelse(sides.side == 0, sides.root, sides.node),
    )


def _are_stars(con: Any, edges: Table) -> bool:
    """Whether every node hangs under one root, and every root under itself."""
    hung = edges.group_by("node").aggregate(least=edges.root.min(), most=edges.root.max())
    loose = hung.filter(hung.least != hung.most).select("node")
    tops = edges.select(top="root").distinct()
    moved = edges.filter(edges.node != edges.root).semi_join(tops, edges.node == tops.top).select("node")
    return int(con.to_pandas(ibis.union(loose, moved).count())) == 0
