"""How well abuse is found in simulated shops, beside what a shop would use instead, on the same events and verdicts.

    fairdeal bench detection --json

Ten shops of 20,000 users over 90 days, seeds kept apart for judging. The unit is the account, by its score at the end
of the period; a row's own score uses rows and verdicts before it only. ``label_free``: no verdicts; ``online``: the
highest of the scores that were given at the rows; ``verdicts``: the newest model wholly believed; ``combined``: the
detector as it is, flagging by the scores at the rows and ranking accounts at the end by its newest model.
``unjudged`` figures are of accounts that had no verdict by the end. Early detection goes by the order of events.
``by_shop`` has each shop's own figures and counts, as JSON, for whoever draws them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.detected import one_shop
from benchmarks.detected.pooled import FPR, Pool, figures, intervals, wilson
from benchmarks.detected.rivals import RULES, rivals
from benchmarks.detected.shops import NEVER, Accounts, JudgedShop, full_say, judged_shop

from models.abuse.examples import probability
from models.abuse.metrics import average_precision, precision_at, recall_at_fpr, recall_mix

SEEDS = tuple(range(101, 111))
USERS, DAYS = 20_000, 90
OURS = ("label_free", "online", "verdicts", "combined")
TWICE = 3  # shops that are scored again without their last third, to count scores that moved
CAPACITY = 100  # accounts reviewed in the whole period of one shop
PROMPT = ("A1", "A9")  # sock puppets and bursts: to be flagged by the third account


def run(seeds: Sequence[int] = SEEDS, users: int = USERS, days: int = DAYS, quick: bool = False) -> dict[str, Any]:
    """Flat figures, pooled over shops, with bounds; and ``by_shop``."""
    pools: list[tuple[JudgedShop, dict[str, np.ndarray]]] = []
    shops: list[dict[str, Any]] = []
    for number, seed in enumerate(seeds):
        with tempfile.TemporaryDirectory() as home:
            shop = judged_shop(seed, users, days, Path(home), again=number < TWICE)
        found, scores = _one(shop, quick)
        shops.append(found)
        pools.append((shop, scores))
        print(f"seed {seed}: AP {found['combined_ap']:.3f}", file=sys.stderr, flush=True)
    pool = _pool(pools)
    result: dict[str, Any] = {"shops": float(len(seeds)), "users": float(users), "days": float(days)}
    result["abusive_share"] = float(pool.abusive.mean())
    result |= figures(pool)
    others = tuple(name for name in pool.scores if name not in OURS)
    unjudged = _pool(pools, unjudged=True)
    result |= {f"{name}_unjudged_ap": average_precision(unjudged.abusive, s) for name, s in unjudged.scores.items()}
    result |= intervals(pool, "combined", others)
    result |= _best(result, others)
    result |= _pooled_counts(shops)
    return {**result, "by_shop": shops}


def _one(shop: JudgedShop, quick: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    rows = shop.found.rows
    learnt = shop.learnt()
    accounts: dict[str, Accounts] = {
        "label_free": shop.accounts(rows["score_label_free"].to_numpy(np.float64)),
        "online": shop.accounts(probability(shop.prior + learnt.added)),
        "verdicts": shop.accounts(full_say(shop, learnt)),
        "combined": shop.combined(learnt),
    }
    shop.told_so(accounts["combined"])
    for name, score in rivals(shop, quick).items():
        accounts[name] = shop.accounts(score, threshold=0.5, rings=False)
    y = shop.abusive
    found: dict[str, Any] = {"seed": shop.seed, "accounts": len(y), "abusive": int(y.sum())}
    found |= {"changed": shop.changed, "compared": shop.compared, "verdicts": len(shop.verdicts.user)}
    for name, who in accounts.items():
        found[f"{name}_ap"] = average_precision(y, who.score)
        found |= {f"{name}_recall_fpr_{k}": recall_at_fpr(y, who.score, f) for k, f in FPR.items()}
        found[f"{name}_recall_mix"] = recall_mix(y, who.score)
        found[f"{name}_precision_{CAPACITY}"] = precision_at(y, who.score, CAPACITY)
    early = {name: accounts[name] for name in ("label_free", "combined", *RULES)}
    found["actions"] = {name: one_shop.actions(shop, accounts[name]) for name in OURS}
    found["rings"] = {name: one_shop.rings(shop, who) for name, who in early.items()}
    found["money"] = {name: one_shop.money(shop, who) for name, who in early.items()}
    found["daily"] = {name: one_shop.daily(who, y) for name, who in early.items()}
    found["honest_flagged"] = {n: [float((~y).sum()), float((w.since[~y] != NEVER).sum())] for n, w in early.items()}
    score = accounts["combined"].score
    found["reliability"] = {
        "score": one_shop.reliability(score, y),
        "calibrated": one_shop.reliability(one_shop.chance(learnt, score), y),
    }
    taught = accounts["lightgbm_with_links_rescored"].score
    found["held_out"] = {"".join(t): one_shop.held_out(shop, t, score, taught) for t in one_shop.TRIPLES}
    return found, {name: who.score for name, who in accounts.items()}


def _pool(parts: list[tuple[JudgedShop, dict[str, np.ndarray]]], unjudged: bool = False) -> Pool:
    shop = np.concatenate([np.full(len(s.people), i) for i, (s, _) in enumerate(parts)])
    group = np.concatenate(
        [
            np.where(s.people["ring"].notna(), f"{i}|" + s.people["ring"].astype(str), f"{i}|" + s.people["user_id"])
            for i, (s, _) in enumerate(parts)
        ]
    ).astype(str)
    names = parts[0][1]
    scores = {name: np.concatenate([found[name] for _, found in parts]) for name in names}
    kept = np.concatenate([s.unjudged | (not unjudged) for s, _ in parts])
    abusive = np.concatenate([s.abusive for s, _ in parts])
    return Pool(shop[kept], group[kept], abusive[kept], {name: score[kept] for name, score in scores.items()})


def _best(result: dict[str, Any], others: Sequence[str]) -> dict[str, Any]:
    """Against the best rival by pooled average precision, and the best rule by recall at 0.1 % false positives."""
    rival = max(others, key=lambda name: result[f"{name}_ap"])
    rule = max(RULES, key=lambda name: result[f"{name}_recall_fpr_01"])
    best_rule = result[f"{rule}_recall_fpr_01"]
    found = {
        "best_rival": rival,
        "best_rival_ap": result[f"{rival}_ap"],
        "ap_over_best_rival": result["combined_ap"] / result[f"{rival}_ap"],
        "ap_over_best_rival_low": result[f"ap_combined_over_{rival}_low"],
        "ap_over_best_rival_high": result[f"ap_combined_over_{rival}_high"],
        "best_rule": rule,
        "best_rule_recall_fpr_01": best_rule,
    }
    if (
        best_rule
    ):  # a rule that flags more than 0.1 % of the honest finds nothing there, and no ratio says how much more
        found["recall_fpr_01_over_best_rule"] = result["combined_recall_fpr_01"] / best_rule
    return found


def _pooled_counts(shops: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "rows_changed_by_later_rows": float(sum(s["changed"] for s in shops)),
        "rows_compared": float(sum(s["compared"] for s in shops)),
        f"combined_precision_{CAPACITY}": float(np.mean([s[f"combined_precision_{CAPACITY}"] for s in shops])),
    }
    for name in OURS:
        for kind in ("families", "look_alikes"):
            found |= _action_shares(name, kind, [s["actions"][name][kind] for s in shops])
        for action in ("review", "automatic"):
            shares = [v for k, v in found.items() if k.startswith(f"{name}_look_alikes_L") and k.endswith(action)]
            found[f"{name}_worst_look_alike_{action}"] = max(shares, default=0.0)
    for name in shops[0]["rings"]:
        found |= _early(name, [s["rings"][name] for s in shops])
        lost, paid = np.sum([s["money"][name] for s in shops], axis=0)
        good, seen = np.sum([s["daily"][name] for s in shops], axis=0)
        honest, flagged = np.sum([s["honest_flagged"][name] for s in shops], axis=0)
        found[f"{name}_cents_lost_before_detection_share"] = float(lost / max(paid, 1))
        found[f"{name}_precision_of_{one_shop.CAPACITY}_a_day"] = float(good / max(seen, 1))
        found[f"{name}_honest_flagged_share"] = float(flagged / honest)
    for kind in ("score", "calibrated"):
        found |= _reliability(kind, np.sum([s["reliability"][kind] for s in shops], axis=0))
    for triple in shops[0]["held_out"]:
        found |= _held_out(triple, [s["held_out"][triple] for s in shops])
    return found


def _action_shares(name: str, kind: str, parts: list[dict[str, list[float]]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for group in sorted(set().union(*parts)):
        n, reviewed, withheld = np.sum([p[group] for p in parts if group in p], axis=0)
        for action, hits in (("review", reviewed), ("automatic", withheld)):
            low, high = wilson(int(hits), int(n))
            key = f"{name}_{kind}_{group}_{action}"
            found |= {key: float(hits / n), f"{key}_low": float(low), f"{key}_high": float(high)}
    return found


def _early(name: str, parts: list[dict[str, list[int]]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in sorted(set().union(*parts)):
        counts = [n for p in parts for n in p.get(family, [])]
        found[f"{name}_rings_{family}"] = float(len(counts))
        found[f"{name}_rings_{family}_flagged_by_third"] = one_shop.by_third(counts) / len(counts)
        if flagged := [n for n in counts if n]:
            found[f"{name}_rings_{family}_median_account"] = float(np.median(flagged))
    prompt = [n for p in parts for family in PROMPT for n in p.get(family, [])]
    hits = one_shop.by_third(prompt)
    low, high = wilson(hits, len(prompt))
    key = f"{name}_prompt_rings_by_third"
    return {**found, key: hits / max(len(prompt), 1), f"{key}_low": float(low), f"{key}_high": float(high)}


def _reliability(kind: str, bins: np.ndarray) -> dict[str, float]:
    """Per bin the mean score and the abusive share, and their mean distance weighted by accounts (ECE)."""
    found = {}
    for low, (n, total, bad) in zip(one_shop.EDGES, bins, strict=False):
        if n:
            key = f"reliability_{kind}_from_{low:g}"
            found |= {f"{key}_n": float(n), f"{key}_mean": float(total / n), f"{key}_abusive": float(bad / n)}
    found[f"reliability_{kind}_ece"] = float(np.abs(bins[:, 1] - bins[:, 2]).sum() / bins[:, 0].sum())
    return found


def _held_out(triple: str, parts: list[dict[str, list[float]]]) -> dict[str, float]:
    """Recall of families that no verdict told of, over that of the others, and over their own with all verdicts."""
    share = {}
    for key in parts[0]:
        n, reviewed, at_fpr = np.sum([p[key] for p in parts], axis=0)
        share[key] = {"review": float(reviewed / n), "fpr_05": float(at_fpr / n)}
    found = {}
    for at in ("review", "fpr_05"):
        for name, full in (("ours", "all"), ("full", "all"), ("lightgbm", "lightgbm_all")):
            if name != "ours" and at == "review":
                continue
            own = share[f"{name}_out"][at]
            key = f"held_out_{triple}_{name}_{at}"
            found[f"{key}_recall"] = own
            found[f"{key}_over_seen"] = own / max(share[f"{name}_seen"][at], 1e-9)
            found[f"{key}_over_all_verdicts"] = own / max(share[f"{full}_out"][at], 1e-9)
    return found


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
