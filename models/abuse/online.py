"""The abuse model that answers at a claim: features that can be read online, learnt from what the full detector knows.

The full detector looks at linkage of every past row; at a claim only the nightly features of user and identity and the
caller's live counts are there. So the online model is trained to give, from those, what the full detector said at the
same claim (itself label-free or learnt from verdicts), and what reviewers decided where they did. Its artefact is data:
LightGBM text, thresholds, a calibration table and the words of its reasons.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.evidence import Floats, score
from models.abuse.marks import DAY, HOUR
from models.abuse.metrics import average_precision, recall_at_fpr

LIVE_KINDS = ("device", "ip", "address")
LIVE_WINDOWS: Mapping[str, int] = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY}
LIVE = tuple(f"{kind}_others_{window}" for kind in LIVE_KINDS for window in LIVE_WINDOWS)
STORED = (
    "device_others_30d", "device_others_life", "device_new_7d", "device_new_30d", "device_same_template_7d",
    "device_same_template_life", "device_link_weight", "device_hubs", "ip_others_30d", "ip_new_7d",
    "ip_same_template_7d", "ip_link_weight", "ip_hubs", "address_others_30d", "address_others_life", "address_new_30d",
    "address_same_template_life", "address_link_weight", "address_hubs", "phone_others_life", "identity_others_life",
    "account_age_days", "orders_life", "claims_30d", "active_days_30d", "discounted_share_90d",
    "coupon_order_share_90d",
)  # fmt: skip
FEATURES = (*LIVE, *STORED)

_ON = {"device": ("this device", "该设备"), "ip": ("this IP", "该 IP"), "address": ("this address", "该地址")}
_IN = {
    "1h": ("within an hour", "1 小时内"), "24h": ("within 24 hours", "24 小时内"), "7d": ("within 7 days", "7 天内"),
    "30d": ("within 30 days", "30 天内"), "life": ("so far", "累计"),
}  # fmt: skip
_OWN = {
    "phone_others_life": ("other accounts with this phone: {value}", "使用同一手机号的其他账号：{value} 个"),
    "identity_others_life": ("other accounts with this identity: {value}", "使用同一实名信息的其他账号：{value} 个"),
    "account_age_days": ("days since registration: {value}", "注册天数：{value}"),
    "orders_life": ("paid orders so far: {value}", "累计已支付订单：{value} 笔"),
    "claims_30d": ("coupons claimed within 30 days: {value}", "30 天内领券：{value} 张"),
    "active_days_30d": ("active days within 30 days: {value}", "30 天内活跃天数：{value}"),
    "discounted_share_90d": ("share of orders with a discount: {value}", "优惠订单占比：{value}"),
    "coupon_order_share_90d": ("coupons used per paid order: {value}", "每笔已支付订单用券数：{value}"),
}
_PARAMETERS = {
    "objective": "cross_entropy",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.8,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_ROUNDS = 150
_ANCHOR_WEIGHT = 0.3


@dataclass(frozen=True)
class Claims:
    """Claims to learn from, by time: X (n, FEATURES), what the full detector said (0 to 1), target, weight, time."""

    X: NDArray[np.float64]
    offline: Floats
    target: Floats
    weight: Floats
    us: NDArray[np.int64]

    def rows(self, keep: NDArray[np.bool_]) -> Claims:
        return Claims(self.X[keep], self.offline[keep], self.target[keep], self.weight[keep], self.us[keep])

    @classmethod
    def together(cls, parts: Sequence[Claims]) -> Claims:
        """All parts as one, by time."""
        columns = ("X", "offline", "target", "weight", "us")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
        order = np.argsort(joined["us"], kind="stable")
        return cls(**{name: values[order] for name, values in joined.items()})


def live_counts(claims: pd.DataFrame, kind: str) -> dict[str, Floats]:
    """Distinct other users that claimed on the row's value in the last hour, day and week, strictly before it.

    Args:
        claims: rows by time with ``user_id``, ``us`` and the column ``kind``; a missing value counts none.
    """
    counts = {window: np.zeros(len(claims)) for window in LIVE_WINDOWS}
    where = claims.reset_index(drop=True).groupby(kind, sort=False).indices
    us, user = claims["us"].to_numpy(np.int64), claims["user_id"].to_numpy(object)
    for rows in where.values():
        if len(rows) > 1:
            for window, length in LIVE_WINDOWS.items():
                _slide(us[rows], user[rows], rows, length, counts[window])
    return counts


def _slide(us: NDArray[np.int64], user: NDArray[np.object_], rows: NDArray[np.int64], length: int, out: Floats) -> None:
    inside: dict[str, int] = {}
    window: deque[int] = deque()
    entering = 0
    for i, now in enumerate(us):
        while us[entering] < now:
            window.append(entering)
            inside[user[entering]] = inside.get(user[entering], 0) + 1
            entering += 1
        while window and us[window[0]] < now - length:
            gone = user[window.popleft()]
            inside[gone] -= 1
            if inside[gone] == 0:
                del inside[gone]
        out[rows[i]] = len(inside) - (user[i] in inside)


def anchors() -> tuple[NDArray[np.float64], Floats, Floats]:
    """What the label-free detector says of a brand-new account that is nothing but its company: X, target, weight.

    A young shop has seen few rings; these few light rows tell the model what company means before it has met any.
    """
    rows, targets = [], []
    for device, address, ip in itertools.product((0, 1, 2, 3, 5, 10), (0, 1, 2, 4), (0, 2, 10)):
        near = {"device": device, "address": address, "ip": ip}
        known = {f"{kind}_others_{w}": float(n) for kind, n in near.items() for w in LIVE_WINDOWS}
        rows.append([known.get(name, np.nan) for name in FEATURES])
        targets.append(3.6 * np.log2(1 + device) + 2.6 * np.log2(1 + address) + 0.6 * np.log2(1 + ip))
    X = np.array(rows)
    return X, score(np.array(targets)), np.full(len(X), _ANCHOR_WEIGHT)


def fit_online(train: Claims, seed: int) -> str:
    """The booster as LightGBM text; its raw output is a probability. More company may only raise it."""
    import lightgbm as lgb

    signs = [1 if name in LIVE or "_same_template_" in name or "_new_" in name else 0 for name in FEATURES]
    X, target, weight = anchors()
    data = lgb.Dataset(
        np.vstack([train.X, X]),
        label=np.concatenate([train.target, target]),
        weight=np.concatenate([train.weight, weight]),
        feature_name=list(FEATURES),
        free_raw_data=True,
    )
    booster = lgb.train({**_PARAMETERS, "monotone_constraints": signs, "seed": seed}, data, num_boost_round=_ROUNDS)
    return str(booster.model_to_string())


def calibration(raw: Floats, target: Floats, weight: Floats, points: int = 40) -> dict[str, list[float]]:
    """Isotonic calibration as a table of points (x ascending, y not descending) for linear interpolation."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw, target, sample_weight=weight)
    x, y = np.asarray(fitted.X_thresholds_, float), np.asarray(fitted.y_thresholds_, float)
    if len(x) > points:
        kept = np.unique(np.linspace(0, len(x) - 1, points).astype(int))
        x, y = x[kept], y[kept]
    if len(x) == 1:
        x, y = np.array([0.0, 1.0]), np.array([y[0], y[0]])
    # A flat step keeps the order of scores that the booster tells apart.
    y = np.maximum.accumulate(np.clip(0.999 * y + 0.001 * x, 0.0, 1.0))
    return {"x": [float(v) for v in x], "y": [float(v) for v in y]}


