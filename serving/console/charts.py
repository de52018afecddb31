"""Drawings for pages: SVG whose ink is the page's, beside a table that says the same to who cannot see it.

Series differ by colour, dash and marker. A value that is not finite leaves a gap; nothing to draw is said, not drawn.
Every text that comes in is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from serving.console.axes import Scale, Text, fitted, plain, scale_of, thinned, width_of
from serving.console.drawing import SERIES, WIDTH, evenly, figure, marker, nothing, ranged, stroke, table, word

_BOTTOM = 270.0
_NAMES = 165.0  # the most that names of bars may take


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line through (x, y), with a band from ``low`` to ``high`` where both are given."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A named value with an interval where both ends are given."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def lines(
    curves: Sequence[Curve], *, x: str, y: str, label: str, marks: Sequence[tuple[float, str]] = (), log: str = "",
    zero: bool = False, x_text: Text = plain, y_text: Text = plain,
) -> Markup:  # fmt: skip
    """Curves over a shared pair of axes named ``x`` and ``y``; ``label`` says what the drawing shows.

    ``marks`` are vertical lines with a word; ``log`` names the logarithmic axes ("x", "y", "xy"); ``zero`` keeps 0 in
    sight; ``x_text`` and ``y_text`` write the numbers of an axis.
    """
    top = 22.0 + 15 * min(len(marks), 3)
    across = scale_of([at for curve in curves for at in curve.xs] + [at for at, _ in marks], 0, 1, log="x" in log)
    ys = [value for curve in curves for value in (*curve.ys, *(curve.low or ()), *(curve.high or ()))]
    down = scale_of(ys, _BOTTOM, top, log="y" in log, zero=zero)
    if across is None or down is None:
        return nothing(label)
    left = 14 + max(width_of(y_text(tick)) for tick in down.ticks())
    across = Scale(across.low, across.high, left, WIDTH - 18, across.log)
    parts = [_axes(across, down, x, y, x_text, y_text)]
    parts += [_mark(across, n % 3, at, text) for n, (at, text) in enumerate(marks) if across.knows(at)]
    parts += [_band(curve, n, across, down) for n, curve in enumerate(curves)]
    parts += [_curve(curve, n, across, down, x_text, y_text) for n, curve in enumerate(curves)]
    legend, height = _legend([curve.name for curve in curves]) if len(curves) > 1 else (Markup(), 0.0)
    parts.append(Markup('<g transform="translate(0 {:.0f})">{}</g>').format(_BOTTOM + 42, legend))
    ends = [(curve.name, *(ranged(curve.ys[at], None, None, y_text) for at in (0, -1))) for curve in curves if curve.ys]
    said = "; ".join(f"{name}: {first} – {last}" for name, first, last in ends)
    return figure(parts, _BOTTOM + 42 + height, label, said, _lines_table(label, curves, x, y, x_text, y_text))


def bars(items: Sequence[Bar], *, unit: str, label: str, text: Text = plain) -> Markup:
    """Values side by side from 0, with whiskers for intervals; ``unit`` names the axis."""
    scale = scale_of([end for item in items for end in (item.value, item.low, item.high)], 0, 1, zero=True)
    if scale is None:
        return nothing(label)
    room = min(_NAMES, max(width_of(item.name) for item in items)) + 12
    rows = [(item.name, ranged(item.value, item.low, item.high, text)) for item in items]
    written = max(width_of(ranged(item.value, None, None, text)) for item in items) + 14
    scale = Scale(scale.low, scale.high, room + (written if scale.low < 0 else 0), WIDTH - written)
    parts = [_bar(item, n * 26.0 + 6, scale, room, text) for n, item in enumerate(items)]
    bottom = len(items) * 26.0 + 10
    parts.append(Markup('<path class="axis" d="M{:.1f} 2V{:.1f}"/>').format(scale(0), bottom))
    parts.append(word(WIDTH - 4, bottom + 12, unit, "end"))
    said = "; ".join(f"{name}: {value}" for name, value in rows)
    return figure(parts, bottom + 18, label, said, table(label, ["", unit], rows))


def funnel(
    steps: Sequence[tuple[str, float]], *, label: str, text: Text = plain, share: Text = "{:.1%}".format
) -> Markup:
    """Steps of a way that fewer and fewer go; each says how many of the step before went on."""
    scale = scale_of([value for _, value in steps], 0, 1, zero=True)
    if scale is None:
        return nothing(label)
    room = min(_NAMES, max(width_of(name) for name, _ in steps)) + 12
    written = max(width_of(ranged(value, None, None, text)) for _, value in steps) + width_of(share(1.0)) + 28
    scale = Scale(scale.low, scale.high, room, WIDTH - written)
    went_on = ["", *(share(now / before) if before else "" for (_, before), (_, now) in pairwise(steps))]
    parts = [
        _bar(Bar(name, value), n * 32.0 + 6, scale, room, text, after)
        for n, ((name, value), after) in enumerate(zip(steps, went_on, strict=True))
    ]
    rows = [(name, ranged(value, None, None, text), after) for (name, value), after in zip(steps, went_on, strict=True)]
    said = "; ".join(" ".join(row).strip() for row in rows)
    return figure(parts, len(steps) * 32.0 + 4, label, said, table(label, ["", "", "%"], rows))


def small_bars(reference: Sequence[float], current: Sequence[float], *, label: str) -> Markup:
    """A small histogram: shares now as bars over the outline of shares before; the caller's table says the numbers."""
    top = max((*reference, *current, 0.0))
    if not current or top <= 0:
        return Markup('<span class="soft">–</span>')
    width, height = 128.0, 30.0
    step = width / len(current)
    filled = Markup('<rect class="f1" opacity=".6" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    parts = [
        filled.format(n * step + 0.5, height - value / top * height, max(step - 1, 0.5), value / top * height)
        for n, value in enumerate(current)
    ]
    heights = [height - value / top * height for value in reference]
    outline = (f"{'L' if n else 'M'}{n * step:.1f} {at:.1f}h{step:.1f}" for n, at in enumerate(heights))
    parts.append(stroke(1, "".join(outline)))
    frame = Markup('<svg class="chart spark" viewBox="-1 -2 {:.0f} {:.0f}" role="img"><title>{}</title>{}</svg>')
    return frame.format(width + 2, height + 4, label, Markup().join(parts))


