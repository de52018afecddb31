"""What the threshold tool shows: the sweep that the backtest of the standing rule left, as curves in small drawings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 320.0, 130.0, 6.0, 112.0, 10.0
SHOWN = ("caught_cents", "honest_met", "review_hours_per_day", "cost_cents")
"""Figures that move together, each in a drawing of its own."""


@dataclass(frozen=True, slots=True)
class Small:
    """A curve as SVG points, with where each cut lies: ``xs`` and ``ys`` of the drawing, ``values`` of the figure."""

    name: str
    points: str
    xs: Sequence[float]
    ys: Sequence[float]
    values: Sequence[float]
    most: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """Figures by review threshold over the days of a backtest."""

    cuts: Sequence[float]
    figures: Mapping[str, Sequence[float | None]]
    facts: Mapping[str, Any]

    def nearest(self, cut: float) -> int:
        return min(range(len(self.cuts)), key=lambda n: abs(self.cuts[n] - cut))

    def across(self, cut: float) -> float:
        """Where a threshold lies in a drawing."""
        low, high = self.cuts[0], self.cuts[-1]
        return round(LEFT + (cut - low) / (high - low) * (WIDTH - 2 * LEFT), 2)

    def small(self, name: str) -> Small:
        values = [float(value or 0.0) for value in self.figures[name]]
        most = max(values) or 1.0
        xs = [self.across(cut) for cut in self.cuts]
        ys = [round(BOTTOM - value / most * (BOTTOM - TOP), 2) for value in values]
        points = " ".join(f"{x},{y}" for x, y in zip(xs, ys, strict=True))
        return Small(name, points, xs, ys, values, most)


def read_sweep(home: Path) -> Sweep | None:
    """The newest sweep below home; None where no backtest has left one that can be read."""
    path = home / "reports" / "abuse-backtest" / "sweep.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        series = found["series"]
        cuts = [float(cut) for cut in series["review"]]
        figures = {name: series[name] for name in series}
        if len(cuts) < 2 or any(len(values) != len(cuts) for values in figures.values()):
            return None
        return Sweep(cuts, figures, {name: found[name] for name in _FACTS})
    except (OSError, ValueError, KeyError, TypeError):
        return None


_FACTS = ("days", "end", "verdicts", "look_alikes", "per_day", "review", "automatic", "recommended", "promised",
          "cheapest")  # fmt: skip