def thresholds(scored: Floats, offline: Floats, weight: Floats, review: float) -> dict[str, float]:
    """Thresholds at which at most 0.5 % (hold) and 0.1 % (withhold) of claims that look innocent offline are met."""
    innocent = offline < review
    order = np.argsort(-scored[innocent])
    ranked, mass = scored[innocent][order], np.cumsum(weight[innocent][order])
    if not len(ranked):
        return {"hold": 0.25, "withhold": 0.7}
    found = {}
    for action, share, least in (("hold", 0.005, 0.2), ("withhold", 0.001, 0.5)):
        at = min(int(np.searchsorted(mass, share * mass[-1], side="right")), len(ranked) - 1)
        found[action] = float(min(max(np.nextafter(ranked[at], 1.0), least), 1.0))
    found["withhold"] = max(found["withhold"], found["hold"])
    return found


def agreement(scored: Floats, claims: Claims, review: float, bounds: Mapping[str, float]) -> dict[str, float]:
    """How far the online score says what the full detector says on the same rows."""
    flagged = claims.offline >= review
    figures = {
        "claims": float(len(scored)),
        "flagged_offline": float(flagged.sum()),
        "same_decision": float(np.average((scored >= bounds["hold"]) == flagged, weights=claims.weight)),
        "mean_absolute_difference": float(np.average(np.abs(scored - claims.offline), weights=claims.weight)),
    }
    if flagged.any() and not flagged.all():
        figures |= {
            "average_precision": average_precision(flagged, scored),
            "recall_at_1_fpr": recall_at_fpr(flagged, scored, 0.01),
            "recall_at_hold": float((scored[flagged] >= bounds["hold"]).mean()),
        }
    return figures


def reason_texts(features: Sequence[str] = FEATURES) -> dict[str, dict[str, str]]:
    """Words of every feature for the serving side; ``{value}`` is filled in there."""
    return {name: dict(zip(("en", "zh"), _words(name), strict=True)) for name in features}


def _words(name: str) -> tuple[str, str]:
    if name in _OWN:
        return _OWN[name]
    kind, _, rest = name.partition("_")
    on, on_zh = _ON[kind]
    if rest == "link_weight":
        return (
            f"company on {on} of the last 7 days, discounted for places many share: {{value}}",
            f"{on_zh}近 7 天关联权重：{{value}}",
        )
    if rest == "hubs":
        return (
            f"places among the account's {kind} values that very many share: {{value}}",
            f"{on_zh}中多人共用的数量：{{value}}",
        )
    what, _, window = rest.rpartition("_")
    within, within_zh = _IN[window]
    en, zh = {
        "others": ("other accounts on", "上的其他账号"),
        "new": ("accounts just registered on", "上的新注册账号"),
        "same_template": ("other accounts that claimed the same coupon on", "上领取同一张券的其他账号"),
    }[what]
    return f"{en} {on} {within}: {{value}}", f"{on_zh}{zh}（{within_zh}）：{{value}} 个"
