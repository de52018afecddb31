"""What the evidence of a case must be, in plain Python from the rows: slow, obvious, and apart from the product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import networkx as nx

Row = Mapping[str, Any]
Thing = tuple[str, str]


def totals(rows: Mapping[str, list[dict[str, Any]]], members: Collection[str], now: datetime) -> dict[str, int]:
    """Coupons and cents of the members by ``now``."""
    claimed = [row for row in rows["coupons"] if row["user_id"] in members and row["claimed_at"] <= now]
    unused = 0
    for row in claimed:
        if row["state"] in ("unused", "held"):
            unused += row["face_cents"] * (row["uses"] - row["used"])
    paid = {
        row["hold_id"]
        for row in rows["orders"]
        if row["user_id"] in members and row["state"] == "redeemed" and row["redeemed_at"] <= now
    }
    taken = back = 0
    for row in rows["order_coupons"]:
        if row["hold_id"] in paid:
            taken += row["discount_cents"]
            back += row["refunded_share_cents"]
    return {
        "coupons": len(claimed),
        "unused_cents": unused,
        "redeemed_cents": taken,
        "refunded_cents": back,
        "at_risk_cents": unused + taken - back,
    }


def accounts_on(rows: Mapping[str, list[dict[str, Any]]], now: datetime) -> dict[Thing, set[str]]:
    """Who was seen on each thing by ``now``."""
    found: defaultdict[Thing, set[str]] = defaultdict(set)
    for row in rows["coupons"]:
        for kind in ("device", "ip", "address"):
            if row[kind] is not None and row["claimed_at"] <= now:
                found[kind, row[kind]].add(row["user_id"])
    for row in rows["user_links"]:
        if row["first_seen"] <= now:
            found[row["kind"], row["value"]].add(row["user_id"])
    return found


def forest(
    links: Iterable[tuple[str, Thing]], strengths: Mapping[Thing, float]
) -> tuple[float, int, set[frozenset[str]]]:
    """Total strength and number of links of the strongest forest, and the groups of members it keeps together.

    Links to things that only one member has are no part of it.
    """
    graph = nx.Graph()
    for user_id, thing in links:
        if thing in strengths:
            graph.add_edge(("user", user_id), ("thing", thing), weight=strengths[thing])
    graph.remove_nodes_from([node for node, degree in list(graph.degree()) if node[0] == "thing" and degree < 2])
    strongest = nx.maximum_spanning_tree(graph)
    leaves = [node for node, degree in strongest.degree() if node[0] == "thing" and degree < 2]
    strongest.remove_nodes_from(leaves)
    groups = {
        frozenset(name for what, name in component if what == "user") for component in nx.connected_components(graph)
    }
    weight = sum(data["weight"] for _, _, data in strongest.edges(data=True))
    return weight, strongest.number_of_edges(), {group for group in groups if len(group) > 1}
