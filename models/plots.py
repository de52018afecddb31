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
_QUIET = COLOURS[6]
_AGREE = Words("predicted = observed", "预测 = 实测")
_OBSERVED = Words("observed, 95 % interval", "实测，95 % 区间")
_PREDICTED = Words("model, partial dependence", "模型，部分依赖")
_HALF = 5.2
_LETTERS_PER_INCH, _KEY_LETTERS = 13, 6  # of a legend at its size; a line's sample is about six letters wide
_FIRST_WIDE = 0x2E80  # Chinese letters take the room of two
_MOST_TICK_LETTERS = 28  # what fits below one panel of three
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
    """A named estimate with its interval; a quiet one is drawn grey (a reference among findings)."""

    label: Text
    value: float
    low: float
    high: float
    quiet: bool = False


@dataclass(frozen=True)
class Panel:
    """One small drawing of several: a line (m,) over ``x`` and points with bars (p,) at ``at``.

    ``ticks``: labels of the positions 0, 1, ... where x counts levels instead of measuring something.
    """

    title: Text
    x: ArrayLike
    y: ArrayLike
    at: ArrayLike
    points: Sequence[Interval]
    ticks: Sequence[Text] = ()


def lines(
    curves: Sequence[Line],
    x_label: Text,
    y_label: Text,
    percent_x: bool = False,
    steps: bool = False,
    half: bool = False,
) -> str:
    """Curves on shared axes; quiet ones (chance lines, references) are drawn thin and grey.

    ``half``: to stand beside another drawing.
    """
    drawing = _Drawing(_HALF if half else 7.2, 4.2)
    axes = drawing.axes
    colours = iter(zip(COLOURS * 3, _DASHES * 3, strict=True))
    for curve in curves:
        x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
        keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).astype(int))
        colour, dash = (_QUIET, ":") if curve.quiet else next(colours)
        style = {"drawstyle": "steps-post"} if steps else {}
        axes.plot(x[keep], y[keep], color=colour, linestyle=dash, linewidth=1.2 if curve.quiet else 2.0,
                  label=drawing.key(curve.label), **style)  # fmt: skip
        if curve.low is not None and curve.high is not None:
            low, high = np.asarray(curve.low, dtype=float)[keep], np.asarray(curve.high, dtype=float)[keep]
            axes.fill_between(x[keep], low, high, color=colour, alpha=0.15, linewidth=0)
    if percent_x:
        axes.xaxis.set_major_formatter(_ticker().PercentFormatter(1.0))
    drawing.legend_above()
    return drawing.svg(x_label, y_label)


def intervals(rows: Sequence[Interval], x_label: Text, reference: float | None = 0.0, signed: bool = False) -> str:
    """Estimates with intervals, one row each, first on top; ``reference`` is a vertical line.

    ``signed``: rows whose whole interval is below zero get a colour of their own.
    """
    drawing = _Drawing(7.2, 0.9 + 0.42 * len(rows))
    axes = drawing.axes
    if reference is not None:
        axes.axvline(reference, color=_QUIET, linewidth=1.2, linestyle=":")
    for i, row in enumerate(rows):
        colour = _QUIET if row.quiet else COLOURS[1] if signed and row.high < 0 else COLOURS[0]
        axes.plot([row.low, row.high], [i, i], color=colour, linewidth=2.0, solid_capstyle="butt")
        axes.plot([row.value], [i], marker="o", color=colour, markersize=6)
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


def calibration(points: Sequence[tuple[float, Interval]], x_label: Text, y_label: Text) -> str:
    """Predicted against observed: (predicted, observed with its interval) and the line on which both agree."""
    drawing = _Drawing(_HALF, 4.2)
    axes = drawing.axes
    x = np.array([predicted for predicted, _ in points])
    heights = np.array([[row.low, row.value, row.high] for _, row in points])
    ends = np.array([min(x.min(), heights[:, 1].min(), 0.0), max(x.max(), heights[:, 1].max(), 0.0)])
    axes.axhline(0, color=_GRID, linewidth=1.2)
    axes.plot(ends, ends, color=_QUIET, linewidth=1.2, linestyle=":", label=drawing.key(_AGREE))
    axes.vlines(x, heights[:, 0], heights[:, 2], color=COLOURS[0], linewidth=2.0)
    axes.plot(x, heights[:, 1], "o", color=COLOURS[0], markersize=6, label=drawing.key(_OBSERVED))
    axes.xaxis.set_major_locator(_ticker().MaxNLocator(6))
    drawing.legend_above()
    return drawing.svg(x_label, y_label)


