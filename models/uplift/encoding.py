"""Feature columns to a float64 matrix and back to their names.

In: a table with numbers, booleans, times and text, or an array. Out: (n, d) float64, text as integer codes of a fixed
vocabulary (the most frequent levels), times as days, missing or unknown levels as NaN. The vocabulary is plain data, so
the artefact that needs it can carry it. Columns that hold codes of categories already (``coded``) stay as they are
and are categories to every learner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError

Matrix = NDArray[np.float64]

MAX_LEVELS = 200  # LightGBM keeps categorical codes in byte-sized bins; rarer levels carry too few rows to learn from
_LARGEST_CODE = 2**31 - 1


@dataclass(frozen=True)
class Encoding:
    """``features`` in column order, the vocabulary of each that is text, and the columns whose numbers are codes."""

    features: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coded: tuple[str, ...] = ()

    @property
    def categorical(self) -> tuple[int, ...]:
        """Positions of the columns that hold codes."""
        return tuple(i for i, name in enumerate(self.features) if name in self.levels or name in self.coded)

    def matrix(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, d) float64. Raises ``InputError`` for a missing column or an infinite value."""
        return self._of_table(X) if isinstance(X, pd.DataFrame) else self._of_array(X)

    def _of_array(self, X: Matrix) -> Matrix:
        array = as_array(X)
        if self.levels or array.shape[1] != len(self.features):
            raise InputError("X", array.shape, f"the columns that were learnt from: {list(self.features)}")
        _refuse_infinities(array, self.features)
        return array

    def _of_table(self, frame: pd.DataFrame) -> Matrix:
        names = [str(name) for name in frame.columns]
        if tuple(names) == self.features and not self.levels and _plain(frame):
            array = frame.to_numpy(dtype=float)
            _refuse_infinities(array, self.features)
            return array
        place = {name: i for i, name in enumerate(names)}
        array = np.empty((len(frame), len(self.features)))
        for i, name in enumerate(self.features):
            if name not in place:
                raise InputError("features", name, "a column of the data")
            column = frame.iloc[:, place[name]]
            array[:, i] = _codes(column, self.levels[name]) if name in self.levels else _numbers(column)
        _refuse_infinities(array, self.features)
        return array

    @classmethod
    def learn(cls, frame: pd.DataFrame, coded: Sequence[str] = ()) -> Encoding:
        """Take every column of the table as a feature; text gets its most frequent levels, in alphabetical order.

        ``coded``: number columns whose values are codes of categories: whole numbers from 0, or missing.
        """
        names = [str(name) for name in frame.columns]
        if not names:
            raise InputError("features", "no column", "at least one feature")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError("features", twice, "column names that occur once")
        levels = {}
        for i, name in enumerate(names):
            column = frame.iloc[:, i]
            if name in coded:
                _check_codes(_numbers(column), name)
            elif not _is_number(column):
                counts = column.dropna().astype(str).value_counts()
                levels[name] = tuple(sorted(counts.index[:MAX_LEVELS]))
        absent = [name for name in coded if name not in names]
        if absent:
            raise InputError("categorical", absent[0], f"a column of the data: {names}")
        return cls(tuple(names), levels, tuple(coded))


def as_array(X: object) -> Matrix:
    """(n, d) float64, without a copy where it is that already."""
    try:
        array = np.asarray(X, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError("X", type(X).__name__, "numbers; pass a table for text and times") from error
    if array.ndim != 2:
        raise InputError("X", array.shape, "a table or an array (n, d)")
    return array


def _refuse_infinities(array: Matrix, features: Sequence[str]) -> None:
    infinite = np.isinf(array).any(axis=0)
    if infinite.any():
        raise InputError(
            f"feature {features[int(np.argmax(infinite))]}", "an infinity", "finite numbers or missing values"
        )


def _check_codes(column: Matrix, name: str) -> None:
    known = column[~np.isnan(column)]
    bad = known[(known < 0) | (known > _LARGEST_CODE) | (known != np.floor(known))]
    if len(bad):
        raise InputError(f"feature {name}", float(bad[0]), "codes of categories: whole numbers from 0, or missing")


def _plain(frame: pd.DataFrame) -> bool:
    """Whether all columns are numpy numbers, which one call turns into an array."""
    return all(isinstance(kind, np.dtype) and kind.kind in "fiub" for kind in frame.dtypes)


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
