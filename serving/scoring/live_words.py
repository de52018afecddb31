"""The live scorecard in sentences, English and Chinese: what raised the score, strongest first, then what lowered."""

from __future__ import annotations

from collections.abc import Mapping

from serving.scoring.live import Live
from serving.scoring.messages import Reason

_ON = {
    "device": ("on this device", "该设备上"),
    "address": ("at this address", "该地址"),
    "ip": ("on this IP", "该 IP 上"),
}


def live_reasons(figures: Mapping[str, float], live: Live) -> list[Reason]:
    """One reason per piece of evidence; counts and minutes only, never an identifier."""
    raised = [name for name, _ in sorted(live.points.items(), key=lambda item: (-item[1], item[0]))]
    found = [reason for name in raised if (reason := _raised(name, figures)) is not None]
    return found + [_lowered(name) for name in live.lowered]


def _raised(name: str, figures: Mapping[str, float]) -> Reason | None:
    if name in _ON:
        return _company(name, figures)
    if name == "guilt":
        count = int(figures.get("device_flagged", 0.0) + figures.get("address_flagged", 0.0))
        return Reason(
            code="live_guilt",
            en=f"accounts here that are held or withheld by now: {count}",
            zh=f"同设备或同地址的账号中已被拦截：{count} 个",
        )
    if name == "drain":
        paid = int(figures["redeemed_1h"])
        return Reason(
            code="live_drain",
            en=f"{paid} coupon orders paid within an hour from where this account has never been",
            zh=f"一小时内在从未使用过的环境下用券支付 {paid} 笔",
        )
    if name in ("new_device", "new_address"):
        en, zh = {"new_device": ("device", "设备"), "new_address": ("address", "地址")}[name]
        return Reason(code=f"live_{name}", en=f"an older account on a new {en}", zh=f"老账号出现在新{zh}")
    return None  # the rush is told with the company it is made of


def _company(kind: str, figures: Mapping[str, float]) -> Reason:
    en, zh = _ON[kind]
    accounts, minutes = int(figures.get(f"{kind}_accounts", 0.0)), int(figures.get(f"{kind}_minutes", 0.0))
    code = f"live_{kind}"
    if not accounts:
        return Reason(code=code, en=f"new accounts {en} within the last days", zh=f"近几天{zh}有新账号领券")
    within, within_zh = _span(minutes)
    account = "account" if accounts == 1 else "accounts"
    return Reason(
        code=code,
        en=f"{accounts} other new {account} claimed this coupon {en} within {within}",
        zh=f"{within_zh}内{zh}另有 {accounts} 个新账号领取此券",
    )


def _span(minutes: int) -> tuple[str, str]:
    """Minutes in words.

    >>> _span(12), _span(200)
    (('12 minutes', '12 分钟'), ('4 hours', '4 小时'))
    """
    if minutes <= 90:
        return ("a minute" if minutes == 1 else f"{minutes} minutes"), f"{minutes} 分钟"
    hours = -(-minutes // 60)
    return f"{hours} hours", f"{hours} 小时"


def _lowered(name: str) -> Reason:
    kind, _, why = name.partition("_")
    if name == "own":
        return Reason(code="live_own", en="in its favour: the account is not new", zh="有利因素：该账号并非新注册")
    en, zh = _ON[kind]
    if why == "settled":
        return Reason(
            code=f"live_{name}", en=f"in its favour: customers of long standing {en}", zh=f"有利因素：{zh}有老客户"
        )
    if why == "doors":
        return Reason(
            code=f"live_{name}",
            en=f"in its favour: the accounts {en} go home to different addresses",
            zh=f"有利因素：{zh}的账号收货地址各不相同",
        )
    return Reason(code=f"live_{name}", en="in its favour: a terminal of the shop's own", zh="有利因素：店铺自有终端")
