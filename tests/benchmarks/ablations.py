"""What it is worth to keep abusers out: of the training, and of the expected value; each alone and both together.

    fairdeal bench ablations --json

On simulated shops with farmers in the coupon trial (``farmed.shop``): many, a few, and many who browse like customers.
Per shop the effects are learnt from the earlier decisions, with and without those of users known as abusive at the
split (verdicts, and flags of the detector as of the split); the later decisions are allocated under one budget, with
the expected value discounted by P(abuse) or not. The abuse model that says P(abuse) learnt from another shop of the
same world. What the choices truly earned is read from the shop's truth, so the only noise is between shops: intervals
are Student's over seeds, differences are paired.

``thinned`` is the filter's placebo: as many decisions left out, those of users drawn at random. A learner that is short
of data loses its grip on who gains from one row more or less; what the filter does beyond that is ``filter`` less
``thinned``.

``open``: everybody may get coupons. ``kept``: as the product does, users known as abusive at the split get none.
No setting was chosen on these seeds. The last three were added when a further shop
contradicted the first five.
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
from features.shop import prepare
from features.snapshots import midnight
from models.policy.expected import expected_profit
from models.policy.intervals import student_quantile
from models.policy.knapsack import allocate
from models.registry import Effects, Loaded, Registry, effects
from models.uplift.bundle import fit_bundle
from models.uplift.trial import Trial
from pipelines.abuse_probability import abuse_probability
from pipelines.build_features import last_day
from pipelines.flag_abuse import flag_abuse
from pipelines.known_abuse import NOBODY, known_abuse
from pipelines.read_features import decisions_between
from pipelines.train_abuse import learn_abuse
from pipelines.uplift_log import CODES, FEATURES, offers_in, parts_of, trial_of
from serving.settings import load_settings

SEEDS = (431, 432, 433, 434, 435, 436, 437, 438)
USERS, DAYS, ZONE = 5000, 90, "Asia/Shanghai"
TEACHER, TEACHER_USERS = 430, 3000
# Share of the users in rings, and whether they come for the coupon only.
WORLDS: Mapping[str, tuple[float, bool]] = {"many": (0.05, True), "browsing": (0.05, False), "few": (0.01, True)}
HELD_OUT, BUDGET_SHARE = 0.25, 0.5
EVERYBODY, HONEST, THINNED = "everybody", "honest", "thinned"
# Whose decisions teach, and whether P(abuse) discounts.
CELLS = {
    "neither": (EVERYBODY, False),
    "filter": (HONEST, False),
    "discount": (EVERYBODY, True),
    "both": (HONEST, True),
    "thinned": (THINNED, False),
}
COMPARED = (*((cell, "neither") for cell in list(CELLS)[1:]), ("filter", "thinned"))
_EPOCH = datetime(1970, 1, 1)


def run(
    seeds: tuple[int, ...] = SEEDS,
    users: int = USERS,
    days: int = DAYS,
    worlds: Mapping[str, tuple[float, bool]] = WORLDS,
) -> dict[str, float]:
    """Flat figures: ``<world>_<open|kept>_<cell>_<figure>``, and ``…_<cell>_minus_<cell>_…`` with bounds."""
    figures: dict[str, float] = {"users": float(users), "days": float(days), "shops": float(len(seeds))}
    for name, (share, brisk) in worlds.items():
        with tempfile.TemporaryDirectory() as home:
            settings = load_settings().model_copy(update={"home": Path(home)})
            farmed_shop(min(users, TEACHER_USERS), days, TEACHER, share, brisk, settings.home / "teacher")
            trained = learn_abuse(settings, settings.home / "teacher")
            abuse = Registry(settings.mlflow_uri, settings.mlflow_artifacts).load("abuse", trained.version)
            shops = []
            for seed in seeds:
                tables = settings.home / f"shop-{seed}"
                farmed_shop(users, days, seed, share, brisk, tables)
                shops.append(one_shop(tables, abuse, seed))
        figures |= {f"{name}_{figure}": value for figure, value in _over_shops(shops).items()}
    return figures


def _over_shops(shops: list[dict[str, float]]) -> dict[str, float]:
    """Means over shops; of cells also the paired differences."""
    values = {figure: np.array([shop[figure] for shop in shops]) for figure in shops[0]}
    figures = {figure.replace(":", "_"): float(value.mean()) for figure, value in values.items()}
    for figure in values:
        kind, cell, what = figure.split(":") if ":" in figure else ("", "", "")
        for other in (base for one, base in COMPARED if one == cell):
            less = values[figure] - values[f"{kind}:{other}:{what}"]
            figures |= _interval(f"{kind}_{cell}_minus_{other}_{what}", less)
    return figures


def one_shop(tables: Path, abuse: Loaded, seed: int) -> dict[str, float]:
    """Figures of one shop; those of a cell are named ``<open|kept>:<cell>:<figure>``, per held-out decision."""
    con = connect()
    shop = prepare(con, load_tables(con, tables))
    before = midnight(last_day(shop))
    offers = offers_in(shop["decisions"].select("offer").execute()["offer"])
    frame = decisions_between(con, shop, _EPOCH, before, ZONE, offers)
    con.disconnect()
    trial, _ = trial_of(frame, [feature.name for feature in FEATURES], offers)
    everybody = parts_of(trial, HELD_OUT)
    flags = tables.with_suffix(".parquet")
    flag_abuse(tables, flags, as_of=everybody.cutoff)
    found_out = known_abuse(tables, flags)
    moment = np.datetime64(everybody.cutoff, "us")
    assert trial.time is not None
    assert trial.cluster is not None
    later = trial.time >= moment
    everyone = truth_of(tables, frame["decision_id"].to_numpy(), trial.arms)
    truth = Truth(everyone.profit[later], everyone.cost[later], everyone.abusive[later])
    known = found_out.before(trial.cluster, np.full(len(trial), moment)) != NOBODY
    chance = abuse_probability(abuse, frame[later])
    assert chance is not None
    honest = parts_of(trial, HELD_OUT, found_out).train
    train = {EVERYBODY: everybody.train, HONEST: honest, THINNED: _thinned(everybody.train, len(honest), seed)}
    learnt = {who: _learn(part, everybody.later) for who, part in train.items()}
    budget = BUDGET_SHARE * _wish(learnt[EVERYBODY])
    left_out = known & ~later
    found = {
        "train_decisions": float(len(everybody.train)),
        "train_decisions_filtered": float(left_out.sum()),
        "train_decisions_filtered_but_honest": float((left_out & ~everyone.abusive).sum()),
        "train_abusive_share": float(everyone.abusive[~later].mean()),
        "held_out_decisions": float(later.sum()),
        "held_out_abusive_share": float(truth.abusive.mean()),
        "held_out_known_share_of_abusive": _mean(known[later][truth.abusive].astype(float)),
        "held_out_known_but_honest": _mean(known[later][~truth.abusive].astype(float)),
        "p_abuse_of_abusive": _mean(chance[truth.abusive]),
        "p_abuse_of_honest": _mean(chance[~truth.abusive]),
    }
    for kind, withheld in (("open", np.zeros(len(truth.abusive), dtype=bool)), ("kept", known[later])):
        for cell, (who, discounted) in CELLS.items():
            own = learnt[who]
            profit = expected_profit(own, chance if discounted else None)
            figures = _outcome(profit, own.cost, withheld, budget, truth)
            found |= {f"{kind}:{cell}:{name}": value for name, value in figures.items()}
    return found


def _thinned(train: Trial, rows: int, seed: int) -> Trial:
    """The trial without whole users drawn at random, until no more than so many rows are left."""
    assert train.cluster is not None
    users, code = np.unique(train.cluster.astype(str), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(users))
    gone = np.cumsum(np.bincount(code)[order])
    dropped = order[: int(np.searchsorted(gone, len(train) - rows)) + 1] if rows < len(train) else order[:0]
    return train.rows(~np.isin(code, dropped))


def _learn(train: Trial, later: Trial) -> Effects:
    X = later.X.to_numpy(float)
    categorical = [name for name in CODES if name in train.X]
    return effects(fit_bundle(train, seed=0, categorical=categorical).artefact(X[:4], {}), X)


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
