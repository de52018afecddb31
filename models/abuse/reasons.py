"""Why an account was flagged, in sentences a person can check, English and Chinese, for and against.

In: scored rows, their evidence and the links. Out: per account a list of ``Reason``. Identifiers appear only as the
prefix of a keyed hash, so that two cases about one device can be matched without anybody reading the device id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from models.abuse.evidence import SHARING, hub
from models.abuse.identifiers import short_hash
from models.abuse.marks import DAY

LEAST_POINTS = 0.4  # evidence below this moves no decision
LEAST_HUB = 3.0
MOST = 4

NOUNS: Mapping[str, tuple[str, str]] = {
    "device": ("device", "设备"),
    "address": ("address", "收货地址"),
    "ip": ("IP address", "IP 地址"),
    "block": ("IP block", "IP 段"),
}
TEXTS: Mapping[str, tuple[str, str]] = {
    "sharing": (
        "other accounts that had claimed the same coupon on this {noun} ({mark}): {n}, of which {recent} {window}",
        "此前在同一{noun_zh}（{mark}）领取过同一张券的其他账号：{n} 个，其中{window_zh} {recent} 个",
    ),
    "person": (
        "other accounts with the phone or identity of this one: {n}",
        "与该账号手机号或实名信息相同的其他账号：{n} 个",
    ),
    "burst": (
        "accounts less than a day old that claimed this coupon in the 10 minutes before: {n}, {ratio} times the usual",
        "此前 10 分钟内领取此券的注册不满一天的账号：{n} 个，约为平时的 {ratio} 倍",
    ),
    "drip": (
        "accounts claim on this device at an even pace, one every {gap}, {n} gaps so far",
        "该设备上账号匀速领券，约每 {gap_zh} 一个，已有 {n} 次间隔",
    ),
    "drain": (
        "an account of {age} days appeared on a new device and a new IP and spent or claimed {n} coupons within a day",
        "注册 {age} 天的老账号突然更换设备和 IP，一天内领取或使用了 {n} 张券",
    ),
    "takeovers": (
        "other long-lived accounts were drained from the same device, IP or address in the last 7 days",
        "近 7 天内还有其他老账号在同一设备、IP 或地址上被集中用券",
    ),
    "resale": (
        "accounts whose coupon orders went to this address ({mark}) in the last 30 days: {n}",
        "近 30 天内 {n} 个不同账号的用券订单寄往同一地址（{mark}）",
    ),
    "merchant": (
        "coupon orders of this account in 30 days at one merchant that lives on unused accounts: {n}",
        "该账号 30 天内有 {n} 笔用券订单集中于同一商家，而该商家的用券者多为未使用过的账号",
    ),
    "quick": (
        "claimed {minutes} minutes after registering{viewed}{bought}",
        "注册 {minutes} 分钟后即领券{viewed_zh}{bought_zh}",
    ),
    "ring": (
        "{ring}: {n} accounts, {devices}, {span}, {coupon}",
        "{ring}：{n} 个账号，{devices_zh}，{span_zh}，{coupon_zh}",
    ),
    "model": (
        "resembles accounts that reviewers found abusive (past verdicts)",
        "与以往被审核认定为滥用的账号相似",
    ),
    "hub": (
        "against: this {noun} ({mark}) is shared by {n} accounts that are in regular use: {likely}",
        "反证：该{noun_zh}（{mark}）由 {n} 个正常使用的账号共用，{likely_zh}",
    ),
    "used": (
        "against: the account is {age} days old with {orders} orders, {full} of them without a coupon",
        "反证：该账号已注册 {age} 天，共 {orders} 笔订单，其中 {full} 笔未用券",
    ),
}
LIKELY: Mapping[str, tuple[str, str]] = {
    "device": ("likely a family device or a kiosk", "可能是家庭共用设备或门店终端"),
    "address": ("likely a parcel locker or a large building", "可能是快递柜或大型楼宇"),
    "ip": ("likely a campus, office or carrier gateway", "可能是校园、办公室或运营商出口"),
    "block": ("likely one provider's customers", "可能是同一运营商的用户"),
}


@dataclass(frozen=True)
class Reason:
    """One sentence: ``points`` of log odds it added (negative for counter-evidence)."""

    code: str
    en: str
    zh: str
    points: float


def as_json(reasons: Sequence[Reason]) -> str:
    """The reasons as one JSON list."""
    return json.dumps([asdict(reason) for reason in reasons], ensure_ascii=False)


def explain_row(row: pd.Series, terms: pd.Series, key: str, known: frozenset[str] = frozenset()) -> list[Reason]:
    """Reasons of one scored row, strongest first, then what speaks against.

    ``known``: the tables that have rows; nothing is said of what nobody recorded.
    """
    found = [_term(name, row, float(points), key) for name, points in terms.items() if points >= LEAST_POINTS]
    reasons = sorted((r for r in found if r is not None), key=lambda r: -r.points)[:MOST]
    if row["kind"] == "claim" and row["age_days"] < 1 and row["bare"] > 0.5:
        reasons.append(_quick(row, known))
    return reasons + _against(row, key)


def ring_reason(ring: str, rows: pd.DataFrame, points: float = 0.0) -> Reason:
    """One sentence about a ring from its members' linking rows."""
    accounts, devices = rows["user_id"].nunique(), rows["device"].nunique()
    span = int(rows["us"].max() - rows["us"].min())
    one = rows.loc[rows["kind"] == "claim", "template"].nunique() == 1
    en, zh = _span(span)
    return _say(
        "ring", points, ring=ring, n=accounts, devices="1 device" if devices == 1 else f"{devices} devices",
        devices_zh=f"{devices} 台设备", span=en, span_zh=zh,
        coupon="same coupon" if one else "several coupons", coupon_zh="同一张券" if one else "多种券",
    )  # fmt: skip


