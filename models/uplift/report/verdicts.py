"""What a judged trial shows, in sentences: a claim needs an interval that leaves zero out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.ope import Estimate, Logged, difference, snips
from models.policy.references import BEST_SINGLE as RANDOM_ORDER
from models.policy.references import MODEL
from models.report import Words
from models.uplift.report.findings import ArmFindings
from models.uplift.report.held_out import BOOSTED, DR, LINEAR, RESPONSE
from models.uplift.report.judge import BEST_SINGLE, Judgement
from models.uplift.report.spending import Spending
from models.uplift.report.words import LEARNERS, Spread, digits, percent, plain, shown
from models.uplift.trial import Trial

MODEL_POLICY = f"best_arm_per_customer:{DR}"


@dataclass(frozen=True)
class Statement:
    """A sentence and its tone: good, bad or neutral."""

    words: Words
    tone: str


def bottom_line(trial: Trial, judgement: Judgement, findings: Sequence[ArmFindings]) -> Statement:
    """One sentence on what to do: choose per customer, give everybody the same, or give nothing."""
    gain = judgement.summary("policy_gain", MODEL_POLICY, "dr")
    best = judgement.best_arm
    ranked = [arm for arm in trial.arms[1:] if judgement.summary("value_sklift_qini", arm, DR).low > 0]
    if not even_chances(trial):
        ranked = [found.name for found in findings if found.autoc[DR].low > 0]
    if gain.low > 0:
        words = Words(
            f"choose per customer with the DR-learner; it brings {shown(gain.mean, gain)} more a unit than {best} for"
            " everybody.",
            f"用双稳健学习器逐客选择；每单位比对所有人使用 {best} 多 {shown(gain.mean, gain)}。",
        )
        return Statement(_line(words), "good")
    if best == trial.arms[0]:
        words = Words(
            "give nothing; no arm pays for itself on average, and no choice per customer is shown to.",
            "什么都不发；没有组在平均上合算，逐客选择也未被证实合算。",
        )
        return Statement(_line(words), "bad")
    effect = against_control(trial, trial.arms.index(best), trial.net)
    net = Words(" net of cost", "净") if trial.cost.any() else Words("", "")
    size = shown(effect.value, effect)
    if effect.low <= 0:
        words = Words(
            f"nothing is shown to work yet; the best arm, {best}, changes value by {size} a unit{net.en}.",
            f"尚无方案被证实有效；最佳组 {best} 使每单位{net.zh}价值变化 {size}。",
        )
        return Statement(_line(words), "bad")
    words = Words(
        f"give {best} to everybody; it brings {size} a unit{net.en} more than nothing, and choosing per"
        " customer is not shown to bring more.",
        f"对所有人使用 {best}；每单位{net.zh}价值比什么都不做多 {size}，逐客选择未被证实更好。",
    )
    if best in ranked:
        words = Words(
            words.en + f" Where only some can get {best}, rank them by the DR-learner.",
            words.zh + f"若只能发给部分人，按双稳健学习器排序发放 {best}。",
        )
    return Statement(_line(words), "neutral")


def _line(words: Words) -> Words:
    return Words(f"Bottom line: {words.en}", f"结论：{words.zh}")


def against_control(trial: Trial, arm: int, y: NDArray[np.float64]) -> Estimate:
    """Average effect of an arm on ``y`` (n,), on all rows."""
    n, K = len(trial), len(trial.arms)
    logs = [
        Logged(trial.treatment, y, trial.taken, np.tile(np.eye(K)[k], (n, 1)), cluster=trial.cluster) for k in (arm, 0)
    ]
    return difference(logs[0], logs[1], snips)


def ranking_statement(found: ArmFindings, judgement: Judgement, even: bool) -> Statement:
    """Does the DR-learner rank customers for this arm, and whom does it beat or lose to?

    ``even``: whether every unit had the same chances; where not, Qini compares unlike units, and AUTOC speaks alone.
    """
    arm = found.name
    name, value, spread = ranking_figure(found, judgement, even)
    chance = Words("not told apart from a random order", "与随机排序无显著差异")
    if spread.low > 0:
        chance = Words("above chance", "优于随机")
    elif spread.high < 0:
        chance = Words("below chance", "劣于随机")
    size = shown(value, spread)
    parts = [
        Words(
            f"{arm}: the DR-learner's {name} is {size}, {chance.en}.",
            f"{arm}：双稳健学习器的 {name} 为 {size}，{chance.zh}。",
        )
    ]
    if spread.low == spread.high == 0:
        parts = [
            Words(
                f"{arm}: the DR-learner predicts the same effect for everybody, so it ranks nobody.",
                f"{arm}：双稳健学习器对所有人预测相同的效应，因此不作排序。",
            )
        ]
    if not even:
        parts.append(
            Words(
                "The chances of the arms depend on the unit, so Qini is not used here.",
                "各组概率因单位而异，故此处不用 Qini。",
            )
        )
        return _joined(parts, "good" if spread.low > 0 else "neutral")
    over = {
        other: judgement.paired("value_sklift_qini", (arm, DR), (arm, other)) for other in (RESPONSE, LINEAR, BOOSTED)
    }
    beaten = [LEARNERS[other] for other, paired in over.items() if paired.low > 0]
    ahead = [LEARNERS[other] for other, paired in over.items() if paired.high < 0]
    for names, en, zh in ((beaten, "It beats", "它显著优于 "), (ahead, "It loses to", "它显著劣于 ")):
        if names:
            english, chinese = ", ".join(other.en for other in names), "、".join(other.zh for other in names)
            parts.append(Words(f"{en} {english}.", f"{zh}{chinese}。"))
    if not beaten and not ahead:
        parts.append(Words("No baseline is told apart from it.", "与各基线无显著差异。"))
    return _joined(parts, "bad" if ahead else "good" if spread.low > 0 and beaten else "neutral")


def ranking_figure(found: ArmFindings, judgement: Judgement, even: bool) -> tuple[str, float, Spread]:
    """How well the DR-learner ranks customers for an arm: name, figure and interval."""
    if not even:
        return "AUTOC", found.autoc[DR].value, found.autoc[DR]
    qini = judgement.summary("value_sklift_qini", found.name, DR)
    return "Qini", qini.mean, qini


def even_chances(trial: Trial) -> bool:
    """Whether every unit had the same chance of each arm, as far as chances are known."""
    known = np.isfinite(trial.propensity)
    highest = np.where(known, trial.propensity, 0.0).max(axis=0)
    lowest = np.where(known, trial.propensity, 1.0).min(axis=0)
    return bool((highest - lowest < 1e-6).all())


def _joined(parts: Sequence[Words], tone: str) -> Statement:
    return Statement(Words(" ".join(part.en for part in parts), "".join(part.zh for part in parts)), tone)


def people_statement(found: ArmFindings) -> Statement:
    """Which segments gain and lose, and whether anybody is harmed."""
    m = len(found.segments)
    lose = [s for s in found.segments if s.loses]
    more, less = ([s for s in found.segments if s.gap.low > 0], [s for s in found.segments if s.gap.high < 0])
    count = f"of {m} segments looked at, {len(lose) or 'none'} {'is' if len(lose) == 1 else 'are'} shown to lose"
    parts = [Words(f"{found.name}: {count}.", f"{found.name}：考察的 {m} 个人群中，{len(lose)} 个被证实受损。")]
    for named, en, zh in (
        (more, "The effect is larger for", "效应更大的是"),
        (less, "The effect is smaller for", "效应更小的是"),
    ):
        if named:
            one = max(named, key=lambda segment: abs(segment.evidence))
            size = shown(one.effect.value, one.effect)
            parts.append(Words(f"{en} {one.words.en}: {size}.", f"{zh} {one.words.zh}：{size}。"))
    if not more and not less:
        parts.append(Words("None is told apart from the others.", "没有人群与其他人有显著差异。"))
    if lose:
        last = lose[-1]
        size = shown(last.effect.value, last.effect)
        parts.append(Words(f"Sleeping dogs: {last.words.en}, {size}.", f"“沉睡的狗”：{last.words.zh}，{size}。"))
    harmed = found.harm.observed is not None and found.harm.observed.high < 0
    if found.harm.observed is not None and harmed:
        share, size = percent(found.harm.share), shown(found.harm.observed.value, found.harm.observed)
        parts.append(
            Words(
                f"Harm is predicted for {share} of the units and seen among them: {size}.",
                f"预计 {share} 的单位受损，且实测如此：{size}。",
            )
        )
    tone = "bad" if lose or harmed else "neutral"
    return _joined(parts, tone)


def budget_statement(spending: Spending) -> Statement:
    """Over all budgets, does spending by the DR-learner's effects bring more than spending without them?"""
    curves = spending.curves
    names = {
        RESPONSE: LEARNERS[RESPONSE],
        RANDOM_ORDER: Words("the best single arm in random order", "按随机顺序发放最佳单一组"),
    }
    over = {name: curves.area_between(MODEL, name) for name in names}
    beaten = [names[name] for name, found in over.items() if found.low > 0]
    ahead = [names[name] for name, found in over.items() if found.high < 0]
    if over[RANDOM_ORDER].low == over[RANDOM_ORDER].high == 0:
        return Statement(
            Words(
                "On a budget: the DR-learner's effects spend as the best single arm in random order does; it tells"
                " nobody apart who is worth more.",
                "预算有限时：双稳健学习器的发放与按随机顺序发放最佳单一组相同，未能区分谁更值得发放。",
            ),
            "bad" if ahead else "neutral",
        )
    size = shown(over[RANDOM_ORDER].value, over[RANDOM_ORDER])
    parts = [
        Words(
            f"On a budget: by the DR-learner's effects a unit brings {size} more than the best single arm in random"
            " order, on average over all budgets.",
            f"预算有限时：按双稳健学习器的效应发放，每单位比按随机顺序发放最佳单一组多 {size}（对全部预算取平均）。",
        )
    ]
    for which, en, zh in ((beaten, "It beats", "它显著优于"), (ahead, "It loses to", "它显著劣于")):
        if which:
            english, chinese = " and ".join(name.en for name in which), "、".join(name.zh for name in which)
            parts.append(Words(f"{en} {english}.", f"{zh}{chinese}。"))
    if not beaten and not ahead:
        parts.append(Words("That is not told apart from nothing.", "差异不显著。"))
    return _joined(parts, "bad" if ahead else "good" if len(beaten) == len(names) else "neutral")


