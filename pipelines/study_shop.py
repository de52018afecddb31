"""Claims of simulated shops with their truth as one log, for an abuse study that knows families and look-alikes.

    fairdeal simulate --seed 1 --out one && fairdeal simulate --seed 2 --out two
    python -m pipelines.study_shop claims.csv one two
    fairdeal abuse-study claims.csv --spec configs/studies/simulated_shop.yaml --out report

In: folders that ``fairdeal simulate`` wrote. Out: one line per claimed coupon. Shops follow each other in time, so that
a split by time judges the last ones; their accounts, rings and devices are kept apart by the shop's number. An honest
account has no family and no ring, most have no look-alike.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from features.errors import InputError

COLUMNS = (
    "user_id", "claimed_at", "registered_at", "device_id", "ip", "address", "worth_cents", "abusive",
    "template_id", "acquisition_channel", "ring_id", "family", "look_alike",
)  # fmt: skip
_GAP = pd.Timedelta(days=60)  # between two shops: longer than the windows of the links


def claims_log(shops: Sequence[Path]) -> pd.DataFrame:
    """One log of all shops (columns ``COLUMNS``), in time order. Raises InputError for a folder that is no shop.

    ``worth_cents`` is what the coupon can be worth at most, which is known when it is claimed.
    """
    parts: list[pd.DataFrame] = []
    for number, folder in reversed(list(enumerate(shops))):  # the last keeps its dates: a study knows no future
        part = _claims(Path(folder))
        for name in ("user_id", "ring_id", "device_id"):
            part[name] = (f"{number}-" + part[name]).where(part[name].notna(), None)
        if parts:
            part[["claimed_at", "registered_at"]] += parts[-1]["claimed_at"].min() - _GAP - part["claimed_at"].max()
        parts.append(part)
    return pd.concat(parts[::-1], ignore_index=True)


def _claims(shop: Path) -> pd.DataFrame:
    names = ("coupons", "users", "templates", "truth/population")
    try:
        coupons, users, templates, truth = (pd.read_parquet(shop / f"{name}.parquet") for name in names)
    except OSError as error:
        raise InputError("shop", str(shop), "a folder of fairdeal simulate, with its truth") from error
    worth = templates.set_index("template_id")
    most = worth["face_cents"].fillna(worth["cap_cents"])
    rows = coupons[["user_id", "claimed_at", "device_id", "ip", "address", "template_id"]]
    rows = rows.assign(worth_cents=rows["template_id"].map(most).fillna(0))
    rows = rows.merge(users[["user_id", "registered_at", "acquisition_channel"]], on="user_id")
    rows = rows.merge(truth[["user_id", "ring_id", "family", "look_alike", "abusive"]], on="user_id")
    rows["abusive"] = rows["abusive"].astype(int)
    return rows.sort_values(["claimed_at", "user_id"], ignore_index=True)[list(COLUMNS)]


if __name__ == "__main__":
    claims_log([Path(name) for name in sys.argv[2:]]).to_csv(sys.argv[1], index=False)
