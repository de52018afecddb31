"""Who looks like an abuser and is not: accounts that share values with many others, by what people and use say of them.

A cap on harm needs innocent people to count. An account counts as a look-alike when it shared a device or an address
with two others, or an IP with five, and a person found it honest or, where nobody looked, it has paid in full: nobody
farms coupons that way. These are older than the look-alikes that are missed most, new people behind one gateway, so a
rate over them is a lower bound where few verdicts say ``legitimate``; the counts of both kinds are reported.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.decision.actions import Floats
from models.abuse.detect import Detected

SHARED = {"device_n_ever": 2, "address_n_ever": 2, "ip_n_ever": 5}
"""Other accounts from which sharing is remarkable, per kind of value."""


def judged(found: Detected, verdicts: pd.DataFrame | None) -> Floats:
    """What people said of each account (n,): 1 abusive, 0 legitimate, NaN where nobody looked; the last word counts."""
    if verdicts is None or verdicts.empty:
        return np.full(len(found.accounts), np.nan)
    last = verdicts.sort_values(["us", "abusive"]).drop_duplicates("user_id", keep="last")
    said = last.set_index("user_id")["abusive"].astype(np.float64)
    return found.accounts["user_id"].map(said).to_numpy(np.float64)


def look_alikes(found: Detected, abusive: Floats) -> NDArray[np.bool_]:
    """Which accounts (n,) are innocent look-alikes; ``abusive`` is what ``judged`` gives."""
    rows = found.rows
    shares = np.zeros(len(rows), bool)
    for column, least in SHARED.items():
        shares |= rows[column].to_numpy(np.float64) >= least
    paid = rows["full_orders_ever"].to_numpy(np.float64) >= 1
    account = rows["account"].to_numpy(np.int64)
    sharing, in_use = np.zeros(len(found.accounts), bool), np.zeros(len(found.accounts), bool)
    sharing[account[shares]] = True
    in_use[account[paid]] = True
    innocent: NDArray[np.bool_] = sharing & np.where(np.isnan(abusive), in_use, abusive == 0.0)
    return innocent
