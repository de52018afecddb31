"""Why an account has its score, in sentences a person can check, English and Chinese, for and against.

In: a scored row and its evidence. Out: a list of ``Reason`` whose points add up to the log odds of the account's score.
Identifiers appear only as the prefix of a keyed hash, so that two cases about one device can be matched without
anybody reading the device id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from models.abuse.evidence import SHARING, terminal
from models.abuse.identifiers import short_hash
from models.abuse.marks import DAY
from models.abuse.reason_texts import LIKELY, NOUNS, TEXTS, WINDOWS

LEAST_POINTS = 0.4  # what weighs less is added up in one line
MOST = 5
_KINDS = tuple(sharing.kind for sharing in SHARING)


@dataclass(frozen=True)
class Reason:
    """One sentence and the points of log odds it stands for (negative: counter-evidence; 0: context)."""

    code: str
    en: str
    zh: str
    points: float


def as_json(reasons: Sequence[Reason]) -> str:
    """The reasons as one JSON list."""
    return json.dumps([asdict(reason) for reason in reasons], ensure_ascii=False)


def explain(row: pd.Series, parts: pd.Series, score: float, key: str, known: frozenset[str]) -> list[Reason]:
    """Reasons of an account whose decisive row this is: strongest evidence first, then what speaks against.

    Args:
        parts: what the row's score is made of, a row of ``decompose``.
        score: the account's, which its ring may have lifted above the row's.
        key: keys the hashes of identifiers.
        known: tables of activity that have rows; nothing is said of what nobody recorded.
    """
    points = {str(name): float(value) for name, value in parts.items()}
    points["carried"] = float(np.log(score) - np.log1p(-score)) - sum(points.values())
    told = [_sentence(name, row, value, key) for name, value in points.items() if abs(value) >= LEAST_POINTS]
    said = sorted((r for r in told if r is not None), key=lambda r: -r.points)
    evidence, against = [r for r in said if r.points > 0][:MOST], [r for r in said if r.points < 0]
    if row["kind"] == "claim" and row["age_days"] < 1 and row["bare"] > 0.5:
        evidence.append(_quick(row, known))
    base = say("base", points["base"])
    rest = sum(points.values()) - base.points - sum(r.points for r in (*evidence, *against))
    return [*evidence, *against, say("rest", rest), base]


def say(code: str, points: float, **values: object) -> Reason:
    """A sentence of TEXTS, filled."""
    en, zh = TEXTS[code]
    return Reason(code, en.format(**values), zh.format(**values), round(points, 2))


def _sentence(name: str, row: pd.Series, points: float, key: str) -> Reason | None:
    """The sentence of one part; None where it belongs into the rest."""
    if name in _KINDS:
        return _sharing(name, row, points, key)
    if name.startswith("hub_"):
        return _hub(name.removeprefix("hub_"), row, points, key)
    match name:
        case "person":
            return say(name, points, n=_whole(row, "person_n_ever"))
        case "burst":
            return say(name, points, n=_whole(row, "template_fresh_10m"), ratio=f"{float(row['template_burst']):.0f}")
        case "lockstep":
            minutes = float(row["minutes_to_claim"])
            shown = f"{minutes:.1f}" if minutes < 2 else f"{minutes:.0f}"
            return say(name, points, mark=_mark(row, "block", key), n=_whole(row, "block_same_1h"), minutes=shown)
        case "drip":
            return _drip(row, points)
        case "drain":
            spent = _whole(row, "claims_24h") + _whole(row, "spends_24h")
            return say(name, points, age=_whole(row, "age_days"), n=spent)
        case "resale":
            return say(name, points, n=_whole(row, "delivery_strange_30d") + 1, mark=_mark(row, "address", key))
        case "merchant":
            usual = float(row["merchant_spends_7d"]) * float(row["trade_returns_30d"])
            usual = max(1, round(usual / max(float(row["trade_spends_30d"]), 1.0)))
            return say(name, points, n=_whole(row, "merchant_returns_7d"), usual=usual,
                       own=_whole(row, "own_merchant_spends_30d"))  # fmt: skip
        case "used":
            # Otherwise it is only that the account is a few days old, which is no reason to tell.
            if row["orders_ever"] == 0 and row["age_days"] < 14:
                return None
            return say(name, points, age=_whole(row, "age_days"), orders=_whole(row, "orders_ever"),
                       full=_whole(row, "full_orders_ever"))  # fmt: skip
        case "ring":
            return say(name, points, n=_whole(row, "ring_size"))
        case "model":
            return say("model" if points > 0 else "unlike", points)
        case "takeovers" | "family" | "modest" | "carried":
            return say(name, points)
    return None


def _sharing(kind: str, row: pd.Series, points: float, key: str) -> Reason:
    counts = [(_whole(row, f"{kind}_same_{window}"), en, zh) for window, en, zh in WINDOWS]
    recent, en, zh = next((c for c in counts if c[0] > 0), counts[-1])
    noun, noun_zh = NOUNS[kind]
    found = say("sharing", points, n=_whole(row, f"{kind}_same_ever"), noun=noun, noun_zh=noun_zh,
                mark=_mark(row, kind, key), recent=recent, window=en, window_zh=zh)  # fmt: skip
    return Reason(kind, found.en, found.zh, found.points)


def _hub(kind: str, row: pd.Series, points: float, key: str) -> Reason | None:
    n = max(_whole(row, f"{kind}_engaged_ever"), _whole(row, f"{kind}_old_ever"))
    noun, noun_zh = NOUNS[kind]
    likely, likely_zh = LIKELY[kind]
    named = {"noun": noun, "noun_zh": noun_zh, "mark": _mark(row, kind, key), "likely": likely, "likely_zh": likely_zh}
    if n > 0:
        return say("hub", points, n=n, **named)
    one = row.to_frame().T.infer_objects()
    if kind == "device" and (float(terminal(one)[0]) > 0 or _whole(row, "device_addresses_ever") > 1):
        return say("terminal", points, **named)
    return None


def _drip(row: pd.Series, points: float) -> Reason:
    kind = "address" if row["address_gaps"] > row["device_gaps"] else "device"
    gap, gap_zh = span(round(float(row[f"{kind}_gap_mean_days"]) * DAY))
    noun, noun_zh = NOUNS[kind]
    return say("drip", points, noun=noun, noun_zh=noun_zh, n=_whole(row, f"{kind}_gaps"), gap=gap, gap_zh=gap_zh)


def _quick(row: pd.Series, known: frozenset[str]) -> Reason:
    views = _whole(row, "views_ever")
    seen = "events" in known
    idle = "orders" in known and row["orders_ever"] == 0
    return say(
        "quick", 0.0, minutes=_whole(row, "minutes_to_claim"),
        viewed=f", pages viewed before: {views}" if seen else "",
        viewed_zh=f"，此前浏览 {views} 个页面" if seen else "",
        bought=", nothing bought before" if idle else "", bought_zh="，此前未购买" if idle else "",
    )  # fmt: skip


def _whole(row: pd.Series, column: str) -> int:
    return round(float(row[column]))


def _mark(row: pd.Series, kind: str, key: str) -> str:
    value = row[kind]
    return "#" + short_hash(value, key) if isinstance(value, str) else "#"


def span(micros: int) -> tuple[str, str]:
    """A length of time in words.

    >>> span(11 * 60_000_000)
    ('11 minutes', '11 分钟')
    """
    if micros >= 2 * DAY:
        return f"{micros / DAY:.0f} days", f"{micros / DAY:.0f} 天"
    minutes = micros / (DAY / 1440)
    if minutes >= 120:
        return f"{minutes / 60:.0f} hours", f"{minutes / 60:.0f} 小时"
    return f"{max(minutes, 1):.0f} minutes", f"{max(minutes, 1):.0f} 分钟"
