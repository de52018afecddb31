"""Feature columns to a float64 matrix and back to their names.

In: a table with numbers, booleans, times and text. Out: (n, d) float64, text as integer codes of a fixed vocabulary
(the most frequent levels), times as days, missing or unknown levels as NaN. The vocabulary is plain data, so
the artefact that needs it can carry it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError

MAX_LEVELS = 200  # LightGBM keeps categorical codes in byte-sized bins; rarer levels carry too few rows to learn from


@dataclass(frozen=True)
class Encoding:
    """``features`` in column order and the vocabulary of each that is text."""

    features: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def categorical(self) -> tuple[int, ...]:
        """Positions of the columns that hold codes."""
        return tuple(i for i, name in enumerate(self.features) if name in self.levels)

    def matrix(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """(n, d) float64. Raises ``InputError`` for a missing column or an infinite value."""
        X = np.empty((len(frame), len(self.features)))
        for i, name in enumerate(self.features):
            if name not in frame.columns:
                raise InputError("features", name, "a column of the data")
            X[:, i] = _codes(frame[name], self.levels[name]) if name in self.levels else _numbers(frame[name])
            if np.isinf(X[:, i]).any():
                raise InputError(f"feature {name}", "an infinity", "finite numbers or missing values")
        return X

    @classmethod
    def learn(cls, frame: pd.DataFrame) -> Encoding:
        """Take every column of the table as a feature; text gets its most frequent levels, in alphabetical order."""
        if not len(frame.columns):
            raise InputError("features", "no column", "at least one feature")
        levels = {}
        for name in frame.columns:
            if not _is_number(frame[name]):
                counts = frame[name].dropna().astype(str).value_counts()
                levels[str(name)] = tuple(sorted(counts.index[:MAX_LEVELS]))
        return cls(tuple(str(name) for name in frame.columns), levels)


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    return bool(
        kinds.is_numeric_dtype(column) or kinds.is_bool_dtype(column) or kinds.is_datetime64_any_dtype(column)
    ) and not isinstance(column.dtype, pd.CategoricalDtype)


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    if pd.api.types.is_datetime64_any_dtype(column):
        naive = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        days: NDArray[np.float64] = ((naive - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(float)
        return days
    if not _is_number(column):
        raise InputError(f"feature {column.name}", str(column.dtype), "numbers, as when the encoding was learnt")
    numbers: NDArray[np.float64] = column.to_numpy(dtype=float, na_value=np.nan)
    return numbers


def _codes(column: pd.Series, levels: tuple[str, ...]) -> NDArray[np.float64]:
    known = column.notna().to_numpy()
    codes = pd.Index(levels).get_indexer(column.astype(str)).astype(float)
    codes[(codes < 0) | ~known] = np.nan
    return codes
