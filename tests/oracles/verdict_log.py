"""A scored log with verdicts that anyone can check by eye: who is abusive, who looks it, and what reviewers said.

Accounts act on one to four moments over ten weeks. *Loud* abuse has label-free evidence, *quiet* abuse has none but
spends at one merchant, *unseen* abuse has evidence of its own kind and no verdict ever; look-alikes have some evidence
and regular customers around them; the rest has nothing. Reviewers see a part, days later, and err once in 25.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.abuse.boosted import Verdicts
from models.abuse.evidence import BASE

DAY = 86_400_000_000
START = 20_003 * DAY
KINDS = ("honest", "look_alike", "loud", "quiet", "unseen")
_SHARES = (0.86, 0.07, 0.03, 0.025, 0.015)
_REVIEWED = (0.03, 0.3, 0.6, 0.5, 0.0)


@dataclass(frozen=True)
class VerdictLog:
    """Rows in time order with their columns and label-free log odds; ``kind`` by account; verdicts in time order."""

    X: pd.DataFrame
    prior: np.ndarray
    at: np.ndarray
    user: np.ndarray
    names: list[str]
    kind: np.ndarray
    verdicts: Verdicts

    @property
    def abusive(self) -> np.ndarray:
        return np.isin(self.kind, ("loud", "quiet", "unseen"))


def verdict_log(accounts: int = 2500, seed: int = 0, weeks: int = 10) -> VerdictLog:
    """Draw a log; the same seed gives the same log."""
    rng = np.random.default_rng(seed)
    kind = np.array(KINDS)[rng.choice(len(KINDS), accounts, p=_SHARES)]
    user = np.repeat(np.arange(accounts), rng.integers(1, 5, accounts))
    first = START + rng.integers(0, weeks * 7 * DAY, accounts)
    at = first[user] + rng.integers(0, 3 * DAY, len(user))
    order = np.argsort(at, kind="stable")
    at, user = at[order], user[order]
    of = kind[user]
    n = len(user)
    company = np.where(
        of == "loud", rng.uniform(1.0, 2.0, n), np.where(of == "look_alike", rng.uniform(0.8, 1.4, n), 0)
    )
    drain = np.where(of == "unseen", rng.uniform(1.0, 2.0, n), 0.0)
    X = pd.DataFrame(
        {
            "device_same_bare_7d": np.round(2 * company),
            "ip_engaged_ever": np.where(of == "look_alike", rng.integers(2, 9, n), rng.integers(0, 2, n)),
            "views_ever": rng.poisson(5, n),
            "own_merchant_spends_30d": np.where(of == "quiet", rng.integers(4, 9, n), rng.poisson(0.7, n)),
            "term_device": 4.0 * company,
            "term_drain": 4.0 * drain,
        }
    ).astype(np.float32)
    reviewed = np.flatnonzero(rng.random(accounts) < np.array(_REVIEWED)[[KINDS.index(k) for k in kind]])
    decided = first[reviewed] + ((4 + rng.exponential(5, len(reviewed))) * DAY).astype(np.int64)
    said = np.isin(kind[reviewed], ("loud", "quiet")) ^ (rng.random(len(reviewed)) < 0.04)
    order = np.argsort(decided, kind="stable")
    verdicts = Verdicts(reviewed[order].astype(np.int64), decided[order], said[order])
    prior = (BASE + X["term_device"] + X["term_drain"]).to_numpy(np.float64)
    return VerdictLog(X, prior, at, user, [f"u{i}" for i in range(accounts)], kind, verdicts)