# -- parts -------------------------------------------------------------------------------------------------------------


def _axes(across: Scale, down: Scale, x: str, y: str, x_text: Text, y_text: Text) -> Markup:
    grid = Markup('<path class="grid" d="M{:.1f} {:.1f}H{:.1f}"/>')
    parts = [grid.format(across.start, down(tick), across.end) for tick in down.ticks()]
    parts += [word(across.start - 6, down(tick) + 4, y_text(tick), "end") for tick in down.ticks()]
    free = 0.0
    for tick in across.ticks():
        half = width_of(x_text(tick)) / 2
        at = min(across(tick), WIDTH - half)
        if at - half >= free:  # long numbers would run into each other
            parts.append(word(at, _BOTTOM + 17, x_text(tick), "middle"))
            free = at + half + 8
    axis = Markup('<path class="axis" fill="none" d="M{:.1f} {:.1f}V{:.1f}H{:.1f}"/>')
    parts.append(axis.format(across.start, down.end, _BOTTOM, across.end))
    return Markup().join([*parts, word(4, 12, y), word(WIDTH - 4, _BOTTOM + 34, x, "end")])


def _mark(across: Scale, row: int, at: float, text: str) -> Markup:
    place, right = across(at), across(at) + width_of(text) + 6 < WIDTH
    line = Markup('<path class="mark" d="M{:.1f} {:.0f}V{:.0f}"/>').format(place, 20 + 15 * row, _BOTTOM)
    return line + word(place + (4 if right else -4), 30 + 15 * row, text, "start" if right else "end")


