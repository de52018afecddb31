"""The sentences of reasons, English and Chinese; ``reasons.py`` fills them."""

from __future__ import annotations

from collections.abc import Mapping

NOUNS: Mapping[str, tuple[str, str]] = {
    "device": ("device", "设备"),
    "address": ("address", "收货地址"),
    "ip": ("IP address", "IP 地址"),
    "block": ("IP block", "IP 段"),
    "person": ("phone or identity", "手机号或实名信息"),
    "merchant": ("merchant", "商家"),
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
    "lockstep": (
        "other accounts of the IP block ({mark}) that claimed this coupon in the hour before: {n}; this one claimed "
        "{minutes} minutes after registering",
        "同一 IP 段（{mark}）此前 1 小时内领取此券的其他账号：{n} 个；该账号注册 {minutes} 分钟后即领券",
    ),
    "drip": (
        "accounts claim on this {noun} at an even pace, one every {gap}, {n} gaps so far",
        "该{noun_zh}上账号匀速领券，约每 {gap_zh} 一个，已有 {n} 次间隔",
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
        "accounts whose coupon orders went to this address ({mark}) in the last 30 days though it is not their usual "
        "one: {n}",
        "近 30 天内 {n} 个账号的用券订单寄往这一并非其常用的地址（{mark}）",
    ),
    "merchant": (
        "accounts that came back with coupons to this merchant within a week: {n}, where about {usual} are usual; "
        "{own} coupon orders there are this account's",
        "一周内在该商家反复用券的账号：{n} 个（通常约 {usual} 个）；该账号本人有 {own} 笔",
    ),
    "quick": (
        "claimed {minutes} minutes after registering{viewed}{bought}",
        "注册 {minutes} 分钟后即领券{viewed_zh}{bought_zh}",
    ),
    "ring": ("joined a group of {n} accounts that claim together", "加入了一个共 {n} 个账号的协同领券群体"),
    "carried": (
        "its ring was found out by accounts that came later, or before it",
        "其所在团伙因其他成员的行为而暴露",
    ),
    "model": (
        "resembles accounts that reviewers found abusive (past verdicts)",
        "与以往被审核认定为滥用的账号相似",
    ),
    "unlike": (
        "against: resembles accounts that reviewers found legitimate (past verdicts)",
        "反证：与以往被审核认定为正常的账号相似",
    ),
    "hub": (
        "against: this {noun} ({mark}) is shared by {n} accounts that are in regular use: {likely}",
        "反证：该{noun_zh}（{mark}）由 {n} 个正常使用的账号共用，{likely_zh}",
    ),
    "terminal": (
        "against: people come to this {noun} ({mark}) one by one and go home to different doors: {likely}",
        "反证：该{noun_zh}（{mark}）上的账号陆续出现且收货地址各异，{likely_zh}",
    ),
    "family": (
        "against: few accounts on one device at one address, days apart, as in a family",
        "反证：同一设备、同一地址上只有少数账号且相隔数日，符合家庭共用",
    ),
    "used": (
        "against: the account is {age} days old with {orders} orders, {full} of them without a coupon",
        "反证：该账号已注册 {age} 天，共 {orders} 笔订单，其中 {full} 笔未用券",
    ),
    "modest": (
        "against: what accounts do besides claiming was never seen here, so nothing is decided without a person",
        "反证：缺少领券以外的行为数据，因此不作自动处置",
    ),
    "base": ("most accounts are honest: where everybody starts", "绝大多数账号是正常的：所有账号的起点"),
    "rest": ("what else was seen, each of little weight", "其余单项影响较小的因素合计"),
}
RING_TEXTS: Mapping[str, tuple[str, str]] = {
    "ring": (
        "{ring}: {n} accounts, {devices}, {span}, {coupon}",
        "{ring}：{n} 个账号，{devices_zh}，{span_zh}，{coupon_zh}",
    ),
    "holding": (
        "{links} links hold them together, {kinds}; the weakest counts {weakest} of 1",
        "由 {links} 条关联维系（{kinds_zh}），最弱一条强度 {weakest}（满分 1）",
    ),
    "taken": ("they claimed {coupons} coupons and took ¥{yuan} with them", "共领券 {coupons} 张，已获优惠 ¥{yuan}"),
    "paid": (
        "against: members that had paid in full before: {paid}; members older than 30 days: {old}",
        "反证：曾全价付款的成员 {paid} 个；注册超过 30 天的成员 {old} 个",
    ),
    "outsiders": (
        "against: other accounts on what they share most widely: {outsiders}, in use for more than coupons: {in_use}",
        "反证：在其共用最广的标识上还有 {outsiders} 个其他账号，其中 {in_use} 个不只为优惠券而来",
    ),
}
LIKELY: Mapping[str, tuple[str, str]] = {
    "device": ("likely a family device or a kiosk", "可能是家庭共用设备或门店终端"),
    "address": ("likely a parcel locker or a large building", "可能是快递柜或大型楼宇"),
    "ip": ("likely a campus, office or carrier gateway", "可能是校园、办公室或运营商出口"),
    "block": ("likely one provider's customers", "可能是同一运营商的用户"),
}
WINDOWS = (
    ("1h", "in the last hour", "最近 1 小时"), ("24h", "in the last 24 hours", "最近 24 小时"),
    ("7d", "in the last 7 days", "最近 7 天"), ("30d", "in the last 30 days", "最近 30 天"),
    ("ever", "longer ago", "更早"),
)  # fmt: skip
