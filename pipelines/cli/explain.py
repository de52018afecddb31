"""``fairdeal explain``: one decision in words or as JSON, the same as the API and the console say."""

from __future__ import annotations

import json
from typing import Any

from rich.cells import cell_len

from features.errors import InputError
from pipelines.cli.console import say
from serving.clock import utc_now
from serving.explain import explain
from serving.explain_words import cents, name
from serving.settings import load_settings
from serving.store.engine import reader_engine, require_ledger

_WORDS = {
    "en": {
        "decided": "{decision_id}: {user_id}, {trigger}, {decided_at}",
        "given": "given: {offer}, with probability {p}",
        "holdout": "in the group without coupons",
        "explored": "drawn by chance",
        "head": ("offer", "value", "cost", "profit", "budget", "own price", "score", "chance"),
        "turn": "it would be:",
        "second": "runner-up: {offer}, {lead} behind",
        "risk": "risk: {score}, {action}",
        "versions": "versions: {all}",
        "after": "since then:",
        "unclaimed": "not claimed",
        "not_eligible": "(not eligible)",
    },
    "zh": {
        "decided": "{decision_id}：{user_id}，{trigger}，{decided_at}",
        "given": "发放：{offer}，概率 {p}",
        "holdout": "属于不发券的对照组",
        "explored": "随机抽取",
        "head": ("券", "价值", "成本", "利润", "预算占用", "限量价", "得分", "概率"),
        "turn": "改变选择的条件：",
        "second": "次选：{offer}，落后 {lead}",
        "risk": "风险：{score}，{action}",
        "versions": "版本：{all}",
        "after": "之后：",
        "unclaimed": "未领取",
        "not_eligible": "（不可发）",
    },
}


def explain_decision(decision_id: str, language: str, as_json: bool) -> None:
    """Print one decision; raises ``InputError`` for one that is not in the ledger."""
    url = load_settings().ledger_url
    require_ledger(url)
    engine = reader_engine(url)
    try:
        with engine.begin() as connection:
            found = explain(connection, decision_id, utc_now())
    finally:
        engine.dispose()
    if found is None:
        raise InputError("decision", decision_id, "the id of a decision in this ledger, dec_…")
    say(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(lines_of(found, language)))


def lines_of(found: dict[str, Any], language: str) -> list[str]:
    """The explanation as lines of text."""
    words: dict[str, Any] = _WORDS[language]
    shown = getattr(name(found["offer"]), language).strip()
    lines = [words["decided"].format(**found), words["given"].format(offer=shown, p=f"{found['propensity']:.1%}")]
    lines += [words[flag] for flag in ("holdout", "explored") if found[flag]]
    lines += [found["reason"][language]]
    if found[language] != found["reason"][language]:
        lines.append(found[language])
    if found["stored"]["code"] != "full":
        lines.append(found["stored"][language])
    lines += _table(found, words)
    if found["runner_up"] is not None:
        second = getattr(name(found["runner_up"]), language).strip()
        lines.append(words["second"].format(offer=second, lead=_amount(found["lead_cents"])))
    if found["flips"]:
        lines += [words["turn"], *(f"  {flip[language]}" for flip in found["flips"])]
    risk = found["risk"]
    score = "–" if risk["score"] is None else f"{risk['score']:.0%}"
    lines.append(words["risk"].format(score=score, action=risk["action"] or "–"))
    lines += [f"  {reason[language]}" for reason in risk["reasons"]]
    lines.append(words["versions"].format(all=", ".join(f"{k} {v}" for k, v in sorted(found["versions"].items()))))
    after = found["after"]["coupons"]
    lines.append(words["after"] if after else words["unclaimed"])
    for coupon in after:
        lines += [f"  {step['at']}  {coupon['coupon_id']}  {step[language]}{_cents(step)}" for step in coupon["steps"]]
    return lines


def _table(found: dict[str, Any], words: dict[str, Any]) -> list[str]:
    fields = ("value_cents", "cost_cents", "profit_cents", "for_budget_cents", "for_offer_cents", "score")
    rows = [list(words["head"])]
    for offer in found["offers"]:
        chance = "–" if offer["probability"] is None else f"{offer['probability']:.1%}"
        mark = "" if offer["eligible"] else f" {words['not_eligible']}"
        rows.append([f"{offer['offer']}{mark}", *(_amount(offer[field]) for field in fields), chance])
    widths = [max(cell_len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  " + "  ".join(" " * (width - cell_len(cell)) + cell for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _amount(value: float | None) -> str:
    return "–" if value is None else cents(value)


def _cents(step: dict[str, Any]) -> str:
    return "" if step["cents"] is None else f"  {cents(step['cents'])}"
