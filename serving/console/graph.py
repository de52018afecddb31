"""The links of a case drawn: accounts on a circle, what they share inside it; the same picture for the same links.

Things stand at the middle of the accounts that use them, so that a device of four accounts is seen between the four,
and a value that everybody has is seen at the centre. Nothing is random. Kinds differ by shape, colour and letter.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

MOST = 200
_MOST_THINGS = 80
# Up to so many accounts have their names written beside them; more would cover each other.
_NAMED = 26
_ROOM = 34.0  # pixels between the middles of two neighbours
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are UTC without a zone
# Outlines about a middle of (0, 0); a circle has none and is an account.
_SHAPES = {
    "device": "M-10-10h20v20h-20z",
    "ip": "M0-13 13 0 0 13-13 0z",
    "address": "M0-13 12-2 9 11H-9L-12-2z",
    "phone": "M-7-12H7V12H-7z",
    "identity": "M-6-11H6L12 0 6 11H-6L-12 0z",
}


@dataclass(frozen=True, slots=True)
class Dot:
    """An account (``kind`` "user") or a thing. ``letter`` is written in it, ``name`` beside it, ``says`` is what a
    screen reader says; ``href`` leads to its row of the table; ``rank`` says what stays when there are too many."""

    key: str
    kind: str
    letter: str
    name: str
    says: str
    href: str
    at: datetime | None
    rank: float = 0.0
    hub: bool = False


@dataclass(frozen=True, slots=True)
class Tie:
    """An account uses a thing; ``strong`` when it belongs to the smallest set that holds the ring together."""

    user: str
    thing: str
    at: datetime
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """The SVG with how much of the whole it shows, and its first and last moment (minutes since 1970)."""

    svg: Markup
    users: int
    things: int
    first: int
    last: int


def minute(at: datetime) -> int:
    return int((at - _EPOCH).total_seconds() // 60)


def draw(dots: Sequence[Dot], ties: Sequence[Tie], label: str, most: int = MOST) -> Drawing:
    """The strongest ``most`` dots and the links between them."""
    chosen = _strongest(dots, ties, most)
    users = [dot for dot in chosen if dot.kind == "user"]
    things = [dot for dot in chosen if dot.kind != "user"]
    keys = {dot.key for dot in chosen}
    kept = [tie for tie in ties if tie.user in keys and tie.thing in keys]
    places = layout([dot.key for dot in users], [dot.key for dot in things], kept)
    number = {dot.key: n for n, dot in enumerate(chosen)}
    # What holds the ring together is drawn last, over the other lines.
    lines = [_line(tie, number, places) for tie in sorted(kept, key=lambda tie: tie.strong)]
    shapes = [_dot(dot, number[dot.key], places[dot.key], len(users) <= _NAMED) for dot in chosen]
    moments = [minute(tie.at) for tie in kept] + [minute(dot.at) for dot in chosen if dot.at is not None]
    svg = Markup('<svg class="graph" viewBox="{}" role="group" aria-label="{}">{}{}</svg>').format(
        _frame(places.values()), label, Markup("").join(lines), Markup("").join(shapes)
    )
    return Drawing(svg, len(users), len(things), min(moments, default=0), max(moments, default=0))


def _strongest(dots: Sequence[Dot], ties: Sequence[Tie], most: int) -> list[Dot]:
    """What there is room for: things and accounts that hold the ring together first, then by rank."""
    holding = {key for tie in ties if tie.strong for key in (tie.user, tie.thing)}
    ranked = sorted(dots, key=lambda dot: (dot.key not in holding, -dot.rank, dot.key))
    users = [dot for dot in ranked if dot.kind == "user"]
    things = [dot for dot in ranked if dot.kind != "user"]
    if len(dots) > most:
        things = things[: max(_MOST_THINGS * most // MOST, most - len(users))]
        users = users[: most - len(things)]
    return [*users, *things]


def layout(users: Sequence[str], things: Sequence[str], ties: Iterable[Tie]) -> dict[str, tuple[float, float]]:
    """Where each stands, in pixels about the middle; depends on nothing but what is given."""
    of_thing: dict[str, list[str]] = defaultdict(list)
    of_user: dict[str, list[str]] = defaultdict(list)
    for tie in ties:
        of_thing[tie.thing].append(tie.user)
        of_user[tie.user].append(tie.thing)
    radius = max(170.0, len(users) * _ROOM / (2 * math.pi)) if len(users) > 1 else 0.0
    places: dict[str, tuple[float, float]] = {}
    for n, key in enumerate(_walk(users, of_user, of_thing)):
        angle = 2 * math.pi * n / len(users) - math.pi / 2
        places[key] = (radius * math.cos(angle), radius * math.sin(angle))
    free = []
    for n, key in enumerate(things):
        owners = [places[user] for user in of_thing[key] if user in places]
        x = sum(place[0] for place in owners) / max(len(owners), 1)
        y = sum(place[1] for place in owners) / max(len(owners), 1)
        # What one account alone has stands outside the circle, what several share inside it.
        far = 0.72 if len(owners) != 1 else 1.35
        turn = n * math.pi * (3 - math.sqrt(5))
        aside = 8 if radius else 120
        free.append((far * x + aside * math.cos(turn), far * y + aside * math.sin(turn)))
    fixed = list(places.values())
    places.update(zip(things, _spread(fixed, free), strict=True))
    return places


def _walk(
    users: Sequence[str], of_user: Mapping[str, Sequence[str]], of_thing: Mapping[str, Sequence[str]]
) -> list[str]:
    """Accounts in an order that puts those who share something next to each other, the rarest thing first."""
    known = set(users)
    seen: dict[str, None] = {}
    for start in users:
        stack = [start]
        while stack:
            user = stack.pop()
            if user in seen or user not in known:
                continue
            seen[user] = None
            shared = sorted(of_user.get(user, ()), key=lambda thing: (-len(of_thing[thing]), thing))
            for thing in shared:
                stack.extend(other for other in reversed(of_thing[thing]) if other not in seen)
    return list(seen)


def _spread(fixed: Sequence[tuple[float, float]], free: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The free ones pushed off each other and off the fixed ones until there is room, or some steps are done."""
    if not free:
        return []
    at: NDArray[np.float64] = np.asarray(free, dtype=float)
    still: NDArray[np.float64] = np.asarray(fixed, dtype=float).reshape(-1, 2)
    for _ in range(80):
        everyone = np.vstack([at, still])
        apart = at[:, None, :] - everyone[None, :, :]
        distance = np.hypot(apart[..., 0], apart[..., 1])
        np.fill_diagonal(distance, np.inf)
        missing = np.clip(_ROOM * 1.25 - distance, 0, None)
        if not missing.any():
            break
        push = missing / np.maximum(distance, 1e-6)
        at = at + 0.5 * (apart * push[..., None]).sum(axis=1)
    return [(float(x), float(y)) for x, y in at]