def columns(
    groups: Sequence[Interval], x_label: Text, y_label: Text, line: Sequence[float] = (), line_label: Text = ""
) -> str:
    """One bar with its interval per group, and a second series as a line over the same groups."""
    drawing = _Drawing(_HALF, 4.2)
    axes, at = drawing.axes, range(len(groups))
    axes.axhline(0, color=_QUIET, linewidth=1.0)
    axes.bar(at, [group.value for group in groups], color=COLOURS[5], width=0.7, label=drawing.key(_OBSERVED))
    axes.vlines(at, [group.low for group in groups], [group.high for group in groups], color=_INK, linewidth=1.4)
    if len(line):
        axes.plot(at, line, color=COLOURS[1], marker="o", markersize=4, linewidth=1.6, label=drawing.key(line_label))
    axes.set_xticks(at, [drawing.key(group.label) for group in groups])
    axes.grid(axis="x", visible=False)
    drawing.legend_above()
    return drawing.svg(x_label, y_label)


def panels(parts: Sequence[Panel], y_label: Text, across: int = 3) -> str:
    """Small drawings side by side with one y scale, each a line with points and bars."""
    down = -(-len(parts) // across)
    drawing = _Drawing(8.6, 2.6 * down + 0.3, (down, across))
    for axes, part in zip(drawing.all_axes, parts, strict=False):
        _panel(drawing, axes, part)
    for axes in drawing.all_axes[len(parts) :]:
        axes.set_visible(False)
    drawing.legend_above()
    for row in range(down):
        drawing.all_axes[row * across].set_ylabel(drawing.key(y_label), color=_INK, fontsize=9)
    return drawing.svg("", "")


def _panel(drawing: _Drawing, axes: Any, part: Panel) -> None:
    x, y, at = (np.asarray(values, dtype=float) for values in (part.x, part.y, part.at))
    axes.axhline(0, color=_QUIET, linewidth=1.0)
    axes.vlines(at, [p.low for p in part.points], [p.high for p in part.points], color=COLOURS[0], linewidth=1.6)
    observed, predicted = drawing.key(_OBSERVED), drawing.key(_PREDICTED)
    axes.plot(at, [p.value for p in part.points], "o", color=COLOURS[0], markersize=4, label=observed)
    marks = (
        {"marker": "_", "markersize": 16, "markeredgewidth": 2.2, "linestyle": ""} if part.ticks else {"linewidth": 1.8}
    )
    axes.plot(x, y, color=COLOURS[1], label=predicted, **marks)
    axes.set_title(drawing.key(part.title), color=_INK, fontsize=10)
    axes.tick_params(labelsize=8)
    if part.ticks:
        # Level names are as long as they like: turned, they take height instead of running into each other.
        long = sum(max(4, len(_english(tick))) for tick in part.ticks) > _MOST_TICK_LETTERS
        turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
        axes.set_xticks(range(len(part.ticks)), [drawing.key(tick) for tick in part.ticks], **turned)
        axes.set_xlim(-0.6, len(part.ticks) - 0.4)
    else:
        axes.xaxis.set_major_locator(_ticker().MaxNLocator(4))


class _Drawing:
    """One figure; labels go in as keys and come out as both languages."""

    def __init__(self, width: float, height: float, grid: tuple[int, int] = (1, 1)) -> None:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.labels: list[Text] = []
        self.figure: Any = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(self.figure)
        self.all_axes: list[Any] = list(self.figure.subplots(*grid, sharey=True, squeeze=False).ravel())
        self.axes: Any = self.all_axes[0]
        for axes in self.all_axes:
            axes.tick_params(colors=_INK, labelsize=10, length=0)
            axes.grid(color=_GRID, linewidth=0.8)
            axes.set_axisbelow(True)
            for side, spine in axes.spines.items():
                spine.set_visible(side in ("left", "bottom"))
                spine.set_color(_GRID)

    def legend_above(self) -> None:
        """Above the axes no curve can run through it."""
        handles, texts = self.axes.get_legend_handles_labels()  # panels repeat those of the first
        letters = _KEY_LETTERS + max((len(text) for text in texts), default=1)
        across = max(1, int(self.figure.get_figwidth() * _LETTERS_PER_INCH / letters))
        self.figure.legend(
            handles, texts, frameon=False, labelcolor=_INK, fontsize=8.5, loc="outside upper left",
            ncols=min(len(texts), across),
        )  # fmt: skip

    def key(self, label: Text) -> str:
        """Stands for a label while matplotlib measures: ASCII (it has no Chinese glyphs) and about as wide."""
        if not isinstance(label, Words) and label.isascii():
            return label.replace("$", r"\$")
        self.labels.append(label)
        wide = sum(2 if ord(letter) >= _FIRST_WIDE else 1 for letter in _english(label))
        mark = f"K{len(self.labels) - 1}Z"
        return mark + "x" * max(0, wide - len(mark))

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


def _english(label: Text) -> str:
    return label.en if isinstance(label, Words) else label


def _ticker() -> Any:
    import matplotlib.ticker

    return matplotlib.ticker
