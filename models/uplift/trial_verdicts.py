"""What a judged trial shows, in sentences: a claim needs an interval that leaves zero out."""

from __future__ import annotations

from dataclasses import dataclass

from models.report import Words
from models.uplift.judge import BEST_SINGLE, BOOSTED, DR, LINEAR, RESPONSE, Judgement
from models.uplift.splits import Repeated

LEARNERS = {
    DR: Words("DR-learner", "双稳健学习器"),
    LINEAR: Words("T-learner, linear", "线性 T 学习器"),
    BOOSTED: Words("T-learner, boosted", "提升树 T 学习器"),
    RESPONSE: Words("response ranking", "响应率排序"),
}
MODEL_POLICY = f"best_arm_per_customer:{DR}"


@dataclass(frozen=True)
class Statement:
    """A sentence and its tone: good, bad or neutral."""

    words: Words
    tone: str


def ranking_statement(arm: str, judgement: Judgement) -> Statement:
    """Does the DR-learner rank customers for this arm, and whom does it beat or lose to?"""
    qini = judgement.summary("value_sklift_qini", arm, DR)
    over = {
        other: judgement.paired("value_sklift_qini", (arm, DR), (arm, other)) for other in (RESPONSE, LINEAR, BOOSTED)
    }
    beaten = [LEARNERS[other] for other, paired in over.items() if paired.low > 0]
    ahead = [LEARNERS[other] for other, paired in over.items() if paired.high < 0]
    chance = Words("not told apart from a random order", "与随机排序无显著差异")
    if qini.low > 0:
        chance = Words("above chance", "优于随机")
    elif qini.high < 0:
        chance = Words("below chance", "劣于随机")
    parts = [
        Words(
            f"{arm}: the DR-learner's Qini is {shown(qini)}, {chance.en}.",
            f"{arm}：双稳健学习器的 Qini 为 {shown(qini)}，{chance.zh}。",
        )
    ]
    for names, en, zh in ((beaten, "It beats", "它显著优于"), (ahead, "It loses to", "它显著劣于")):
        if names:
            english, chinese = ", ".join(name.en for name in names), "、".join(name.zh for name in names)
            parts.append(Words(f"{en} {english}.", f"{zh}{chinese}。"))
    if not beaten and not ahead:
        parts.append(Words("No baseline is told apart from it.", "与各基线无显著差异。"))
    words = Words(" ".join(part.en for part in parts), "".join(part.zh for part in parts))
    return Statement(words, "bad" if ahead else "good" if qini.low > 0 and beaten else "neutral")


def policy_statement(judgement: Judgement) -> Statement:
    """Is choosing the arm per customer better than the best single arm for everybody?"""
    gain = judgement.summary("policy_gain", MODEL_POLICY, "dr")
    mine, single = (judgement.summary("policy", policy, "dr").mean for policy in (MODEL_POLICY, BEST_SINGLE))
    values, best = f"{mine:.4f} / {single:.4f}", judgement.best_arm
    if gain.low > 0:
        return Statement(
            Words(
                f"Choosing the arm per customer beats {best} for everybody: {values} a unit, difference {shown(gain)}.",
                f"逐客选组优于对所有人使用 {best}：每单位 {values}，差 {shown(gain)}。",
            ),
            "good",
        )
    if gain.high < 0:
        return Statement(
            Words(
                f"{best} for everybody beats choosing per customer: {values} a unit, difference {shown(gain)}.",
                f"对所有人使用 {best} 优于逐客选组：每单位 {values}，差 {shown(gain)}。",
            ),
            "bad",
        )
    return Statement(
        Words(
            f"Choosing the arm per customer does not beat {best} for everybody, the best single arm:"
            f" {values} a unit, difference {shown(gain)}. The simpler policy is the one to use.",
            f"逐客选组并不优于对所有人使用 {best}（最佳单一组）：每单位 {values}，差 {shown(gain)}。"
            "应采用更简单的策略。",
        ),
        "bad",
    )


def shown(found: Repeated) -> str:
    """``0.0656 [0.0523, 0.0790]``"""
    return f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]"
