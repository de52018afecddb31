"""The card of an uplift model: what it learnt from, how it was judged, what it must not be used for, who let it in.

The idea and the headings are those of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). The card is
plain data (``card.json``, logged with the version); ``models.uplift.promotion.card_page`` makes the page of it.
Texts that people read are ``{"en": …, "zh": …}``.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import normal_quantile
from models.registry import Artefact
from models.registry.trail import GATE
from models.report import Words
from models.uplift.promotion.gate import BASELINES, CANDIDATE, CHALLENGER, NO_ONE, Verdict
from models.uplift.trial import Trial

FORMAT = "fairdeal-card/1"
EXPLAINED_ROWS = 500
_POWER = 0.8
_LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn")

PURPOSE = Words(
    "Estimates, per user, what each coupon would change in margin, in coupon cost and in the chance of redemption"
    " against giving none, so that a budget goes to the users whom coupons change.",
    "按用户估计每种券相对不发券对毛利、券成本与核销概率的改变，使预算用在券能改变其行为的用户身上。",
)
ABUSE_RULE = Words(
    "Users known as abusive (last verdict, else a withholding flag) are left out: of training by what was known at the"
    " split, of judging by what was known at each decision.",
    "已知作弊用户（以最近一次裁定为准，无裁定则看扣券标记）不参与：训练按切分时刻已知的信息，评判按每次决策时刻已知的信息。",
)
LOGGED = Words("logged with every decision", "随每次决策记录")


@dataclass(frozen=True)
class Rows:
    """Decisions ``read`` and those ``left_out`` before the split, by reason; abusers' by what they were known by."""

    read: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    abusive_train: Mapping[str, int] = field(default_factory=dict)
    abusive_later: Mapping[str, int] = field(default_factory=dict)
    abusive_users: int = 0


def card_of(
    artefact: Artefact,
    train: Trial,
    later: Trial,
    verdict: Verdict,
    rows: Rows,
    looked_at: Sequence[Mapping[str, Any]],
    champion: str | None = None,
    challenger: str | None = None,
) -> dict[str, Any]:
    """The card as JSON. ``looked_at`` is what :func:`features` gives; ``champion`` and ``challenger`` are the versions
    beside which the candidate was judged."""
    spec = artefact.spec
    return {
        "format": FORMAT,
        "model": artefact.kind,
        "purpose": asdict(PURPOSE),
        "data": _data(train, later, rows, int(spec["horizon_days"])),
        "judged": _judged(verdict, champion, challenger),
        "metrics": verdict.figures(),
        "limits": [asdict(words) for words in _limits(train, later, verdict, int(spec["horizon_days"]))],
        "smallest": smallest(train, later, verdict),
        "features": [dict(one) for one in looked_at],
        "chosen": dict(spec.get("chosen", {})),
        "ladders": spec.get("ladders", []),
        "seed": spec["seed"],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "approval": {
            "by": GATE,
            "decision": "promoted" if verdict.passes else "not promoted",
            "reason": asdict(verdict.why),
        },
    }


def smallest(train: Trial, later: Trial, verdict: Verdict) -> dict[str, Any]:
    """The rarest offer, and how many decisions a segment needs before these figures say anything about it.

    A segment's own lead has the standard error of the whole times sqrt(n / m) for m of n decisions; the number given
    is the m at which the lead found over giving nothing would be shown with 80 % power at 95 %. None while the lead
    itself is not positive.
    """
    counts = {arm: int((train.treatment == at).sum()) for at, arm in enumerate(train.arms)}
    judged = {arm: int((later.treatment == at).sum()) for at, arm in enumerate(later.arms)}
    lead = verdict.named(NO_ONE).behind
    reach = normal_quantile(0.95) + normal_quantile(2 * _POWER - 1)
    needed = math.ceil(lead.n * (reach * lead.standard_error / lead.value) ** 2) if lead.value > 0 else None
    rarest = min(counts, key=lambda arm: counts[arm])
    return {
        "offer": rarest,
        "offer_train_decisions": counts[rarest],
        "offer_held_out_decisions": judged[rarest],
        "segment_decisions": needed,
    }


def features(artefact: Artefact, later: Trial) -> list[dict[str, Any]]:
    """Every feature by importance: how far it moves the predicted effects, in cents, on average over offers.

    Mean absolute Shapley values on held-out rows (Lundberg et al. 2020); ``missing`` is the share without a value.
    """
    X = later.X.to_numpy(float)
    rows = X[np.linspace(0, len(X) - 1, min(len(X), EXPLAINED_ROWS)).astype(int)]
    moved = {outcome: _moved(artefact, outcome, rows) for outcome in ("value", "cost")}
    missing = np.isnan(X).mean(axis=0)
    found = [
        {
            "name": name,
            "value_cents": float(moved["value"][at]),
            "cost_cents": float(moved["cost"][at]),
            "missing": float(missing[at]),
        }
        for at, name in enumerate(artefact.features)
    ]
    return sorted(found, key=lambda one: (-float(str(one["value_cents"])), str(one["name"])))