def _curve(curve: Curve, n: int, across: Scale, down: Scale, x_text: Text, y_text: Text) -> Markup:
    path, step, known = [], "M", []
    for index in thinned(curve.ys):
        at, value = curve.xs[index], curve.ys[index]
        if not (across.knows(at) and down.knows(value)):
            step = "M"  # the line begins anew behind a gap
            continue
        path.append(f"{step}{across(at):.1f} {down(value):.1f}")
        known.append((at, value))
        step = "L"
    signs = (
        marker(n, across(at), down(value), f"{curve.name}: {x_text(at)}, {y_text(value)}")
        for at, value in known[:: max(1, len(known) // 8)]
    )
    return stroke(n, "".join(path)) + Markup().join(signs)


def _band(curve: Curve, n: int, across: Scale, down: Scale) -> Markup:
    if curve.low is None or curve.high is None:
        return Markup()
    edge = [
        (across(curve.xs[at]), down(curve.low[at]), down(curve.high[at]))
        for at in thinned(curve.ys)
        if across.knows(curve.xs[at]) and down.knows(curve.low[at]) and down.knows(curve.high[at])
    ]
    way = [f"{at:.1f},{high:.1f}" for at, _, high in edge] + [f"{at:.1f},{low:.1f}" for at, low, _ in reversed(edge)]
    return Markup('<polygon class="band f{}" points="{}"/>').format(n % SERIES + 1, " ".join(way)) if way else Markup()


def _legend(names: Sequence[str]) -> tuple[Markup, float]:
    parts, x, y = [], 8.0, 10.0
    for n, name in enumerate(names):
        shown = fitted(name, WIDTH - 60)
        wide = width_of(shown) + 48
        if x > 8 and x + wide > WIDTH:
            x, y = 8.0, y + 20
        parts += [stroke(n, f"M{x:.1f} {y:.1f}h26"), marker(n, x + 13, y), word(x + 32, y + 4, shown)]
        x += wide
    return Markup().join(parts), y + 12


def _bar(item: Bar, y: float, scale: Scale, room: float, text: Text, after: str = "") -> Markup:
    name = word(room - 8, y + 12, fitted(item.name, room - 10), "end")
    if not scale.knows(item.value):
        return name + word(scale(0) + 6, y + 12, "–")
    ends = [scale(0), scale(item.value)]
    said = f"{item.name}: {ranged(item.value, item.low, item.high, text)}"
    bar = Markup('<rect class="f1" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="16"><title>{}</title></rect>')
    drawn = name + bar.format(min(ends), y, max(ends) - min(ends), said)
    if item.low is not None and item.high is not None and scale.knows(item.low) and scale.knows(item.high):
        low, high = scale(item.low), scale(item.high)
        ends += [low, high]
        whisker = Markup('<path class="whisker" d="M{0:.1f} {2:.1f}v8M{0:.1f} {3:.1f}H{1:.1f}M{1:.1f} {2:.1f}v8"/>')
        drawn += whisker.format(low, high, y + 4, y + 8)
    at, anchor = (max(ends) + 6, "start") if item.value >= 0 else (min(ends) - 6, "end")
    return drawn + word(at, y + 12, f"{text(item.value)} · {after}" if after else text(item.value), anchor)


def _lines_table(label: str, curves: Sequence[Curve], x: str, y: str, x_text: Text, y_text: Text) -> Markup:
    """One row per x where curves share theirs, else one per point; of many points an even choice."""

    def shown(curve: Curve, at: int) -> str:
        low, high = (side[at] if side is not None else None for side in (curve.low, curve.high))
        return ranged(curve.ys[at], low, high, y_text)

    def where(curve: Curve, at: int) -> str:
        return ranged(curve.xs[at], None, None, x_text)

    first = curves[0]
    if all(list(curve.xs) == list(first.xs) for curve in curves):
        rows = [[where(first, at), *(shown(curve, at) for curve in curves)] for at in evenly(len(first.xs))]
        return table(label, [x, *(f"{curve.name} ({y})" for curve in curves)], rows)
    apart = [[curve.name, where(curve, at), shown(curve, at)] for curve in curves for at in evenly(len(curve.xs))]
    return table(label, ["", x, y], apart)
