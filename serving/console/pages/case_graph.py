"""The links of a case as dots and ties for the drawing, and as rows of the table that says the same."""

from __future__ import annotations

from dataclasses import dataclass

from serving.console.graph import Dot, Drawing, Tie, draw
from serving.console.texts import Texts
from serving.review.evidence import Evidence, Thing, mask

_NAMES = 6


@dataclass(frozen=True, slots=True)
class Shared:
    """A row of the table: the thing, its masked name, the first accounts on it, and whether it holds the ring."""

    n: int
    thing: Thing
    name: str
    users: tuple[str, ...]
    more: int
    holds: bool


def shared_rows(evidence: Evidence) -> list[Shared]:
    """Things in the order of the evidence, numbered from 1."""
    users: dict[tuple[str, str], list[str]] = {}
    for sight in evidence.sights:
        users.setdefault((sight.kind, sight.value), []).append(sight.user_id)
    holding = {(hold.kind, hold.value) for hold in evidence.holding}
    rows = []
    for n, thing in enumerate(evidence.things, 1):
        found = list(dict.fromkeys(users.get((thing.kind, thing.value), ())))
        shown = tuple(found[:_NAMES])
        rows.append(
            Shared(
                n, thing, mask(thing.kind, thing.value), shown, max(thing.members, len(found)) - len(shown),
                (thing.kind, thing.value) in holding,
            )
        )  # fmt: skip
    return rows


def drawing_of(evidence: Evidence, rows: list[Shared], t: Texts, here: str) -> Drawing:
    """The graph; ``here`` is the address of the page, so that a dot leads to its row from every page of members."""
    place = {member.user_id: n for n, member in enumerate(evidence.members, 1)}
    dots = [
        Dot(
            user_id, "user", str(n), _short(user_id), t("case.dot.user", name=user_id, n=n), f"{here}#account-{n}",
            None, 1 - n / (len(place) + 1),
        )
        for user_id, n in place.items()
    ]  # fmt: skip
    for row in rows:
        thing = row.thing
        hub = t.pair(thing.hub.en, thing.hub.zh) if thing.hub else ""
        says = t(
            "case.dot.thing", kind=t(f"kind.{thing.kind}"), name=row.name, members=thing.members,
            outsiders=thing.outsiders,
        )  # fmt: skip
        dots.append(
            Dot(
                f"{thing.kind}:{thing.value}", thing.kind, t(f"case.letter.{thing.kind}"), hub or row.name,
                f"{says} · {hub}" if hub else says, f"#thing-{row.n}", thing.first_seen, float(thing.members),
                hub=bool(hub),
            )
        )  # fmt: skip
    known = {dot.key for dot in dots}
    strong = {(hold.user_id, hold.kind, hold.value) for hold in evidence.holding}
    ties = [
        Tie(
            sight.user_id, f"{sight.kind}:{sight.value}", sight.first_seen,
            (sight.user_id, sight.kind, sight.value) in strong,
        )
        for sight in evidence.sights
        if f"{sight.kind}:{sight.value}" in known
    ]  # fmt: skip
    return draw(dots, ties, t("case.graph.label"))


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"
