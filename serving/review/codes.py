"""Reasons that a verdict can have, in both languages: few enough to be counted, and one for what nobody foresaw."""

from __future__ import annotations

from collections.abc import Mapping

REASON_CODES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "abusive": {
        "new_account_ring": ("Ring of new accounts", "新号团伙"),
        "shared_device_farm": ("Many accounts on few devices", "少量设备批量养号"),
        "self_referral": ("Invited themselves", "自我邀请套利"),
        "resale": ("Coupons for resale", "倒卖优惠券"),
        "refund_abuse": ("Abuse of refunds", "恶意退款"),
        "takeover": ("Account taken over", "账号被盗用"),
        "scripted_claims": ("Claims by a script", "脚本批量领券"),
        "other_abuse": ("Another abuse", "其他作弊"),
    },
    "legitimate": {
        "household": ("One household", "同一家庭"),
        "campus_or_office": ("Campus or office", "校园或办公网络"),
        "shared_network": ("Shared or mobile network", "公共或移动网络"),
        "device_passed_on": ("Device passed on", "设备转手"),
        "sale_rush": ("Rush of a sale", "大促集中下单"),
        "model_error": ("The model is wrong", "模型误判"),
        "other_legitimate": ("Another good reason", "其他正常情况"),
    },
}
UNDO_CODES: Mapping[str, tuple[str, str]] = {
    "slip": ("A slip of the hand", "误操作"),
    "new_evidence": ("New evidence", "出现新证据"),
    "wrong_accounts": ("The wrong accounts were hit", "处置对象有误"),
    "too_strict": ("The action was too strict", "处置过严"),
    "too_mild": ("The action was too mild", "处置过轻"),
    "other_undo": ("Another reason", "其他原因"),
}
"""Why a decision was taken back."""
_ALL = {code: words for codes in (*REASON_CODES.values(), UNDO_CODES) for code, words in codes.items()}


def needs_note(code: str) -> bool:
    """Whether the reason says nothing by itself.

    >>> needs_note("other_abuse"), needs_note("resale")
    (True, False)
    """
    return code.startswith("other_")


def words_of(code: str) -> tuple[str, str]:
    """A reason in English and Chinese; cases from before there were reasons have an empty one."""
    return _ALL.get(code, (code, code))
