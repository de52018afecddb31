"""Read a table that a person hands us: CSV in UTF-8 or Parquet, its times and its names, with one clear error each.

Trials and abuse studies read through here, so that a file means the same to both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pandas as pd

from features.errors import InputError

_DATE = r"\d{4}-\d\d-\d\d"
_ENDINGS = (".parquet", ".pq")


def read_table(path: Path) -> pd.DataFrame:
    """Rows of a ``.csv`` file, of a ``.parquet`` or ``.pq`` file, or of a folder of Parquet parts."""
    if not path.exists():
        raise InputError("data", str(path), "a file that exists")
    if not (path.is_dir() or path.suffix.lower() in (*_ENDINGS, ".csv")):
        raise InputError("data", str(path), "a .csv or .parquet file")
    try:
        frame = _rows(path)
    except UnicodeDecodeError as error:
        raise InputError("data", str(path), f"a CSV file in UTF-8 ({_not_utf8(path)})") from error
    except pd.errors.EmptyDataError as error:
        raise InputError("data", str(path), "a table with rows, and the file is empty") from error
    except (pd.errors.ParserError, ValueError, OSError) as error:
        raise InputError("data", str(path), f"a readable table ({_one_line(error)})") from error
    if frame.empty:
        raise InputError("data", str(path), "a table with rows")
    alone = str(frame.columns[0]) if frame.shape[1] == 1 else ""
    for name, mark in (("semicolons", ";"), ("tabs", "\t"), ("bars", "|")):
        if mark in alone:
            raise InputError("data", str(path), f"columns separated by commas, and this file seems to use {name}")
    return frame


def read_times(column: pd.Series, field: str, form: Literal["ISO8601", "mixed"] = "ISO8601") -> pd.Series:
    """A column as times without a zone (UTC); ``field`` is the key of the spec, for the error.

    >>> read_times(pd.Series(["2026-01-01T08:00+08:00"], name="at"), "time").tolist()
    [Timestamp('2026-01-01 00:00:00')]
    """
    empty = int(column.isna().sum())
    if empty:
        raise InputError(field, f"{empty} empty rows in {column.name}", "a time in every row")
    kind = pd.api.types
    times = (
        pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns, UTC]")
        if kind.is_numeric_dtype(column) or kind.is_bool_dtype(column)
        else pd.to_datetime(column, utc=True, format=form, errors="coerce")
    )
    wrong = column[times.isna()]
    if len(wrong):
        raise InputError(
            field, str(wrong.iloc[0]), f"a time as in ISO 8601 in every row of {column.name!r} ({len(wrong)} are none)"
        )
    return times.dt.tz_localize(None)


def features_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns of ISO 8601 dates as times: as text every day would be a category of its own."""
    changed = {}
    for name in frame.columns:
        column = frame[name]
        if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
            continue
        known = column.dropna()
        if len(known) and known.astype(str).str.match(_DATE).all():
            times = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
            if times.notna().sum() == len(known):
                changed[name] = times.dt.tz_localize(None)
    return frame.assign(**changed) if changed else frame


def name_of(value: Any) -> str:
    """A value as a name; a whole float is the integer that it was before a missing value made its column floats.

    >>> name_of(10.0), name_of(0), name_of(0.5), name_of("10.0")
    ('10', '0', '0.5', '10.0')
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_names(column: pd.Series) -> pd.Series:
    """A column as texts (``name_of`` of each value), None where it is empty."""
    if not pd.api.types.is_float_dtype(column):
        return column.astype("string").astype(object).where(column.notna(), None)
    texts = [None if pd.isna(value) else name_of(float(value)) for value in column]
    return pd.Series(texts, index=column.index, dtype=object, name=column.name)


def _rows(path: Path) -> pd.DataFrame:
    if path.is_dir() or path.suffix.lower() in _ENDINGS:
        return pd.read_parquet(path)
    return pd.read_csv(path, encoding="utf-8-sig", low_memory=False)


def _not_utf8(path: Path) -> str:
    """Where a file first leaves UTF-8: pandas reads in blocks and counts from the start of one."""
    before = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"byte {before + error.start} is not, in line {number}"
            before += len(line)
    return "some byte is not"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
