"""The drawing of links: the same for the same links, bounded, and everything on it has room and a name."""

from __future__ import annotations

import itertools
import math
import random
import re
from datetime import datetime, timedelta

from serving.console.graph import MOST, Dot, Tie, draw, layout

AT = datetime(2026, 5, 1)


def links(users: int, things: int, seed: int = 1) -> tuple[list[Dot], list[Tie]]:
    chance = random.Random(seed)
    dots = [Dot(f"u{n}", "user", str(n), f"u{n}", f"account u{n}", f"#a{n}", None, 1 - n / users) for n in range(users)]
    dots += [
        Dot(f"d{n}", "device", "D", f"dev{n}", f"device {n}", f"#t{n}", AT, float(things - n)) for n in range(things)
    ]
    ties = [
        Tie(f"u{n}", f"d{thing}", AT + timedelta(minutes=n), strong=thing == n % things)
        for n in range(users)
        for thing in sorted({n % things, chance.randrange(things)})
    ]
    return dots, ties


def test_the_same_links_are_the_same_picture() -> None:
    dots, ties = links(40, 12)
    assert draw(dots, ties, "links").svg == draw(dots, ties, "links").svg
    assert draw(dots, ties, "links").svg == draw(list(reversed(dots)), ties, "links").svg


def test_no_two_stand_on_each_other() -> None:
    for users, things in ((1, 3), (2, 5), (4, 1), (40, 12), (120, 60)):
        dots, ties = links(users, things)
        names = [dot.key for dot in dots]
        places = layout(names[:users], names[users:], ties)
        assert len(places) == users + things
        nearest = min(math.dist(a, b) for a, b in itertools.combinations(places.values(), 2))
        assert nearest > 18, (users, things)


def test_a_thing_of_neighbours_stands_between_them() -> None:
    ties = [Tie("a", "x", AT), Tie("b", "x", AT), Tie("c", "y", AT), Tie("d", "y", AT)]
    places = layout(["a", "c", "b", "d"], ["x", "y"], ties)
    assert math.dist(places["x"], places["a"]) < math.dist(places["x"], places["c"])
    assert math.dist(places["y"], places["d"]) < math.dist(places["y"], places["b"])


def test_what_is_too_much_keeps_the_strongest_part() -> None:
    dots, ties = links(900, 150)
    drawn = draw(dots, ties, "links")
    assert drawn.users + drawn.things == MOST
    assert drawn.users >= 100
    assert drawn.svg.count('class="dot') == MOST


def test_what_holds_is_strong_and_drawn_over_the_rest() -> None:
    dots, ties = links(10, 3)
    svg = draw(dots, ties, "links").svg
    assert svg.count("tie strong") == 10
    assert svg.rindex('class="tie"') < svg.index("tie strong")


def test_names_are_escaped_and_hubs_are_named() -> None:
    dots = [
        Dot("u", "user", "1", "<b>", "<script>", "#a", None),
        Dot("i", "ip", "N", "campus", "network", "#t", AT, hub=True),
    ]
    svg = str(draw(dots, [Tie("u", "i", AT)], '"').svg)
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert re.search(r'class="dot ip hub"', svg)
    assert "campus" in svg


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = draw([], [], "links")
    assert (drawn.users, drawn.things, drawn.first, drawn.last) == (0, 0, 0, 0)
