"""A model card as a page, from the plain data that is logged with the version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.report import Cell, Estimate, Percent, Report, Text, Words
from models.uplift.promotion.gate import CANDIDATE
from models.uplift.promotion.policy_names import NAMES

MOST_FEATURES = 20
LEFT_OUT: Mapping[str, Text] = {
    "an_offer_was_not_possible": Words("an offer was not possible", "有券不可发"),
    "not_drawn_at_random": Words("not drawn at random", "非随机抽取"),
    "verdict": Words("user known as abusive by verdict", "用户已被裁定作弊"),
    "flag": Words("user's coupons withheld by a flag", "用户被标记扣券"),
}


def card_page(card: Mapping[str, Any]) -> Report:
    """The page; ``card`` is what ``models.uplift.promotion.card.card_of`` gives."""
    data, judged, approval = card["data"], card["judged"], card["approval"]
    moment = data["held_out"]["from"].replace("T", " ")
    report = Report(
        Words("Model card: uplift", "模型卡：增量模型"),
        subtitle=Words(
            f"Learnt from decisions before {moment} UTC, judged on later ones; seed {card['seed']}",
            f"使用 {moment} UTC 之前的决策训练，在其后的决策上评判；随机种子 {card['seed']}",
        ),
    )
    promoted = approval["decision"] == "promoted"
    state = Words("Promoted by the gate", "准入通过，已晋升") if promoted else Words("Not promoted", "未晋升")
    reason = approval["reason"]
    report.add_verdict(
        Words(f"{state.en}: {reason['en']}.", f"{state.zh}：{reason['zh']}。"), "good" if promoted else "bad"
    )
    report.add_text(_words(card["purpose"]))
    _metrics(report, judged)
    report.add_section(Words("What it must not be used for, and where it ends", "不得用于何处，边界何在"))
    report.add_list([_words(limit) for limit in card["limits"]])
    _data(report, data)
    _features(report, card["features"])
    _settings(report, card)
    return report


def _metrics(report: Report, judged: Mapping[str, Any]) -> None:
    report.add_section(Words("How it stands", "表现如何"))
    ahead = [NAMES[name] for name in judged["ahead_of_the_model"]]
    if ahead:
        report.add_verdict(
            Words(
                f"Ahead of it by estimate: {', '.join(name.en for name in ahead)}.",
                f"估计值高于本模型：{'、'.join(name.zh for name in ahead)}。",
            ),
            "bad",
        )
    unclear = [NAMES[name] for name in judged["not_shown_to_be_behind"] if name not in judged["ahead_of_the_model"]]
    if unclear:
        report.add_verdict(
            Words(
                f"Not shown to be behind it: {', '.join(name.en for name in unclear)}.",
                f"未能证明落后于本模型：{'、'.join(name.zh for name in unclear)}。",
            )
        )
    standings = judged["standings"]
    report.add_table(
        Words("Cents per held-out decision, doubly robust, 95 % intervals", "每条留出决策（分），双稳健，95 % 区间"),
        [
            Words("policy", "策略"),
            Words("profit", "利润"),
            Words("coupon cost", "券成本"),
            Words("the model's lead", "本模型领先"),
        ],
        [
            [
                NAMES[name],
                _estimate(one["profit"]),
                _estimate(one["cost"]),
                _estimate(one["lead_over_it"]) if one["lead_over_it"] else None,
            ]
            for name, one in standings.items()
        ],
        strong=[list(standings).index(CANDIDATE)],
    )


def _data(report: Report, data: Mapping[str, Any]) -> None:
    report.add_section(Words("What it learnt from", "数据"))
    abusive = data["abusive"]
    report.add_text(_words(abusive["rule"]))
    parts = (("train", Words("learnt from", "训练")), ("held_out", Words("judged on", "评判")))
    report.add_table(
        Words("Decisions", "决策"),
        [
            Words("part", "部分"),
            Words("decisions", "决策数"),
            Words("users", "用户数"),
            Words("from (UTC)", "起（UTC）"),
            Words("until (UTC)", "止（UTC）"),
            Words("left out as abusive", "因作弊剔除"),
        ],
        [
            [
                words,
                data[part]["decisions"],
                data[part]["users"],
                data[part]["from"].replace("T", " "),
                data[part]["until"].replace("T", " "),
                sum(abusive[part].values()),
            ]
            for part, words in parts
        ],
    )
    gone: dict[str, int] = dict(data["left_out"])
    for part in ("train", "held_out"):
        for by, count in abusive[part].items():
            gone[by] = gone.get(by, 0) + count
    report.add_table(
        Words(
            f"Left out of {data['decisions_read']:,} decisions with a closed window of {data['outcome_days']} days",
            f"在 {data['decisions_read']:,} 条观察期（{data['outcome_days']} 天）已结束的决策中剔除",
        ),
        [Words("because", "原因"), Words("decisions", "决策数")],
        [[LEFT_OUT.get(why, why), count] for why, count in gone.items()],
    )
    chance = data["propensity"]
    source = chance["source"]
    report.add_table(
        Words(
            f"Offers; propensities {source['en']}, {chance['lowest']:.3f} to {chance['highest']:.3f}",
            f"各券决策数；倾向概率{source['zh']}，{chance['lowest']:.3f} 至 {chance['highest']:.3f}",
        ),
        [Words("offer", "券"), Words("learnt from", "训练"), Words("judged on", "评判")],
        [[arm, counts["train"], counts["held_out"]] for arm, counts in data["arms"].items()],
    )


def _features(report: Report, features: list[dict[str, Any]]) -> None:
    report.add_section(Words("What it looks at", "特征"))
    used = [one for one in features if one["value_cents"] > 0 or one["cost_cents"] > 0]
    report.add_table(
        Words(
            f"How far each feature moves the predicted effects, cents per decision, mean over offers: the first"
            f" {min(len(used), MOST_FEATURES)} of {len(used)} that matter, of {len(features)} given",
            f"各特征对预测效应的平均影响（分，各券平均）：共 {len(features)} 个特征，{len(used)} 个有影响，列出前"
            f" {min(len(used), MOST_FEATURES)} 个",
        ),
        [
            Words("feature", "特征"),
            Words("moves margin", "影响毛利"),
            Words("moves cost", "影响成本"),
            Words("missing", "缺失"),
        ],
        [[one["name"], one["value_cents"], one["cost_cents"], Percent(one["missing"])] for one in used[:MOST_FEATURES]],
        digits=1,
    )


def _settings(report: Report, card: Mapping[str, Any]) -> None:
    report.add_section(Words("Settings that were chosen inside the training data", "在训练数据内部选定的设置"))
    rows: list[list[Cell]] = [
        [name, int(one["leaves"]), int(one["rounds"]), float(one["shrinkage"])] for name, one in card["chosen"].items()
    ]
    caption = Words("Final model of every outcome and offer", "每个结果与券的最终模型")
    with report.folded(caption):
        report.add_table(
            caption,
            [Words("model", "模型"), Words("leaves", "叶子数"), Words("rounds", "轮数"), Words("shrinkage", "收缩")],
            rows,
            digits=2,
        )
    versions = ", ".join(f"{name} {number}" for name, number in card["versions"].items())
    report.add_text(Words(f"Made with {versions}.", f"所用版本：{versions}。"))


def _words(text: Mapping[str, str]) -> Words:
    return Words(text["en"], text["zh"])


def _estimate(found: Mapping[str, float]) -> Estimate:
    return Estimate(found["value"], found["low"], found["high"], digits=1)
