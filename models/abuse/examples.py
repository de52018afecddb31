"""Whom a model of abuse learns from at a moment: judged accounts, and unjudged ones as the label-free score sees them.

In: the label-free log odds of every spine row, and the verdicts decided before the moment. Out: ``Examples``, rows in
groups of one account. Reviewers look where they suspect, so the judged are no random sample:

- a judged account stands for the unjudged of its score band: its weight is the inverse of the band's share of judged
  accounts, at most MOST_WEIGHT (uncapped, one wrong verdict among quiet accounts would outweigh a ring);
- an unjudged account has the label-free probability as its target. A model that starts from that probability feels no
  pull there, and a counter-pull as soon as it moves: what nobody has judged stays as it is until verdicts on accounts
  that look the same say otherwise. Abuse of a kind that no reviewer has seen is therefore not talked down.

An account is as suspicious as its worst row: of an abusive one only that row is an example, of the others every row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.abuse.evidence import Floats
from models.abuse.marks import DAY

MOST_WEIGHT = 5.0
UNSEEN_SHARE = 0.25  # of the unjudged that score next to nothing, as many are drawn and weigh four times as much
NOTICED = 0.02  # unjudged accounts from this score on are all taken
BANDS = (0.005, 0.02, 0.1, 0.25, 0.7)  # label-free scores between which the share of judged accounts is counted
_BACK = 45 * DAY  # what an account did longer before its verdict was not what the reviewer judged


@dataclass(frozen=True)
class Verdicts:
    """One line per decided account: account number, when decided (microseconds), abusive or not."""

    user: NDArray[np.int64]
    at: NDArray[np.int64]
    abusive: NDArray[np.bool_]

    def before(self, moment: int) -> Verdicts:
        """Those decided strictly before a moment, in that order; of contradicting ones the last holds."""
        known = np.flatnonzero(self.at < moment)
        known = known[np.argsort(self.at[known], kind="stable")]
        return Verdicts(self.user[known], self.at[known], self.abusive[known])


@dataclass(frozen=True)
class Examples:
    """Rows (n,) grouped by account, the worst first; ``first`` (m,) says where each account's group begins.

    ``target`` and ``weight`` are per account (m,), ``judged`` tells verdicts from label-free targets.
    """

    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    target: Floats
    weight: Floats
    judged: NDArray[np.bool_]

    @property
    def positives(self) -> int:
        """How many accounts were judged abusive."""
        return int((self.target[self.judged] > 0.5).sum())

    @property
    def group(self) -> NDArray[np.int64]:
        """The account of each row, as an index into ``first``."""
        return np.repeat(np.arange(len(self.first)), np.diff(np.append(self.first, len(self.rows))))

    def of(self, accounts: NDArray[np.bool_]) -> Examples:
        """Some of the accounts (m,) with their rows."""
        rows = accounts[self.group]
        first = np.flatnonzero(np.diff(self.group[rows], prepend=-1))
        return Examples(self.rows[rows], first, self.target[accounts], self.weight[accounts], self.judged[accounts])

    def highest(self, score: Floats) -> Floats:
        """The highest of a score (n,) over the rows of each account: (m,)."""
        return np.maximum.reduceat(score, self.first) if len(self.first) else np.zeros(0)

    def teaching(self, prior: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Rows, targets and weights to learn from; ``prior`` are the log odds of all spine rows."""
        group = self.group
        worst = np.zeros(len(self.rows), bool)
        worst[self.first] = True
        abusive = self.judged & (self.target > 0.5)
        keep = worst | ~abusive[group]
        target = np.where(self.judged[group], self.target[group], probability(prior[self.rows]))
        return self.rows[keep], target[keep], self.weight[group][keep]


def probability(log_odds: Floats) -> Floats:
    """Log odds as probabilities.

    >>> probability(np.array([0.0])).tolist()
    [0.5]
    """
    return 1.0 / (1.0 + np.exp(-np.maximum(log_odds, -500.0)))


def examples(
    prior: Floats,
    at: NDArray[np.int64],
    user: NDArray[np.int64],
    drawn: NDArray[np.bool_],
    known: Verdicts,
    moment: int,
) -> Examples:
    """What can be learnt from at ``moment``.

    Args:
        prior, at, user: label-free log odds, time and account number of every spine row, (n,) each.
        drawn: (accounts,) which unjudged accounts are drawn (a share of UNSEEN_SHARE).
        known: verdicts decided before the moment, in time order (``Verdicts.before``).
    """
    decided = np.full(len(drawn), -1, np.int64)
    abusive = np.zeros(len(drawn))
    decided[known.user] = known.at
    abusive[known.user] = known.abusive
    limit = decided[user]
    usable = np.where(limit >= 0, (at < limit) & (at >= limit - _BACK), at < moment)
    top = np.full(len(drawn), -np.inf)
    np.maximum.at(top, user[usable], prior[usable])
    present = np.isfinite(top)
    score = probability(top)
    judged = (decided >= 0) & present
    noticed = score > NOTICED
    weight = np.where(judged, _inverse_share(score, judged, present), np.where(noticed, 1.0, 1.0 / UNSEEN_SHARE))
    kept = present & (judged | drawn | noticed)
    rows = np.flatnonzero(usable & kept[user])
    rows = rows[np.lexsort((rows, -prior[rows], user[rows]))]
    first = np.flatnonzero(np.diff(user[rows], prepend=-1))
    who = user[rows[first]]
    target = np.where(judged, abusive, score)
    return Examples(rows, first, target[who], weight[who], judged[who])


def _inverse_share(score: Floats, judged: NDArray[np.bool_], present: NDArray[np.bool_]) -> Floats:
    """Accounts per judged account in the account's score band, from 1 to MOST_WEIGHT."""
    band = np.digitize(score, BANDS)
    everyone = np.bincount(band[present], minlength=len(BANDS) + 1)
    seen = np.bincount(band[judged], minlength=len(BANDS) + 1)
    return np.minimum((everyone + 1) / (seen + 1), MOST_WEIGHT)[band]
