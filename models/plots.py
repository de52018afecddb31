"""Drawings for reports: a few plain forms as SVG text, readable in two languages, light or dark, and without colour.

matplotlib draws in memory (no display, no global state). Text stays text, so the browser's fonts show it, every label
can carry both languages, and ink and grid follow the page's colours. Colours are those of Okabe and Ito (2008), and
lines differ by dash as well.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.report import Text, Words

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
_INK, _GRID = "#101827", "#d1d5da"  # replaced by the page's own colours
_MOST_POINTS = 400  # a curve of 64,000 points looks the same and makes the page a hundred times larger


@dataclass(frozen=True)
class Line:
    """A curve: (m,) points and, if given, the (m,) lower and upper ends of its band."""

    label: Text
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Interval:
    """A named estimate with its interval."""

    label: Text
    value: float
    low: float
    high: float


def lines(curves: Sequence[Line], x_label: Text, y_label: Text, percent_x: bool = False, steps: bool = False) -> str:
    """Curves on shared axes; quiet ones (chance lines, references) are drawn thin and grey."""
    drawing = _Drawing(7.2, 4.2)
    axes = drawing.axes
    colours = iter(zip(COLOURS * 3, _DASHES * 3, strict=True))
    for curve in curves:
        x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
        keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).astype(int))
        colour, dash = ("#8c8c8c", ":") if curve.quiet else next(colours)
        style = {"drawstyle": "steps-post"} if steps else {}
        axes.plot(x[keep], y[keep], color=colour, linestyle=dash, linewidth=1.2 if curve.quiet else 2.0,
                  label=drawing.key(curve.label), **style)  # fmt: skip
        if curve.low is not None and curve.high is not None:
            low, high = np.asarray(curve.low, dtype=float)[keep], np.asarray(curve.high, dtype=float)[keep]
            axes.fill_between(x[keep], low, high, color=colour, alpha=0.15, linewidth=0)
    if percent_x:
        axes.xaxis.set_major_formatter(_ticker().PercentFormatter(1.0))
    axes.legend(frameon=False, labelcolor=_INK, fontsize=10)
    return drawing.svg(x_label, y_label)


def intervals(rows: Sequence[Interval], x_label: Text, reference: float | None = 0.0) -> str:
    """Estimates with intervals, one row each, first on top; ``reference`` is a vertical line."""
    drawing = _Drawing(7.2, 0.9 + 0.42 * len(rows))
    axes = drawing.axes
    if reference is not None:
        axes.axvline(reference, color="#8c8c8c", linewidth=1.2, linestyle=":")
    for i, row in enumerate(rows):
        axes.plot([row.low, row.high], [i, i], color=COLOURS[0], linewidth=2.0, solid_capstyle="butt")
        axes.plot([row.value], [i], marker="o", color=COLOURS[0], markersize=6)
    axes.set_yticks(range(len(rows)), [drawing.key(row.label) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    return drawing.svg(x_label, "")


def bars(labels: Sequence[Text], heights: Sequence[float], y_label: Text, x_label: Text = "") -> str:
    """One bar per label."""
    if len(labels) != len(heights):
        raise InputError("bars", (len(labels), len(heights)), "one height per label")
    drawing = _Drawing(7.2, 3.6)
    drawing.axes.bar(range(len(labels)), np.asarray(heights, dtype=float), color=COLOURS[0], width=0.7)
    drawing.axes.set_xticks(range(len(labels)), [drawing.key(label) for label in labels])
    drawing.axes.grid(axis="x", visible=False)
    return drawing.svg(x_label, y_label)


class _Drawing:
    """One figure; labels go in as keys and come out as both languages."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.labels: list[Text] = []
        self.figure: Any = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(self.figure)
        self.axes: Any = self.figure.add_subplot()
        self.axes.tick_params(colors=_INK, labelsize=10, length=0)
        self.axes.grid(color=_GRID, linewidth=0.8)
        self.axes.set_axisbelow(True)
        for side, spine in self.axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(_GRID)

    def key(self, label: Text) -> str:
        """Stands for a label while matplotlib measures: ASCII (it has no Chinese glyphs) and about as wide."""
        if not isinstance(label, Words) and label.isascii():
            return label.replace("$", r"\$")
        self.labels.append(label)
        english = label.en if isinstance(label, Words) else label
        mark = f"K{len(self.labels) - 1}Z"
        return mark + "x" * max(0, len(english) - len(mark))

    def svg(self, x_label: Text, y_label: Text) -> str:
        import matplotlib as mpl

        for setter, label in ((self.axes.set_xlabel, x_label), (self.axes.set_ylabel, y_label)):
            if label:
                setter(self.key(label), color=_INK, fontsize=10)
        buffer = io.StringIO()
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fairdeal", "font.family": "sans-serif"}):
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = buffer.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = re.sub(r"font: (\d+)px [^;\"]*", r"font-size: \1px; font-family: inherit", text)
        text = text.replace(_INK, "currentColor").replace(_GRID, "var(--line, #d1d5da)")
        return re.sub(r"K(\d+)Zx*", lambda found: _both(self.labels[int(found[1])]), text)


def _both(label: Text) -> str:
    if not isinstance(label, Words):
        return html.escape(label)
    return f'<tspan lang="en">{html.escape(label.en)}</tspan><tspan lang="zh">{html.escape(label.zh)}</tspan>'


def _ticker() -> Any:
    import matplotlib.ticker

    return matplotlib.ticker
