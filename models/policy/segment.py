"""The segments of a shop: groups of users by one feature, with limits and prices of their own.

A segment is an interval of the feature, so a code of a category is one as well. Who falls into none (the feature is
missing, or a category is new) belongs to ``""``, everyone else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError

ELSE = ""


@dataclass(frozen=True)
class Segmentation:
    """``names[i]`` is the segment from ``edges[i - 1]`` (included) to ``edges[i]`` (excluded) of ``feature``."""

    feature: str
    edges: tuple[float, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if any(not low < high for low, high in pairwise(self.edges)):
            raise InputError("segments.edges", self.edges, "increasing numbers")
        if len(self.names) != len(self.edges) + 1:
            raise InputError("segments.names", self.names, f"{len(self.edges) + 1} names, one more than edges")
        named = [name for name in self.names if name != ELSE]
        if len(set(named)) != len(named):
            raise InputError("segments.names", self.names, "distinct names")

    @classmethod
    def bins(cls, feature: str, edges: Sequence[float]) -> Segmentation:
        """Intervals of a number, named after their bounds.

        >>> Segmentation.bins("account_age_days", [30, 180]).names
        ('account_age_days < 30', '30 <= account_age_days < 180', '180 <= account_age_days')
        """
        texts = [f"{edge:g}" for edge in edges]
        if not texts:
            raise InputError("segments.edges", list(edges), "at least one number")
        inner = [f"{low} <= {feature} < {high}" for low, high in pairwise(texts)]
        names = (f"{feature} < {texts[0]}", *inner, f"{texts[-1]} <= {feature}")
        return cls(feature, tuple(map(float, edges)), names)

    @classmethod
    def categories(cls, feature: str, values: Sequence[str]) -> Segmentation:
        """One segment per category; the code of a category is its place in ``values``."""
        return cls(feature, tuple(float(code) for code in range(len(values) + 1)), (ELSE, *values, ELSE))

    def of(self, values: ArrayLike) -> NDArray[np.str_]:
        """The segment (n,) of every user from the feature (n,)."""
        numbers = np.asarray(values, dtype=np.float64)
        # NaN sorts behind every edge, but belongs to nobody.
        place = np.where(np.isnan(numbers), len(self.names), np.searchsorted(self.edges, numbers, side="right"))
        return np.array([*self.names, ELSE])[place]

    def to_spec(self) -> dict[str, Any]:
        """As JSON values."""
        return {"feature": self.feature, "edges": list(self.edges), "names": list(self.names)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Segmentation:
        """The segments of a JSON mapping with the keys of :meth:`to_spec`."""
        return cls(str(spec["feature"]), tuple(map(float, spec["edges"])), tuple(map(str, spec["names"])))
