"""What a rule would have done over the past weeks: cases, reviews, people met, cents kept.

One run of the detector serves all rules: every score was made from what came before its moment, so the rule is replayed
on the days as they were. An account is acted on from the moment it reaches the rule's threshold, on its own or through
its ring; a ring is one case, and the reviewers take the cases with the largest expected loss first (``review_queue``).
While a case waits, its coupons wait; an account that a person found honest is released at the end of that day.

Truth is what people said: accounts that nobody looked at are neither right nor wrong, and figures that need truth
count judged accounts alone. Reviewed accounts were chosen for their scores, so such recall is that of a chosen sample;
an audited random slice would make it unbiased.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError
from models.abuse.decision.actions import ACTIONS, ALLOW, CAP, HOLD, WITHHOLD, Decider, Floats
from models.abuse.decision.budgets import GRID
from models.abuse.decision.intervals import share_of_clusters
from models.abuse.decision.review_queue import WAITING, reviewed_on
from models.abuse.decision.standing import (
    NEVER,
    Reached,
    cases_of,
    company,
    reached,
    spending,
    stakes,
    typical_coupon_cents,
)
from models.abuse.detect import Detected
from models.abuse.marks import DAY

REVIEW_MINUTES = 4
"""A person's time for a case, as ``actions.REMEDIES`` reckons it."""


