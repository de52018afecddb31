"""Features of every row of a study, from rows strictly before it, and the rules and scores that need no training.

In: a ``Study``. Out: tables and arrays aligned with its log. The counts follow the shop's own counting rule
(``marks.py``), so a row never sees itself, its account's other rows, or anything later. Rows without a key share
nothing: their counts are 0. A row's own numbers stay NaN where the file has none; categories have no null level.
"""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Table
from numpy.typing import NDArray

from features.engine import connect, keep
from models.abuse.marks import DAY, HOUR, WINDOWS, others_before
from models.abuse.study.log import KINDS, OWN, Study, StudySpec

Floats = NDArray[np.float64]
MINUTE = HOUR // 60
MOST_LEVELS = 20  # of a category: rarer ones are one level less than they would fit
CROWD, CROWD_IP = 20.0, 10.0  # accounts ever on a value at which company there counts half
_COLUMNS = {"row": "int64", "us": "int64", "registered": "int64", "amount": "float64", "label": "float64"}


def plain_features(study: Study) -> pd.DataFrame:
    """What any row says by itself: amount, account age, hour and weekday (n, 4), no links."""
    log = study.log
    return pd.DataFrame(
        {
            "amount": log["amount"].to_numpy(np.float64),
            "age_days": np.maximum((log["us"] - log["registered"]).to_numpy() / DAY, 0.0),
            "hour": (log["us"] // HOUR % 24).to_numpy(np.float64),
            "weekday": ((log["us"] // DAY + 3) % 7).to_numpy(np.float64),
        }
    )


def own_features(study: Study) -> pd.DataFrame:
    """The columns that the spec names as features: numbers, and a 0/1 column for each common level of a category.

    Levels are the commonest of the training rows, so later rows change nothing.
    """
    columns: dict[str, Floats] = {}
    for name in study.spec.features:
        values = study.log[OWN + name]
        if pd.api.types.is_float_dtype(values):
            columns[OWN + name] = values.to_numpy(np.float64)
            continue
        common = values.iloc[: study.cut].value_counts().head(MOST_LEVELS).index
        columns.update({f"{OWN}{name}={level}": (values == level).to_numpy(np.float64) for level in sorted(common)})
    return pd.DataFrame(columns, index=study.log.index)


def link_features(study: Study, past_labels: bool = False) -> pd.DataFrame:
    """Other accounts on the row's device, IP, address and phone before it, in windows, and how alike they are.

    ``at_once``: 1 where the account had registered within the minute before. With ``past_labels``: also how many of the
    others were known to be bad, or to be good, by then (``label_delay_days`` after their row).
    """
    columns: dict[str, Floats] = {}
    if study.spec.registered:
        age = (study.log["us"] - study.log["registered"]).to_numpy()
        columns["at_once"] = ((age >= 0) & (age <= MINUTE)).astype(np.float64)
    con = connect(threads=1)
    try:
        needed = [*_COLUMNS, "user_id", *KINDS]
        frame = study.log[[name for name in needed if name in study.log]]
        schema = ibis.schema({name: _COLUMNS.get(name, "string") for name in frame.columns})
        log = keep(con, "study_log", ibis.memtable(frame, schema=schema))
        for kind in KINDS:
            if frame[kind].notna().any():
                for part in _parts(study.spec, log, kind, past_labels):
                    found = con.to_pandas(part).set_index("row").reindex(frame["row"]).fillna(0.0)
                    columns.update({f"{kind}_{name}": found[name].to_numpy(np.float64) for name in found.columns})
        return pd.DataFrame(columns, index=study.log.index)
    finally:
        con.disconnect()


def seven_day_rule(study: Study, days: float | None = 7.0, kind: str = "device") -> Floats:
    """1 where another account was on the row's device in the last days (None: ever), else 0."""
    keys, users, us = (study.log[name].to_numpy() for name in (kind, "user_id", "us"))
    reach = np.inf if days is None else days * DAY
    found = np.zeros(len(keys))
    # The last account on a key and the last one before it that was another: one of them is not the one that asks.
    seen: dict[str, tuple[str, int, int | None]] = {}
    for i, key in enumerate(keys):
        if key is None:
            continue
        user, at = users[i], int(us[i])
        last = seen.get(key)
        if last is None:
            seen[key] = (user, at, None)
            continue
        who, when, other = last[0], last[1], last[2]
        before = when if who != user else other
        found[i] = before is not None and at - before <= reach
        seen[key] = (user, at, before)
    return found


def label_free_score(features: pd.DataFrame) -> Floats:
    """A score for a log without labels: points for new accounts arriving together, nearer ones weighing more.

    An account that acts within the minute of its registration has not looked at the shop: four points, as much as one
    other account on its device the same day. What many accounts have used over time is a place, not a person: company
    there counts by its share of the crowd.
    """
    points = 4.0 * features["at_once"].to_numpy() if "at_once" in features else np.zeros(len(features))
    for kind, worth in (("device", 4.0), ("address", 3.0), ("phone", 4.0), ("ip", 2.0)):
        if f"{kind}_n_ever" in features:
            ever = features[f"{kind}_n_ever"]
            near = 0.6 * features[f"{kind}_n_24h"] + 0.25 * features[f"{kind}_n_7d"] + 0.1 * features[f"{kind}_n_30d"]
            crowd = 1.0 + ever / (CROWD_IP if kind == "ip" else CROWD)
            points = points + worth * np.log2(1.0 + (near + 0.05 * ever) / crowd).to_numpy()
            points = points + worth * np.log2(1.0 + features[f"{kind}_new_7d"] / crowd).to_numpy() / 2
    return points


def groups(study: Study) -> NDArray[np.int64]:
    """A number per row (n,) for the rows of one device; rows without one are grouped by phone, address or account."""
    keys = pd.Series([None] * len(study.log), dtype=object)
    for kind in ("device", "phone", "address", "user_id"):
        keys = keys.where(keys.notna(), kind + "|" + study.log[kind])
    return pd.factorize(keys)[0].astype(np.int64)


def _parts(spec: StudySpec, log: Table, kind: str, past_labels: bool) -> Iterator[Table]:
    rows = log.filter(log[kind].notnull())
    asks = rows.select("row", "us", "user_id", key=kind)
    age = (rows.us - rows.registered) / DAY
    first = rows.group_by(key=rows[kind], user_id=rows.user_id).aggregate(
        us=rows.us.min(), age=age.argmin(rows.us), amount=rows.amount.argmin(rows.us)
    )
    arrivals = first.mutate(n=ibis.literal(1.0), new=(first.age < 1).cast("float64"))
    together = first.select("user_id", "us", key=first.key + "|" + first.amount.cast("string"), same=ibis.literal(1.0))
    asks_same = rows.select("row", "us", "user_id", key=rows[kind] + "|" + rows.amount.cast("string"))
    yield others_before(asks, arrivals, ["n", "new"], WINDOWS)
    yield others_before(asks_same, together.filter(together.key.notnull()), ["same"], {"30d": 30 * DAY})
    if past_labels and spec.label_delay_days is not None:
        delay = int(spec.label_delay_days * DAY)
        first_of = rows.group_by(key=rows[kind], user_id=rows.user_id, bad=rows.label)
        known = first_of.aggregate(us=rows.us.min() + delay).mutate(good=lambda t: 1.0 - t.bad)
        yield others_before(asks, known, ["bad", "good"], {"ever": None})


def without_labels(links: pd.DataFrame) -> pd.DataFrame:
    """Link features made with ``past_labels`` without what they say of labels."""
    return links[[name for name in links.columns if not name.endswith(("_bad_ever", "_good_ever"))]]