def _frame(places: Iterable[tuple[float, float]]) -> str:
    found = list(places) or [(0.0, 0.0)]
    left, right = min(x for x, _ in found), max(x for x, _ in found)
    top, bottom = min(y for _, y in found), max(y for _, y in found)
    side, head = 110, 40  # names stand beside, and below
    return f"{left - side:.0f} {top - head:.0f} {right - left + 2 * side:.0f} {bottom - top + 2 * head + 10:.0f}"


def _line(tie: Tie, number: Mapping[str, int], places: Mapping[str, tuple[float, float]]) -> Markup:
    (x1, y1), (x2, y2) = places[tie.user], places[tie.thing]
    return Markup(
        '<line class="tie{}" x1="{:.0f}" y1="{:.0f}" x2="{:.0f}" y2="{:.0f}" data-ends="{} {}" data-at="{}"/>'
    ).format(" strong" if tie.strong else "", x1, y1, x2, y2, number[tie.user], number[tie.thing], minute(tie.at))


def _dot(dot: Dot, number: int, place: tuple[float, float], named: bool) -> Markup:
    x, y = place
    outline = _SHAPES.get(dot.kind)
    shape = Markup('<path d="{}"/>').format(outline) if outline else Markup('<circle r="12"/>')
    name = Markup("")
    if dot.name and (named or dot.hub):
        # Names of accounts stand outside the circle, those of things below.
        if dot.kind == "user" and abs(x) > 40:
            side = "end" if x < 0 else "start"
            name = Markup('<text class="name {}" x="{}" y="4">{}</text>').format(side, -17 if x < 0 else 17, dot.name)
        else:
            up = dot.kind == "user" and y < 0
            name = Markup('<text class="name" y="{}">{}</text>').format(-18 if up else 26, dot.name)
    at = "" if dot.at is None else Markup(' data-at="{}"').format(minute(dot.at))
    return Markup('<a class="dot {}{}" href="{}" aria-label="{}" data-n="{}" transform="translate({})"{}>'
                  '<title>{}</title>{}<text class="letter" y="4">{}</text>{}</a>').format(
        dot.kind, " hub" if dot.hub else "", dot.href, dot.says, number, f"{x:.0f} {y:.0f}", at,
        dot.says, shape, dot.letter, name,
    )  # fmt: skip
