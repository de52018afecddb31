"""Any labelled log as an abuse study: what its columns mean.

In: a CSV (UTF-8) or Parquet file and a ``StudySpec`` that names its columns. Out: ``Study``, the log in time order.
Rows without a user, with a negative amount or from the future are left out and counted; other nulls stay unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import InputError
from models.abuse.addresses import door_keys
from models.abuse.identifiers import device_key, ip_key
from models.uplift.reading import read_names, read_table, read_times

KINDS = ("device", "ip", "address", "phone")
TRUTH = ("ring", "family", "look_alike")
OWN = "own_"  # prefix of the spec's further columns in the log
WITHOUT_USER, NEGATIVE_AMOUNT, FUTURE = "without_user", "with_negative_amount", "from_the_future"
_CLOCKS_DIFFER = timedelta(days=1)


class StudySpec(BaseModel):
    """Which column is what; ``split`` is the share of rows, by time, that trains.

    ``features`` are further columns of the row itself, numbers or categories. ``ring``, ``family`` and ``look_alike``
    are truth that only judges: who worked together, by which attack, and which honest rows look like one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "study"
    user: str
    time: str
    registered: str | None = None
    device: str | None = None
    ip: str | None = None
    address: str | None = None
    phone: str | None = None
    amount: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()
    ring: str | None = None
    family: str | None = None
    look_alike: str | None = None
    split: float = Field(0.8, gt=0.05, lt=0.95)
    label_delay_days: float | None = Field(None, ge=0)
    capacity: int = Field(100, ge=1)
    daily_capacity: int = Field(5, ge=1)

    @classmethod
    def load(cls, path: Path) -> StudySpec:
        """Read a YAML spec; InputError names the wrong field."""
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError("spec", str(path), f"a readable YAML file ({type(error).__name__})") from error
        if not isinstance(found, dict):
            raise InputError("spec", type(found).__name__, "a mapping of fields to columns")
        try:
            return cls.model_validate({str(key): value for key, value in found.items()})
        except ValidationError as error:
            raise _spec_error(error) from error


@dataclass(frozen=True)
class Study:
    """The log in time order: row, user_id, us, registered, keys, amount (float), label (0/1 or absent).

    ``place`` is the row of the file, from 0; ``own_NAME`` are the spec's features; ring, family and look_alike are
    texts. ``left_out`` counts the rows of the file that are not in the log, by why.
    """

    spec: StudySpec
    log: pd.DataFrame
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> NDArray[np.float64] | None:
        return self.log["label"].to_numpy(np.float64) if "label" in self.log else None

    @property
    def cut(self) -> int:
        """How many rows train: the earliest."""
        return int(self.spec.split * len(self.log))

    @property
    def contradicted(self) -> int:
        """How many accounts carry both labels; every row is judged by its own."""
        if self.label is None:
            return 0
        return int((self.log.groupby("user_id")["label"].nunique() > 1).sum())


def load_study(data: Path, spec: StudySpec, now: datetime | None = None) -> Study:
    """Read and check a log. Raises InputError for what cannot be read, found or understood.

    Rows without a user, with a negative amount (a refund is no purchase), or more than a day later than ``now`` (the
    present, in UTC) are left out and counted.
    """
    latest = int(((now or datetime.now(UTC)) + _CLOCKS_DIFFER).timestamp() * 1e6)
    raw = read_table(data)
    _check_columns(raw, spec)
    log = _columns(raw, spec)
    wrong = {
        WITHOUT_USER: log["user_id"].isna(),
        NEGATIVE_AMOUNT: log["amount"] < 0,
        FUTURE: log["us"] > latest,
    }
    left_out, kept = {}, pd.Series(True, index=log.index)
    for reason, rows in wrong.items():  # a row is counted by the first reason that it has
        if (kept & rows).any():
            left_out[reason] = int((kept & rows).sum())
        kept &= ~rows
    log = log[kept]
    if log.empty:
        shown = ", ".join(f"{count} rows {reason.replace('_', ' ')}" for reason, count in left_out.items())
        raise InputError("data", shown, "some row with a user, without a negative amount, not in the future")
    log = log.sort_values("us", kind="stable", ignore_index=True)
    # A coarse clock gives many rows one time; a running shop saw them one after another, in the order of the file.
    log["us"] = log["us"] + log.groupby("us").cumcount()
    for kind in KINDS:
        log[kind] = _keys(kind, log[kind])
    log.insert(0, "row", np.arange(len(log), dtype=np.int64))
    return Study(spec, log, left_out)