def _moved(artefact: Artefact, outcome: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(rows.shape[1])
    names = [name for name in artefact.boosters if name.startswith(f"{outcome}:")]
    for name in names:
        total += np.abs(artefact.contributions(name, rows)[:, :-1]).mean(axis=0)
    return total / max(len(names), 1)


def _data(train: Trial, later: Trial, rows: Rows, horizon: int) -> dict[str, Any]:
    taken = np.concatenate([train.taken, later.taken])
    return {
        "decisions_read": rows.read,
        "left_out": dict(rows.left_out),
        "abusive": {
            "rule": asdict(ABUSE_RULE),
            "users": rows.abusive_users,
            "train": dict(rows.abusive_train),
            "held_out": dict(rows.abusive_later),
        },
        "train": _part(train),
        "held_out": _part(later),
        "arms": {
            arm: {"train": int((train.treatment == at).sum()), "held_out": int((later.treatment == at).sum())}
            for at, arm in enumerate(train.arms)
        },
        "propensity": {"source": asdict(LOGGED), "lowest": float(taken.min()), "highest": float(taken.max())},
        "outcome_days": horizon,
    }


def _part(trial: Trial) -> dict[str, Any]:
    assert trial.time is not None
    assert trial.cluster is not None
    return {
        "decisions": len(trial),
        "users": len(np.unique(trial.cluster.astype(str))),
        "from": _moment(trial.time.min()),
        "until": _moment(trial.time.max()),
    }


def _moment(time: np.datetime64) -> str:
    moment = datetime(1970, 1, 1) + timedelta(microseconds=int(time.astype("datetime64[us]").astype(np.int64)))  # noqa: DTZ001
    return moment.isoformat(timespec="seconds")


def _judged(verdict: Verdict, champion: str | None, challenger: str | None) -> dict[str, Any]:
    rivals = [one for one in verdict.standings if one.name in BASELINES]
    return {
        "reference": verdict.reference,
        "champion": champion,
        "challenger": challenger if CHALLENGER in verdict.leads else None,
        "winner": verdict.winner,
        "level": verdict.level,
        "lead": _interval(verdict.leads[CANDIDATE]),
        "best_single_arm": verdict.best_arm,
        "ahead_of_the_model": list(verdict.ahead()),
        "not_shown_to_be_behind": [one.name for one in rivals if one.behind.low <= 0],
        "standings": {
            one.name: {
                "profit": _interval(one.profit),
                "cost": _interval(one.cost),
                "lead_over_it": _interval(one.behind) if one.name != CANDIDATE else None,
                "offer_share": one.offer_share,
            }
            for one in verdict.standings
        },
    }


def _interval(found: Any) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _limits(train: Trial, later: Trial, verdict: Verdict, horizon: int) -> list[Words]:
    few = smallest(train, later, verdict)
    arms = ", ".join(train.arms[1:])
    limits = [
        Words(
            f"Only for the offers {arms}; for an offer that was never tried between two tried face values only where"
            " the model has a ladder.",
            f"仅适用于以下券：{arms}；未试过的面额只有在模型含面额阶梯、且介于两个已试面额之间时才可估计。",
        ),
        Words(
            f"Effects are those of the {horizon} days after a decision; habits that coupons teach over months are not"
            " in them.",
            f"效应为决策后 {horizon} 天内的效应；长期发券养成的习惯不在其中。",
        ),
        Words(
            "Not for prices, credit, employment or any other decision about a person; not a measure of a user's worth.",
            "不得用于定价、信贷、雇佣或其他针对个人的决定；也不衡量用户的价值。",
        ),
        Words(
            "Users who behave unlike those of the log (a new market, a crisis, other coupons at once) are outside what"
            " was learnt; the exploration share keeps the log fit for learning again.",
            "与日志用户行为不同的人群（新市场、突发事件、叠加其他券）超出所学范围；探索流量使日志可用于重新训练。",
        ),
        Words(
            f"The rarest offer, {few['offer']}, was learnt from {few['offer_train_decisions']:,} decisions and judged"
            f" on {few['offer_held_out_decisions']:,}.",
            f"最少的券 {few['offer']} 训练 {few['offer_train_decisions']:,} 条决策，评判"
            f" {few['offer_held_out_decisions']:,} 条。",
        ),
    ]
    needed = few["segment_decisions"]
    if needed is None:
        unshown = Words("No gain over giving nothing was found.", "未发现优于不发券的收益。")
        return [*limits, unshown]
    return [
        *limits,
        Words(
            f"A segment of fewer than about {needed:,} decisions is too small to tell this lead from nothing.",
            f"少于约 {needed:,} 条决策的人群不足以判断该领先是否存在。",
        ),
    ]