@dataclass(frozen=True)
class Past:
    """A window of days with what is needed to judge rules over it.

    ``abusive`` (n,) per account of ``found``: 1, 0, or NaN where nobody has judged; ``look_alike`` (n,) marks innocent
    accounts that share values with many others; ``start`` and ``end`` in microseconds.
    """

    found: Detected
    abusive: Floats
    look_alike: NDArray[np.bool_]
    start: int
    end: int
    _levels: dict[float, Reached] = field(default_factory=dict, repr=False)
    _stakes: dict[float, Floats] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InputError("window", (self.start, self.end), "an end after its start")

    def reached(self, level: float) -> Reached:
        """When each account reached a score; found once per level, however many rules ask."""
        if level not in self._levels:
            self._levels[level] = reached(self.found, level)
        return self._levels[level]

    def at_stake(self, level: float) -> Floats:
        """Cents at stake (n,) when each account reached a score."""
        if level not in self._stakes:
            self._stakes[level] = stakes(self.spent, self.reached(level).at, self.typical_cents)
        return self._stakes[level]

    @cached_property
    def spent(self) -> pd.DataFrame:
        """Discounts taken: account, us, cents."""
        return spending(self.found)

    @cached_property
    def typical_cents(self) -> float:
        """What a coupon was worth before the window, or in it where nothing is known of before."""
        before = self.spent[self.spent["us"] < self.start]
        return typical_coupon_cents(before if len(before) else self.spent)

    @property
    def days(self) -> int:
        return -(-(self.end - self.start) // DAY)


@dataclass(frozen=True)
class Backtest:
    """``accounts`` that had a row in the window: account, user_id, action, first (the action it met first), at, p,
    stake_cents, case, reviewed_day, abusive, look_alike, taken_cents, stopped_cents; ``daily``: day, opened, reviewed,
    waiting; ``figures`` under flat names."""

    decider: Decider
    accounts: pd.DataFrame
    daily: pd.DataFrame
    figures: dict[str, float]


def backtest(past: Past, decider: Decider, per_day: int) -> Backtest:
    """Replay a rule over the window with ``per_day`` reviews a day."""
    accounts = _acted_on(past, decider)
    cases = _cases(accounts)
    day = (cases["at"].to_numpy(np.int64) - past.start) // DAY
    done = reviewed_on(day, cases["loss"].to_numpy(np.float64), per_day, past.days)
    accounts["reviewed_day"] = accounts["case"].map(dict(zip(cases["case"], done, strict=True))).fillna(WAITING)
    accounts["reviewed_day"] = accounts["reviewed_day"].astype(np.int64)
    accounts["taken_cents"], accounts["stopped_cents"] = _money(past, decider, accounts)
    daily = pd.DataFrame({"day": np.arange(past.days)})
    daily["opened"] = np.bincount(day, minlength=past.days)[: past.days]
    daily["reviewed"] = np.bincount(done[done >= 0], minlength=past.days)[: past.days]
    daily["waiting"] = (daily["opened"] - daily["reviewed"]).cumsum()
    figures = _figures(past, accounts, cases.assign(day=day, done=done), daily)
    figures |= _intervals(accounts) | _expected(past, decider, accounts, len(cases))
    return Backtest(decider, accounts, daily, figures)


def changes(before: Backtest, after: Backtest) -> pd.DataFrame:
    """Accounts whose action differs between two rules over one window: user_id, before, after, p, stake_cents."""
    both = before.accounts[["user_id", "action"]].merge(
        after.accounts[["user_id", "action", "p", "stake_cents"]], on="user_id", suffixes=("_before", "_after")
    )
    both = both.rename(columns={"action_before": "before", "action_after": "after"})
    moved = both[both["before"] != both["after"]]
    return moved.sort_values(["stake_cents", "user_id"], ascending=[False, True], ignore_index=True)


def _acted_on(past: Past, decider: Decider) -> pd.DataFrame:
    """One line per account that did something in the window: what was decided about it first and in the end, and when.

    The rule decides anew at every level of GRID that an account reaches: what is not worth a review at .3 may be at .5.
    """
    found = past.found
    count = len(found.accounts)
    typical = past.typical_cents
    decider = replace(decider, coupon_cents=typical)
    case = cases_of(found, decider.thresholds.review)
    first, last = np.full(count, ALLOW, "U8"), np.full(count, ALLOW, "U8")
    at = np.full(count, NEVER)
    p, stake = np.zeros(count), np.full(count, typical)
    for level in decider.levels(GRID):
        there = past.reached(level)
        here = np.flatnonzero(there.at < past.end)
        stake[here] = past.at_stake(level)[here]
        p[here] = there.score[here]
        chosen = decider.actions(p[here], stake[here], company(there.at, case)[here])
        # A cap gives way to a stricter action; what it kept until then is not counted.
        begins = np.isin(first[here], (ALLOW, CAP)) & (chosen != ALLOW) & (chosen != first[here])
        first[here[begins]], at[here[begins]] = chosen[begins], there.at[here[begins]]
        last[here] = np.where(chosen == WITHHOLD, WITHHOLD, first[here])
    rows = found.rows["us"].to_numpy(np.int64)
    active = np.zeros(count, bool)
    active[found.rows["account"].to_numpy(np.int64)[(rows >= past.start) & (rows < past.end)]] = True
    table = pd.DataFrame(
        {
            "account": np.arange(count),
            "user_id": found.accounts["user_id"].to_numpy(),
            "action": last,
            "first": first,
            "at": at,
            "p": p,
            "stake_cents": stake,
            "case": case,
            "abusive": past.abusive,
            "look_alike": past.look_alike,
        }
    )
    # Of accounts that were acted on before the window nothing is left to decide in it.
    return table[active & (at >= past.start)].reset_index(drop=True)


def _money(past: Past, decider: Decider, accounts: pd.DataFrame) -> tuple[Floats, Floats]:
    """Cents that each account took in the window, and what of it the rule would have kept."""
    spent = past.spent[(past.spent["us"] >= past.start) & (past.spent["us"] < past.end)]
    merged = spent.merge(accounts.assign(place=np.arange(len(accounts))), on="account")
    released = (merged["reviewed_day"] >= 0) & (merged["first"] == HOLD) & merged["abusive"].eq(0.0)
    until = np.where(released, past.start + (merged["reviewed_day"] + 1) * DAY, NEVER)
    met = (merged["us"] >= merged["at"]) & (merged["us"] < until)
    passes = merged["first"].map({action: of.passes for action, of in decider.remedies.items()})
    kept = merged["cents"] * (1.0 - passes) * met
    place, count = merged["place"].to_numpy(np.int64), len(accounts)
    taken = np.bincount(place, weights=merged["cents"].to_numpy(np.float64), minlength=count)
    stopped = np.bincount(place, weights=kept.to_numpy(np.float64), minlength=count)
    return np.asarray(taken, np.float64), np.asarray(stopped, np.float64)


def _cases(accounts: pd.DataFrame) -> pd.DataFrame:
    """The cases that wait for a person: case, at, loss (expected cents), members, by time."""
    held = accounts[accounts["first"] == HOLD]
    held = held.assign(loss=held["p"] * held["stake_cents"])
    cases = held.groupby("case", as_index=False).agg(at=("at", "min"), loss=("loss", "sum"), members=("at", "size"))
    return cases.sort_values(["at", "case"], ignore_index=True)


def _figures(past: Past, accounts: pd.DataFrame, cases: pd.DataFrame, daily: pd.DataFrame) -> dict[str, float]:
    action = accounts["action"].to_numpy()
    judged, bad = accounts["abusive"].notna().to_numpy(), accounts["abusive"].eq(1.0).to_numpy()
    alike, touched = accounts["look_alike"].to_numpy(bool), action != ALLOW
    taken, stopped = accounts["taken_cents"].to_numpy(np.float64), accounts["stopped_cents"].to_numpy(np.float64)
    seen = cases["done"].to_numpy() >= 0
    waited = (cases["done"] - cases["day"]).to_numpy()[seen]
    figures: dict[str, float] = {f"accounts_{name}": float((action == name).sum()) for name in ACTIONS}
    figures |= {
        "days": float(past.days),
        "cases": float(len(cases)),
        "cases_per_day": len(cases) / past.days,
        "reviewed": float(seen.sum()),
        "waiting_at_the_end": float(daily["waiting"].iat[-1]) if len(daily) else 0.0,
        "median_days_to_review": float(np.median(waited)) if len(waited) else 0.0,
        "judged": float(judged.sum()),
        "judged_abusive": float(bad.sum()),
        "precision_of_judged": _share(bad, judged & touched),
        "automatic_precision_of_judged": _share(bad, judged & (action == WITHHOLD)),
        "recall_of_judged": _share(touched, bad),
        "look_alikes": float(alike.sum()),
        "look_alike_review_rate": _share(touched, alike),
        "look_alike_automatic_rate": _share((action == WITHHOLD) | (action == CAP), alike),
        "abusive_cents_taken": float(taken[bad].sum()),
        "abusive_cents_stopped": float(stopped[bad].sum()),
        "honest_cents_stopped": float(stopped[judged & ~bad].sum()),
        "expected_cents_stopped": float((stopped * accounts["p"]).sum()),
    }
    return figures


def _intervals(accounts: pd.DataFrame) -> dict[str, float]:
    """95 % intervals of the rates that verdicts and look-alikes give; a case is one piece of luck, not each member."""
    touched = (accounts["action"] != ALLOW).to_numpy()
    judged, bad = accounts["abusive"].notna().to_numpy(), accounts["abusive"].eq(1.0).to_numpy()
    alike, case = accounts["look_alike"].to_numpy(bool), accounts["case"].to_numpy(np.int64)
    asked = {
        "precision_of_judged": (bad, judged & touched),
        "recall_of_judged": (touched, bad),
        "look_alike_review_rate": (touched, alike),
    }
    found: dict[str, float] = {}
    for name, (what, among) in asked.items():
        low, high = share_of_clusters(what[among], case[among])
        found |= {f"{name}_low": low, f"{name}_high": high, f"{name}_of": float(among.sum())}
    return found


def _expected(past: Past, decider: Decider, accounts: pd.DataFrame, cases: int) -> dict[str, float]:
    """What the rule is expected to do to everybody, judged or not, by the last word of the scores.

    ``cost_cents`` is what abusers still take, what honest people are annoyed by, and the work of the cases.
    """
    last = past.found.accounts["score"].to_numpy(np.float64)
    p = last[accounts["account"].to_numpy(np.int64)]
    taken, stopped = accounts["taken_cents"].to_numpy(np.float64), accounts["stopped_cents"].to_numpy(np.float64)
    action = accounts["action"]
    rub = action.map({name: of.friction for name, of in decider.remedies.items()}).to_numpy(np.float64)
    caught, lost = float((p * stopped).sum()), float((p * (taken - stopped)).sum())
    friction = float(((1 - p) * rub).sum()) * past.typical_cents
    effort = cases * (decider.remedies[HOLD].effort * past.typical_cents + decider.review_price_cents)
    return {
        "caught_cents": caught,
        "lost_cents": lost,
        "honest_met": float((1 - p)[(action != ALLOW).to_numpy()].sum()),
        "friction_cents": friction,
        "effort_cents": effort,
        "cost_cents": lost + friction + effort,
        "review_hours_per_day": cases / past.days * REVIEW_MINUTES / 60,
    }


def _share(what: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(what[among].mean()) if among.any() else float("nan")
