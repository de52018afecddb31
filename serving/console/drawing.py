"""Pieces of drawings: words, markers, the frame of an SVG, and the table that says what a drawing shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from serving.console.axes import Text

WIDTH = 480.0
DASHES = ("", "7 4", "2 3", "10 3 2 3", "5 2", "1 4", "12 4")
SERIES = len(DASHES)
_ROWS = 40
_SVG = Markup('<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img"><title>{}</title><desc>{}</desc>{}</svg>')
_TABLE = Markup(
    '<div class="scroll" tabindex="0" role="region" aria-label="{}">'
    "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
)


def word(x: float, y: float, text: str, anchor: str = "start") -> Markup:
    """A text at a place; ``anchor`` is start, middle or end."""
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def marker(n: int, x: float, y: float, title: str = "") -> Markup:
    """The sign of series ``n``: circle, square, triangle, diamond, and again."""
    shapes = (
        f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
        f"M{x - 3:.1f} {y - 3:.1f}h6v6h-6z",
        f"M{x:.1f} {y - 4:.1f}l4 7h-8z",
        f"M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4 -4z",
    )
    said = Markup("<title>{}</title>").format(title) if title else ""
    return Markup('<path class="f{}" d="{}">{}</path>').format(n % SERIES + 1, shapes[n % len(shapes)], said)


def stroke(n: int, path: str) -> Markup:
    """A line of series ``n`` along an SVG path: its colour and its dash."""
    dash = Markup(' stroke-dasharray="{}"').format(DASHES[n % SERIES]) if n % SERIES else ""
    return Markup('<path class="line s{}"{} d="{}"/>').format(n % SERIES + 1, dash, path)


def figure(parts: Iterable[Markup], height: float, label: str, said: str, rows: Markup) -> Markup:
    """The drawing with its name and a sentence for who cannot see it, and the table to unfold."""
    drawn = _SVG.format(WIDTH, height, label, said, Markup().join(parts))
    return Markup('<figure class="drawing">{}<details><summary>{}</summary>{}</details></figure>').format(
        drawn, label, rows
    )


def nothing(label: str) -> Markup:
    """What stands where there is nothing to draw."""
    return Markup('<p class="empty">{}: –</p>').format(label)


def table(label: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """The figures of a drawing; the first column names the row."""
    head = Markup().join(
        Markup('<th scope="col" class="num">{}</th>').format(name)
        if n and name
        else (Markup('<th scope="col">{}</th>').format(name) if name else Markup("<td></td>"))
        for n, name in enumerate(heads)
    )
    body = Markup().join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            first, Markup().join(Markup('<td class="num">{}</td>').format(value) for value in rest)
        )
        for first, *rest in rows
    )
    return _TABLE.format(label, head, body)


def evenly(count: int) -> list[int]:
    """Which of so many rows a table shows: all, or an even choice with both ends."""
    if count <= _ROWS:
        return list(range(count))
    return sorted({round(n * (count - 1) / (_ROWS - 1)) for n in range(_ROWS)})


def ranged(value: float, low: float | None, high: float | None, text: Text) -> str:
    """A value with its interval; a dash for what is not finite."""
    if not math.isfinite(value):
        return "–"
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return text(value)
    return f"{text(value)} ({text(low)} – {text(high)})"
