"""Scales of drawings: where a value stands, which values are worth a tick, how wide a text is, what may be left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

Text = Callable[[float], str]  # how a number of an axis is written
MOST_POINTS = 400
_LETTER, _IDEOGRAPH = 7.3, 13.2  # of 13 px text, a little wide rather than cut


def width_of(text: str) -> float:
    """About how many pixels a text of 13 px takes; Chinese characters are square."""
    return sum(_IDEOGRAPH if east_asian_width(letter) in "WF" else _LETTER for letter in text)


def fitted(text: str, room: float) -> str:
    """The text, shortened with an ellipsis when it does not fit into ``room`` pixels."""
    if width_of(text) <= room:
        return text
    kept = text
    while kept and width_of(kept) + _IDEOGRAPH > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def plain(value: float) -> str:
    """A number without a reader's language: three figures and no more zeros than needed.

    >>> plain(0.12345), plain(1500.0), plain(2_500_000)
    ('0.123', '1,500', '2,500,000')
    """
    if not math.isfinite(value):
        return "–"
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from ``low`` to ``high`` on pixels from ``start`` to ``end``; logarithmic if asked for."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (self._at(self.low), self._at(self.high), self._at(value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def knows(self, value: float | None) -> bool:
        """Whether a value has a place: finite, and above 0 on a logarithmic scale."""
        return value is not None and math.isfinite(value) and (not self.log or value > 0)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the scale, at most ``most`` and a few."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            step = max(1, math.ceil((last - first + 1) / most))
            decades = [10.0**power for power in range(first, last + 1, step)]
            return decades if len(decades) > 1 else [self.low, self.high]
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        width = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough * 0.999)
        first, last = math.ceil(self.low / width - 1e-9), math.floor(self.high / width + 1e-9)
        return [float(f"{n * width:.15g}") for n in range(first, last + 1)]

    def _at(self, value: float) -> float:
        return math.log10(value) if self.log else value


def scale_of(
    values: Iterable[float | None], start: float, end: float, *, log: bool = False, zero: bool = False
) -> Scale | None:
    """A scale that holds every value that can be drawn; nothing when there is none."""
    kept = [value for value in values if value is not None and math.isfinite(value) and (not log or value > 0)]
    if not kept:
        return None
    low, high = min(kept), max(kept)
    if zero and not log:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # one value: give it a middle to stand in
        low, high = (low / 2, high * 2) if log else (low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2)
    return Scale(low, high, start, end, log)


def thinned(ys: Sequence[float], most: int = MOST_POINTS) -> list[int]:
    """Which points to draw of very many: the ends, and the lowest and the highest of each stretch."""
    if len(ys) <= most:
        return list(range(len(ys)))
    stretches = most // 2
    kept = {0, len(ys) - 1}
    for n in range(stretches):
        stretch = range(n * len(ys) // stretches, (n + 1) * len(ys) // stretches)
        known = [at for at in stretch if math.isfinite(ys[at])]
        # A gap stays a gap: where nothing is known one point says so.
        kept.update((min(known, key=ys.__getitem__), max(known, key=ys.__getitem__)) if known else (stretch[0],))
    return sorted(kept)
