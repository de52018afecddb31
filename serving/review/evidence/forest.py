"""Which links hold a ring together: the strongest forest over members and the things they share, and nothing else.

Members and things are the two sides of a graph, a sighting is a link. Of all ways to keep together what is together,
the forest takes the strongest links (Kruskal, strongest first); a thing that in the end touches one member holds
nobody and is left out. How strong a link is follows ``features.links``: how far a thing of its kind says the same
hand, and less for a crowd. There only accounts in regular use make a crowd; of an account that the ledger knows
nothing of nobody can say whether it is, so it counts a quarter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from serving.review.evidence.parts import Hold

# As in features.links (CONFIDENCE, CROWD) and the best that a device id can say; a test keeps them equal.
CONFIDENCE: Mapping[str, float] = {"identity": 1.0, "phone": 0.95, "device": 0.95, "address": 0.8, "ip": 0.5}
CROWD: Mapping[str, int] = {"device": 20, "ip": 50, "address": 20}
CROWD_ELSE = 20
UNKNOWN = 0.25

Thing = tuple[str, str]


def strength(kind: str, outsiders: int, settled: int) -> float:
    """From 0 to 1: how far sharing this thing says the same hand, with so many others on it.

    >>> strength("device", 0, 0), round(strength("ip", 61, 61), 3)
    (0.95, 0.201)
    """
    many = (settled + UNKNOWN * (outsiders - settled)) / CROWD.get(kind, CROWD_ELSE)
    return CONFIDENCE[kind] / (1.0 + many * many)


def holding(links: Iterable[tuple[str, Thing]], strengths: Mapping[Thing, float]) -> tuple[Hold, ...]:
    """The links that keep members together, strongest first; ``links`` are (member, thing), each once.

    Things without a strength link nobody. Of equally strong things the one with more members is taken, then by name,
    so that the answer is always the same.
    """
    touching: defaultdict[Thing, set[str]] = defaultdict(set)
    for user_id, thing in links:
        if thing in strengths:
            touching[thing].add(user_id)
    shared = [thing for thing, members in touching.items() if len(members) > 1]
    shared.sort(key=lambda thing: (-strengths[thing], -len(touching[thing]), thing))
    group: dict[str | Thing, str | Thing] = {}
    kept: dict[Thing, list[str]] = {}
    for thing in shared:
        kept[thing] = [user_id for user_id in sorted(touching[thing]) if _joined(group, user_id, thing)]
    return tuple(
        Hold(user_id, *thing, strengths[thing])
        for thing, members in kept.items()
        if len(members) > 1
        for user_id in members
    )


def _joined(group: dict[str | Thing, str | Thing], one: str | Thing, other: str | Thing) -> bool:
    """Put two nodes into one group; False when they were together before."""
    first, second = _root(group, one), _root(group, other)
    if first == second:
        return False
    group[first] = second
    return True


def _root(group: dict[str | Thing, str | Thing], node: str | Thing) -> str | Thing:
    root = node
    while (above := group.get(root, root)) != root:
        root = above
    while (above := group.get(node, node)) != root:  # the next one finds it at once
        group[node] = root
        node = above
    return root
