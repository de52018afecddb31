"""What it is worth to keep abusers out: of the training, and of the expected value; each alone and both together.

    fairdeal bench ablations --json

On simulated shops with farmers in the coupon trial (``farmed.shop``): many, a few, and many who browse like customers.
Per shop the effects are learnt from the earlier decisions, with and without those of users known as abusive at the
split (verdicts, and flags of the detector as of the split); the later decisions are allocated under one budget, with
the expected value discounted by P(abuse) or not: the probability that the product uses, of the abuse model trained as
of the split. What the choices truly earned is read from the shop's truth, so the only noise is between shops: intervals
are Student's over seeds, differences are paired.

``open``: everybody may get coupons. ``kept``: as the product does, users known as abusive at the split get none.
Seeds are fresh: no setting was chosen on them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.farmed.shop import Truth, farmed_shop, truth_of

from features.engine import connect, load_tables
from features.groups import IDENTITY, USER
from features.shop import prepare
from features.snapshots import midnight
from models.policy.expected import expected_profit
from models.policy.intervals import student_quantile
from models.policy.knapsack import allocate
from models.registry import Effects, Registry, effects
from models.uplift.bundle import fit_bundle
from models.uplift.trial import Trial
from pipelines.abuse_probability import abuse_probability
from pipelines.build_features import last_day
from pipelines.flag_abuse import flag_abuse
from pipelines.known_abuse import NOBODY, known_abuse
from pipelines.read_features import decisions_between
from pipelines.train_abuse import learn_abuse
from pipelines.uplift_log import offers_in, parts_of, trial_of
from serving.settings import Settings, load_settings

SEEDS = (421, 422, 423, 424, 425)
USERS, DAYS, ZONE = 6000, 90, "Asia/Shanghai"
# Share of the users in rings, and whether they come for the coupon only.
WORLDS: Mapping[str, tuple[float, bool]] = {"many": (0.05, True), "few": (0.01, True), "browsing": (0.05, False)}
HELD_OUT, BUDGET_SHARE = 0.25, 0.5
CELLS = {"neither": (False, False), "filter": (True, False), "discount": (False, True), "both": (True, True)}
_EPOCH = datetime(1970, 1, 1)


def run(
    seeds: tuple[int, ...] = SEEDS,
    users: int = USERS,
    days: int = DAYS,
    worlds: Mapping[str, tuple[float, bool]] = WORLDS,
) -> dict[str, float]:
    """Flat figures: ``<world>_<open|kept>_<cell>_<figure>``, and ``…_<cell>_minus_neither_…`` with bounds."""
    figures: dict[str, float] = {"users": float(users), "days": float(days), "shops": float(len(seeds))}
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings().model_copy(update={"home": Path(home)})
        for name, (share, brisk) in worlds.items():
            shops = [one_shop(settings, users, days, seed, share, brisk) for seed in seeds]
            figures |= {f"{name}_{figure}": value for figure, value in _over_shops(shops).items()}
    return figures


def _over_shops(shops: list[dict[str, float]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for figure in shops[0]:
        values = np.array([shop[figure] for shop in shops])
        figures[figure.replace(":", "_")] = float(values.mean())
        kind, cell, what = figure.split(":") if ":" in figure else ("", "", "")
        if cell and cell != "neither":
            less = values - np.array([shop[f"{kind}:neither:{what}"] for shop in shops])
            figures |= _interval(f"{kind}_{cell}_minus_neither_{what}", less)
    return figures


def one_shop(settings: Settings, users: int, days: int, seed: int, share: float, brisk: bool) -> dict[str, float]:
    """Figures of one shop; those of a cell are named ``<open|kept>:<cell>:<figure>``, per held-out decision.

    The shop is written below the settings' home, whose registry the abuse models of all shops share.
    """
    tables = settings.home / f"shop-{seed}-{share}-{brisk}"
    farmed_shop(users, days, seed, share, brisk, tables)
    con = connect()
    shop = prepare(con, load_tables(con, tables))
    before = midnight(last_day(shop))
    offers = offers_in(shop["decisions"].select("offer").execute()["offer"])
    frame = decisions_between(con, shop, _EPOCH, before, ZONE, offers)
    trial, _ = trial_of(frame, (*USER.names, *IDENTITY.names), offers)
    everybody = parts_of(trial, HELD_OUT)
    flags = tables.with_suffix(".parquet")
    flag_abuse(tables, flags, as_of=everybody.cutoff)
    abuse = known_abuse(tables, flags)
    honest = parts_of(trial, HELD_OUT, abuse)
    later, moment = everybody.later, np.datetime64(everybody.cutoff, "us")
    assert trial.time is not None
    assert later.cluster is not None
    held_out = trial.time >= np.datetime64(everybody.cutoff)
    truth = truth_of(tables, frame["decision_id"].to_numpy()[held_out], trial.arms)
    known = abuse.before(later.cluster, np.full(len(later), moment)) != NOBODY
    trained = learn_abuse(settings, tables, as_of=everybody.cutoff)
    chance = abuse_probability(
        Registry(settings.mlflow_uri, settings.mlflow_artifacts).load("abuse", trained.version), frame[held_out]
    )
    assert chance is not None
    learnt = {kept: _learn(part, later) for kept, part in ((False, everybody.train), (True, honest.train))}
    budget = BUDGET_SHARE * _wish(learnt[False])
    found = {
        "train_decisions": float(len(everybody.train)),
        "train_decisions_filtered": float(len(everybody.train) - len(honest.train)),
        "held_out_decisions": float(len(later)),
        "held_out_abusive_share": float(truth.abusive.mean()),
        "held_out_known_share_of_abusive": float(known[truth.abusive].mean()) if truth.abusive.any() else 0.0,
        "held_out_known_but_honest": float(known[~truth.abusive].mean()),
        "p_abuse_of_abusive": _mean(chance[truth.abusive]),
        "p_abuse_of_honest": _mean(chance[~truth.abusive]),
    }
    for kind, withheld in (("open", np.zeros(len(later), dtype=bool)), ("kept", known)):
        for cell, (filtered, discounted) in CELLS.items():
            own = learnt[filtered]
            profit = expected_profit(own, chance if discounted else None)
            figures = _outcome(profit, own.cost, withheld, budget, truth)
            found |= {f"{kind}:{cell}:{name}": value for name, value in figures.items()}
    return found


def _learn(train: Trial, later: Trial) -> Effects:
    artefact = fit_bundle(train, seed=0).artefact(later.X.to_numpy(float)[:4], {})
    return effects(artefact, later.X.to_numpy(float))


def _wish(own: Effects) -> float:
    """Expected cost of the offers that seem best, money being no object."""
    best = own.profit.argmax(axis=1)
    return float(own.cost[np.arange(len(best)), best].sum())


def _outcome(
    profit: np.ndarray, cost: np.ndarray, withheld: np.ndarray, budget: float, truth: Truth
) -> dict[str, float]:
    eligible = np.ones(profit.shape, dtype=bool)
    eligible[withheld, 1:] = False
    chosen = allocate(profit, cost, budget, eligible).offer
    rows = np.arange(len(chosen))
    given, spent = (chosen > 0) & truth.abusive, truth.cost[rows, chosen]
    return {
        "profit_cents": float(truth.profit[rows, chosen].mean()),
        "spent_cents": float(spent.mean()),
        "coupons_to_abusers_share": float(given.sum() / max((chosen > 0).sum(), 1)),
        "abusers_served_share": float(given.sum() / max(truth.abusive.sum(), 1)),
        "cents_to_abusers": float((spent * truth.abusive).mean()),
    }


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _interval(name: str, values: np.ndarray) -> dict[str, float]:
    """Mean over shops with Student's 95 % interval."""
    n = len(values)
    reach = student_quantile(0.95, n - 1) * float(values.std(ddof=1)) / n**0.5 if n > 1 else float("inf")
    mean = float(values.mean())
    return {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
