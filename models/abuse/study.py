"""Any labelled log as an abuse study: what its columns mean, and past-only features of every row.

In: a CSV (UTF-8) or Parquet file and a ``StudySpec`` that names its columns. Out: ``Study``, the log in time order,
and feature tables aligned with it, made with the same counting rule as the shop's linkage (``marks.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import yaml
from ibis.expr.types import Table
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.engine import connect, keep
from features.errors import InputError
from models.abuse.addresses import door_keys
from models.abuse.identifiers import device_key, ip_key
from models.abuse.marks import DAY, HOUR, WINDOWS, others_before
from models.uplift.reading import read_names, read_table, read_times

KINDS = ("device", "ip", "address", "phone")
WITHOUT_USER, NEGATIVE_AMOUNT = "without_user", "with_negative_amount"


class StudySpec(BaseModel):
    """Which column is what; ``split`` is the share of rows, by time, that trains."""

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
    split: float = Field(0.8, gt=0.05, lt=0.95)
    label_delay_days: float | None = Field(None, ge=0)
    capacity: int = Field(100, ge=1)

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

    ``place`` is the row of the file, from 0. ``left_out`` counts the rows of the file that are not in the log, by why.
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


def load_study(data: Path, spec: StudySpec) -> Study:
    """Read and check a log. Raises InputError for what cannot be read, found or understood.

    Rows without a user, or with a negative amount (a refund is no purchase), are left out and counted.
    """
    raw = read_table(data)
    _check_columns(raw, spec)
    log = _columns(raw, spec)
    reasons = {WITHOUT_USER: log["user_id"].isna(), NEGATIVE_AMOUNT: log["user_id"].notna() & (log["amount"] < 0)}
    left_out = {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}
    log = log[~(reasons[WITHOUT_USER] | reasons[NEGATIVE_AMOUNT])]
    if log.empty:
        shown = ", ".join(f"{count} rows {reason.replace('_', ' ')}" for reason, count in left_out.items())
        raise InputError("data", shown, "some row with a user and without a negative amount")
    log = log.sort_values("us", kind="stable", ignore_index=True)
    # A coarse clock gives many rows one time; a running shop saw them one after another, in the order of the file.
    log["us"] = log["us"] + log.groupby("us").cumcount()
    for kind in KINDS:
        log[kind] = _keys(kind, log[kind])
    log.insert(0, "row", np.arange(len(log), dtype=np.int64))
    return Study(spec, log, left_out)


def plain_features(study: Study) -> pd.DataFrame:
    """What a row says by itself: amount, account age, hour and weekday (n, 4), no links."""
    log = study.log
    return pd.DataFrame(
        {
            "amount": log["amount"].to_numpy(np.float64),
            "age_days": np.maximum((log["us"] - log["registered"]).to_numpy() / DAY, 0.0),
            "hour": (log["us"] // HOUR % 24).to_numpy(np.float64),
            "weekday": ((log["us"] // DAY + 3) % 7).to_numpy(np.float64),
        }
    )


def link_features(study: Study, past_labels: bool = False) -> pd.DataFrame:
    """Other accounts on the row's device, IP, address and phone before it, in windows, and how alike they are.

    With ``past_labels``: also how many of them were known to be bad by then (``label_delay_days`` after their row).
    """
    con = connect(threads=1)
    try:
        log = keep(con, "study_log", ibis.memtable(study.log, schema=_schema(study.log)))
        columns = {}
        for kind in KINDS:
            if study.log[kind].notna().any():
                for part in _kind_parts(study.spec, log, kind, past_labels):
                    found = con.to_pandas(part).set_index("row").reindex(study.log["row"]).fillna(0.0)
                    columns.update({f"{kind}_{name}": found[name].to_numpy(np.float64) for name in found.columns})
        return pd.DataFrame(columns, index=study.log.index)
    finally:
        con.disconnect()


def seven_day_rule(study: Study, days: float | None = 7.0, kind: str = "device") -> NDArray[np.float64]:
    """1 where another account was on the row's device in the last days (None: ever), else 0."""
    log = study.log[["us", "user_id", kind]]
    seen: dict[str, dict[str, int]] = {}
    found = np.zeros(len(log))
    reach = np.inf if days is None else days * DAY
    for i, (us, user, key) in enumerate(log.itertuples(index=False, name=None)):
        if key is None or pd.isna(key):
            continue
        others = seen.setdefault(key, {})
        found[i] = any(us - last <= reach for other, last in others.items() if other != user)
        others[user] = us
    return found


def label_free_score(features: pd.DataFrame) -> NDArray[np.float64]:
    """A score for a log without labels: points for new accounts arriving together, nearer ones weighing more."""
    points = np.zeros(len(features))
    for kind, worth in (("device", 4.0), ("address", 3.0), ("phone", 4.0), ("ip", 2.0)):
        if f"{kind}_n_ever" in features:
            near = 0.6 * features[f"{kind}_n_24h"] + 0.25 * features[f"{kind}_n_7d"] + 0.1 * features[f"{kind}_n_30d"]
            points += worth * np.log2(1.0 + near + 0.05 * features[f"{kind}_n_ever"]).to_numpy()
            points += worth * np.log2(1.0 + features[f"{kind}_new_7d"]).to_numpy() / 2
    return points


def _kind_parts(spec: StudySpec, log: Table, kind: str, past_labels: bool) -> list[Table]:
    rows = log.filter(log[kind].notnull())
    asks = rows.select("row", "us", "user_id", key=kind)
    age = (rows.us - rows.registered) / DAY
    first = rows.group_by(key=rows[kind], user_id=rows.user_id).aggregate(
        us=rows.us.min(), age=age.argmin(rows.us), amount=rows.amount.argmin(rows.us)
    )
    arrivals = first.mutate(n=ibis.literal(1.0), new=(first.age < 1).cast("float64"))
    together = first.select("user_id", "us", key=first.key + "|" + first.amount.cast("string"), same=ibis.literal(1.0))
    asks_same = rows.select("row", "us", "user_id", key=rows[kind] + "|" + rows.amount.cast("string"))
    parts = [
        others_before(asks, arrivals, ["n", "new"], WINDOWS),
        others_before(asks_same, together.filter(together.key.notnull()), ["same"], {"30d": 30 * DAY}),
    ]
    if past_labels and spec.label_delay_days is not None:
        known = rows.us + int(spec.label_delay_days * DAY)
        bad = rows.select("user_id", key=rows[kind], us=known, bad=rows.label, judged=ibis.literal(1.0))
        parts.append(others_before(asks, bad, ["bad", "judged"], {"ever": None}))
    return parts


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
    for key in ("user", "time", "registered", "amount", "label", *KINDS):
        column = getattr(spec, key)
        if column is not None and column not in raw.columns:
            raise InputError(f"spec.{key}", column, "one of the columns: " + ", ".join(map(str, raw.columns)))


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
    return log


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


def _schema(log: pd.DataFrame) -> Any:
    types = {
        "row": "int64",
        "place": "int64",
        "us": "int64",
        "registered": "int64",
        "amount": "float64",
        "label": "float64",
    }
    return ibis.schema({name: types.get(name, "string") for name in log.columns})
