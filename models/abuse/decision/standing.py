"""What was known of every account when: the moments at which it reached a score, and what it stood to take.

In: ``Detected``, whose rows were each scored by what came before them. Out: one line per account, so that any rule can
be judged over the past from one run of the detector. Nothing here looks past the moment it speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.decision.actions import Floats
from models.abuse.detect import Detected
from models.abuse.marks import DAY
from models.abuse.rings import carry

NEVER = np.iinfo(np.int64).max
TYPICAL_CENTS = 2000.0
"""What the next coupon is worth where the shop's tables do not say."""
_REMEMBERED = 30 * DAY


@dataclass(frozen=True)
class Reached:
    """Per account (n,): when it first reached a score (microseconds, NEVER) and the score that it then had."""

    at: NDArray[np.int64]
    score: Floats

    @property
    def ever(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.at < NEVER
        return found


def reached(found: Detected, score: float) -> Reached:
    """First moment at which each account's own row, or the ring it belongs to, came to ``score``."""
    count = len(found.accounts)
    account = found.rows["account"].to_numpy(np.int64)
    us, own = found.rows["us"].to_numpy(np.int64), found.rows["score"].to_numpy(np.float64)
    at = np.full(count, NEVER)
    over = own >= score
    np.minimum.at(at, account[over], us[over])
    carried = carry(count, found.links, own, score)
    at = np.where(carried.since >= 0, np.minimum(at, carried.since), at)
    # What the account's own rows said by then; a member that its ring lifted has at least the score asked for.
    best = np.zeros(count)
    known = us <= at[account]
    np.maximum.at(best, account[known], own[known])
    return Reached(at, np.where(at < NEVER, np.maximum(best, score), best))


def spending(found: Detected) -> pd.DataFrame:
    """Discounts taken: account, us, cents (integer), one line each, in time order.

    Orders say it where there are any; a claim's redeemed discount is the same money and is only used without them.
    """
    rows = found.rows
    orders = (rows["kind"] == "order").to_numpy()
    kind = orders if orders.any() else (rows["kind"] == "claim").to_numpy()
    cents = rows["cents"].to_numpy(np.float64)
    taken = kind & (cents > 0)
    return pd.DataFrame(
        {
            "account": rows["account"].to_numpy(np.int64)[taken],
            "us": rows["us"].to_numpy(np.int64)[taken],
            "cents": np.rint(cents[taken]).astype(np.int64),
        }
    )


def typical_coupon_cents(spent: pd.DataFrame) -> float:
    """Median discount in cents."""
    return float(spent["cents"].median()) if len(spent) else TYPICAL_CENTS


def stakes(spent: pd.DataFrame, at: NDArray[np.int64], typical_cents: float) -> Floats:
    """Cents at stake (n,) at each account's moment: what it took in the 30 days before it, and one more coupon."""
    account, us = spent["account"].to_numpy(np.int64), spent["us"].to_numpy(np.int64)
    moment = at[account]
    lately = (us < moment) & (us >= moment - _REMEMBERED)
    taken = np.bincount(account[lately], weights=spent["cents"].to_numpy(np.float64)[lately], minlength=len(at))
    at_stake: Floats = np.asarray(taken, np.float64) + typical_cents
    return at_stake


def cases_of(found: Detected, score: float) -> NDArray[np.int64]:
    """A number per account (n,) that the accounts of one ring share: what a reviewer looks at in one go."""
    count = len(found.accounts)
    root = carry(count, found.links, found.rows["score"].to_numpy(np.float64), score).root
    return np.where(root >= 0, root, np.arange(count))


def company(at: NDArray[np.int64], case: NDArray[np.int64]) -> NDArray[np.int64]:
    """Accounts (n,) of each account's case that had been reached by the time that it was, itself included."""
    by_case = pd.Series(at).groupby(case)
    return by_case.rank(method="max").to_numpy(np.int64)