def _spec_error(error: ValidationError) -> InputError:
    """The first thing that is wrong with a spec, in words that name its key."""
    first = error.errors()[0]
    key = "spec." + ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return InputError(key, "unknown key", "one of " + ", ".join(StudySpec.model_fields))
    if first["type"] == "missing":
        return InputError(key, "missing key", "a value in the spec")
    return InputError(key, first["input"], first["msg"].removeprefix("Input should be "))


def _check_columns(raw: pd.DataFrame, spec: StudySpec) -> None:
    named = {key: getattr(spec, key) for key in ("user", "time", "registered", "amount", "label", *KINDS, *TRUTH)}
    for key, column in [*named.items(), *(("features", name) for name in spec.features)]:
        if column is not None and column not in raw.columns:
            raise InputError(f"spec.{key}", column, "one of the columns: " + ", ".join(map(str, raw.columns)))
    for name in spec.features:
        if name in (spec.user, spec.label, *(named[key] for key in TRUTH)):
            raise InputError("spec.features", name, "no user, label, ring, family or look_alike: models would see it")


def _columns(raw: pd.DataFrame, spec: StudySpec) -> pd.DataFrame:
    """The columns that the spec names, in the order of the file and under our names."""
    users = read_names(raw[spec.user])
    us = _micros(raw[spec.time], "spec.time")
    log = pd.DataFrame({"place": np.arange(len(raw)), "user_id": users.where(users.str.strip() != "", None), "us": us})
    log["registered"] = _micros(raw[spec.registered], "spec.registered") if spec.registered else us
    log["amount"] = _amounts(raw[spec.amount]) if spec.amount else np.nan
    if spec.label:
        log["label"] = _labels(raw[spec.label])
    for kind in KINDS:
        column = getattr(spec, kind)
        log[kind] = read_names(raw[column]) if column else None
    for key in TRUTH:
        column = getattr(spec, key)
        if column:
            log[key] = read_names(raw[column])
    for name in spec.features:
        log[OWN + name] = _own(raw[name])
    return log


def _own(column: pd.Series) -> pd.Series:
    """Numbers as floats (infinite ones unknown), anything else as texts."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype(np.float64).replace([np.inf, -np.inf], np.nan)
    return read_names(column)


def _keys(kind: str, values: pd.Series) -> pd.Series:
    """What links two rows: the identifier in its canonical form, or None."""
    if kind == "address":
        return pd.Series(door_keys(["" if pd.isna(v) else v for v in values]), index=values.index, dtype=object)
    key = ip_key if kind == "ip" else device_key
    return pd.Series([key(v) for v in values], index=values.index, dtype=object)


def _micros(column: pd.Series, key: str) -> pd.Series:
    return read_times(column, key, "mixed").astype("datetime64[us]").astype("int64")


def _amounts(column: pd.Series) -> pd.Series:
    """Finite numbers; an empty amount stays unknown."""
    amounts = pd.to_numeric(column, errors="coerce").astype(np.float64)
    wrong = column[column.notna() & ~np.isfinite(amounts)]
    if len(wrong):
        expected = f"a number in every row of {column.name!r} ({len(wrong)} are none)"
        raise InputError("spec.amount", str(wrong.iloc[0]), expected)
    return amounts


def _labels(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any() or not numbers.isin([0, 1]).all():
        wrong = column[numbers.isna() | ~numbers.isin([0, 1])].iloc[0]
        raise InputError("spec.label", wrong, "0 or 1 in every row")
    return numbers.astype(np.float64)
