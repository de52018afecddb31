"""Any labelled log as an abuse study: what its columns mean, and past-only features of every row.

In: a CSV (UTF-8) or Parquet file and a ``StudySpec`` that names its columns. Out: ``Study``, the log in time order,
and feature tables aligned with it, made with the same counting rule as the shop's linkage (``marks.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
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

KINDS = ("device", "ip", "address", "phone")


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
            return cls(**found)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError("spec." + ".".join(map(str, first["loc"])), first.get("input"), first["msg"]) from error


@dataclass(frozen=True)
class Study:
    """The log in time order: row, user_id, us, registered, keys, amount (float), label (0/1 or absent)."""

    spec: StudySpec
    log: pd.DataFrame

    @property
    def label(self) -> NDArray[np.float64] | None:
        return self.log["label"].to_numpy(np.float64) if "label" in self.log else None

    @property
    def cut(self) -> int:
        """How many rows train: the earliest."""
        return int(self.spec.split * len(self.log))


def load_study(data: Path, spec: StudySpec) -> Study:
    """Read and check a log. Raises InputError for what cannot be read, found or understood."""
    raw = _read(data)
    if raw.empty:
        raise InputError("data", f"{data.name}: no rows", "a table with rows")
    for field in ("user", "time", "registered", "amount", "label", *KINDS):
        column = getattr(spec, field)
        if column is not None and column not in raw.columns:
            raise InputError(f"spec.{field}", column, "one of the columns: " + ", ".join(map(str, raw.columns)))
    log = pd.DataFrame(
        {"user_id": raw[spec.user].astype("string").astype(object), "us": _micros(raw, spec.time, "time")}
    )
    log["registered"] = _micros(raw, spec.registered, "registered") if spec.registered else log["us"]
    log["amount"] = pd.to_numeric(raw[spec.amount], errors="coerce") if spec.amount else np.nan
    if spec.label:
        log["label"] = _labels(raw[spec.label])
    for kind in KINDS:
        column = getattr(spec, kind)
        log[f"raw_{kind}"] = raw[column].astype("string").astype(object) if column else None
    log = log[log["user_id"].notna()].sort_values("us", kind="stable", ignore_index=True)
    # A coarse clock gives many rows one time; a running shop saw them one after another, in the order of the file.
    log["us"] = log["us"] + log.groupby("us").cumcount()
    makers = {"device": device_key, "ip": ip_key, "phone": device_key}
    for kind in KINDS:
        values = log.pop(f"raw_{kind}")
        if kind == "address":
            log[kind] = pd.Series(door_keys(["" if pd.isna(v) else v for v in values]), dtype=object)
        else:
            log[kind] = pd.Series([makers[kind](v) for v in values], dtype=object)
    log.insert(0, "row", np.arange(len(log), dtype=np.int64))
    return Study(spec, log)


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


def _read(data: Path) -> pd.DataFrame:
    if not data.is_file():
        raise InputError("data", str(data), "a CSV or Parquet file")
    try:
        return (
            pd.read_parquet(data)
            if data.suffix == ".parquet"
            else pd.read_csv(data, encoding="utf-8", low_memory=False)
        )
    except UnicodeDecodeError as error:
        raise InputError("data", data.name, f"UTF-8 text (byte {error.start} is not)") from error
    except pd.errors.EmptyDataError as error:
        raise InputError("data", f"{data.name}: empty file", "a table with rows") from error
    except (pd.errors.ParserError, OSError, ValueError) as error:
        raise InputError("data", data.name, f"a readable table ({error})") from error


def _micros(raw: pd.DataFrame, column: str, field: str) -> pd.Series:
    try:
        times = pd.to_datetime(raw[column], utc=True, format="mixed")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"spec.{field}", column, f"a column of times ({error})") from error
    if times.isna().any():
        raise InputError(
            f"spec.{field}", f"{int(times.isna().sum())} rows of {column} without a time", "a time in every row"
        )
    return times.dt.tz_localize(None).astype("datetime64[us]").astype("int64")


def _labels(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any() or not numbers.isin([0, 1]).all():
        wrong = column[numbers.isna() | ~numbers.isin([0, 1])].iloc[0]
        raise InputError("spec.label", wrong, "0 or 1 in every row")
    return numbers.astype(np.float64)


def _schema(log: pd.DataFrame) -> Any:
    types = {"row": "int64", "us": "int64", "registered": "int64", "amount": "float64", "label": "float64"}
    return ibis.schema({name: types.get(name, "string") for name in log.columns})