def model_reason(points: float) -> Reason:
    """The share of a score that comes from past verdicts."""
    return _say("model", points)


def _say(code: str, points: float, **values: object) -> Reason:
    en, zh = TEXTS[code]
    return Reason(code, en.format(**values), zh.format(**values), round(points, 2))


def _term(name: str, row: pd.Series, points: float, key: str) -> Reason | None:
    kinds = {sharing.kind: sharing for sharing in SHARING}
    if name in kinds:
        return _sharing(name, row, points, key)
    values: dict[str, object]
    match name:
        case "person":
            values = {"n": _whole(row, "person_n_ever")}
        case "burst":
            values = {"n": _whole(row, "template_fresh_10m"), "ratio": f"{float(row['template_burst']):.0f}"}
        case "drip":
            gap, gap_zh = _span(round(float(row["device_gap_mean_days"]) * DAY))
            values = {"n": _whole(row, "device_gaps"), "gap": gap, "gap_zh": gap_zh}
        case "drain":
            spent = _whole(row, "claims_24h") + _whole(row, "spends_24h")
            values = {"age": _whole(row, "age_days"), "n": spent}
        case "takeovers":
            values = {}
        case "resale":
            values = {"n": _whole(row, "address_same_30d") + 1, "mark": _mark(row, "address", key)}
        case "merchant":
            values = {"n": _whole(row, "own_merchant_spends_30d")}
        case _:
            return None
    return _say(name, points, **values)


def _quick(row: pd.Series, known: frozenset[str]) -> Reason:
    views = _whole(row, "views_ever")
    seen = "events" in known
    idle = "orders" in known and row["orders_ever"] == 0
    return _say(
        "quick", 0.0, minutes=_whole(row, "minutes_to_claim"),
        viewed=f", pages viewed before: {views}" if seen else "",
        viewed_zh=f"，此前浏览 {views} 个页面" if seen else "",
        bought=", nothing bought before" if idle else "", bought_zh="，此前未购买" if idle else "",
    )  # fmt: skip


def _sharing(kind: str, row: pd.Series, points: float, key: str) -> Reason:
    windows = (("1h", "in the last hour", "最近 1 小时"), ("24h", "in the last 24 hours", "最近 24 小时"),
               ("7d", "in the last 7 days", "最近 7 天"), ("30d", "in the last 30 days", "最近 30 天"),
               ("ever", "longer ago", "更早"))  # fmt: skip
    counts = [(_whole(row, f"{kind}_same_{window}"), en, zh) for window, en, zh in windows]
    recent, en, zh = next((c for c in counts if c[0] > 0), counts[-1])
    noun, noun_zh = NOUNS[kind]
    reason = _say(
        "sharing", points, n=_whole(row, f"{kind}_same_ever"), noun=noun, noun_zh=noun_zh,
        mark=_mark(row, kind, key), recent=recent, window=en, window_zh=zh,
    )  # fmt: skip
    return Reason(kind, reason.en, reason.zh, reason.points)


def _against(row: pd.Series, key: str) -> list[Reason]:
    frame = row.to_frame().T
    reasons = []
    for kind, (noun, noun_zh) in NOUNS.items():
        weight = float(hub(frame, kind)[0])
        if weight >= LEAST_HUB:
            n = max(_whole(row, f"{kind}_engaged_ever"), _whole(row, f"{kind}_old_ever"))
            likely, likely_zh = LIKELY[kind]
            reasons.append(
                _say("hub", -float(np.log2(1 + weight)), noun=noun, noun_zh=noun_zh, mark=_mark(row, kind, key), n=n,
                     likely=likely, likely_zh=likely_zh)
            )  # fmt: skip
    if row["full_orders_ever"] > 0:
        reasons.append(
            _say(
                "used",
                -1.0,
                age=_whole(row, "age_days"),
                orders=_whole(row, "orders_ever"),
                full=_whole(row, "full_orders_ever"),
            )
        )
    return reasons


def _whole(row: pd.Series, column: str) -> int:
    return round(float(row[column]))


def _mark(row: pd.Series, kind: str, key: str) -> str:
    value = row[kind]
    return "#" + short_hash(value, key) if isinstance(value, str) else "#"


def _span(micros: int) -> tuple[str, str]:
    if micros >= 2 * DAY:
        return f"{micros / DAY:.0f} days", f"{micros / DAY:.0f} 天"
    minutes = micros / (DAY / 1440)
    if minutes >= 120:
        return f"{minutes / 60:.0f} hours", f"{minutes / 60:.0f} 小时"
    return f"{max(minutes, 1):.0f} minutes", f"{max(minutes, 1):.0f} 分钟"