def policy_statement(judgement: Judgement) -> Statement:
    """Is choosing the arm per customer better than the best single arm for everybody?"""
    gain = judgement.summary("policy_gain", MODEL_POLICY, "dr")
    if gain.low == gain.high == 0:
        best = judgement.best_arm
        words = Words(
            f"Choosing the arm per customer comes to {best} for everybody, the best single arm: the DR-learner finds"
            " nobody for whom another arm is worth more.",
            f"逐客选组的结果就是对所有人使用 {best}（最佳单一组）：双稳健学习器未发现有谁更适合其他组。",
        )
        return Statement(words, "neutral")
    mine, single = (judgement.summary("policy", policy, "dr") for policy in (MODEL_POLICY, BEST_SINGLE))
    places, best, size = digits([gain]), judgement.best_arm, shown(gain.mean, gain)
    values = f"{plain(mine.mean, places)} / {plain(single.mean, places)}"
    if gain.low > 0:
        return Statement(
            Words(
                f"Choosing the arm per customer beats {best} for everybody: {values} a unit, difference {size}.",
                f"逐客选组优于对所有人使用 {best}：每单位 {values}，差 {size}。",
            ),
            "good",
        )
    if gain.high < 0:
        return Statement(
            Words(
                f"{best} for everybody beats choosing per customer: {values} a unit, difference {size}.",
                f"对所有人使用 {best} 优于逐客选组：每单位 {values}，差 {size}。",
            ),
            "bad",
        )
    return Statement(
        Words(
            f"Choosing the arm per customer does not beat {best} for everybody, the best single arm:"
            f" {values} a unit, difference {size}. The simpler policy is the one to use.",
            f"逐客选组并不优于对所有人使用 {best}（最佳单一组）：每单位 {values}，差 {size}。应采用更简单的策略。",
        ),
        "bad",
    )
