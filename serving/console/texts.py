"""The words of the page in English and Chinese; a missing Chinese text is an error at the first use of the page."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "zh")

_TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Review", "风险审核"),
    "sign_in": ("Sign in", "登录"),
    "sign_in_help": ("Your reviewer key is in keys.json below the home folder.", "审核员密钥在主目录的 keys.json 中。"),
    "key": ("Key", "密钥"),
    "wrong_key": ("This key cannot review.", "该密钥没有审核权限。"),
    "sign_out": ("Sign out", "退出"),
    "decisions": ("Decisions", "发放决策"),
    "fallbacks": ("by rules", "规则兜底"),
    "issued": ("Coupons issued", "已发放"),
    "live": ("live", "有效"),
    "used": ("Coupons used", "已使用"),
    "use_rate": ("of issued", "使用率"),
    "spend": ("Discount given", "已抵扣"),
    "of_budget": ("of budget", "占预算"),
    "open_cases": ("Open cases", "待审核案件"),
    "no_cases": ("Nothing to review.", "暂无待审核案件。"),
    "case": ("Case", "案件"),
    "score": ("Score", "分数"),
    "who": ("Users", "用户"),
    "reasons": ("Reasons", "原因"),
    "coupons": ("Coupons", "券"),
    "at_risk": ("At risk", "风险金额"),
    "suggested": ("Suggested", "建议处置"),
    "decide": ("Decide", "处置"),
    "verdict_abusive": ("Abusive", "作弊"),
    "verdict_legitimate": ("Legitimate", "正常"),
    "decided": ("Latest verdicts", "最近裁决"),
    "by": ("by", "审核人"),
    "more": ("more", "更多"),
    "gone": ("This case was decided meanwhile.", "该案件已被处理。"),
    "done": ("Saved.", "已保存。"),
    "ring": ("ring", "团伙"),
    "user": ("user", "用户"),
    "action_allow": ("allow", "放行"),
    "action_cap": ("cap", "限额"),
    "action_hold": ("hold", "暂缓"),
    "action_step_up": ("step up", "加强验证"),
    "action_withhold": ("withhold", "停发"),
    "action_revoke": ("revoke", "收回"),
    "action_freeze": ("freeze", "冻结"),
    "action_block": ("block", "封禁"),
}


class Texts:
    """``t("key")`` in the language of the reader."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"

    def __call__(self, key: str) -> str:
        return _TEXTS[key][LANGUAGES.index(self.language)]


def money(cents: int) -> str:
    """Cents as an amount with thousands marked.

    >>> money(123450)
    '1,234.50'
    """
    return f"{cents // 100:,}.{cents % 100:02d}"
