"""Section of a trial's report on people: who gains, who loses, and whom an arm is predicted to harm."""

from __future__ import annotations

from collections.abc import Sequence

from models.plots import Interval as Row
from models.plots import intervals
from models.report import Cell, Percent, Report, Words
from models.uplift.report.findings import ArmFindings
from models.uplift.report.judged import Judged
from models.uplift.report.segments import Segment
from models.uplift.report.words import SHARE, UNITS, cell, digits, flat, flat_names, percent, shown

TAIL = 5  # segments shown at either end
EFFECT = Words("observed effect", "实测效应")
PER_UNIT = Words("observed effect per unit", "每单位实测效应")


def who_gains(report: Report, judged: Judged) -> None:
    """Segments at both ends, rules of a tree, and the people whom an arm is predicted to harm."""
    report.add_section(Words("Who gains and who loses", "谁获益，谁受损"))
    names = flat_names(judged.trial.arms)
    for found in judged.findings:
        report.add_heading(found.name)
        report.add_text(_looked_at(found))
        if found.segments:
            _segments(report, found, names[found.name])
        _leaves(report, found, names[found.name])
        report.add_text(harm_words(found))
        _harm_figures(report, found, names[found.name])


def _looked_at(found: ArmFindings) -> Words:
    if not found.segments:
        return Words("No segment is large enough to be looked at by itself.", "没有足够大、可单独考察的人群。")
    m, gain, lose = len(found.segments), sum(s.gains for s in found.segments), sum(s.loses for s in found.segments)
    unlike = sum(s.gap.low > 0 or s.gap.high < 0 for s in found.segments)
    chance = Words("none to lose", "没有人群被证实受损")
    if lose:
        chance = Words(f"{lose} to lose (sleeping dogs)", f"{lose} 个被证实受损（“沉睡的狗”）")
    return Words(
        f"{m} segments were looked at, one feature at a time; intervals hold for all {m} at once (Bonferroni)."
        f" Shown to gain: {gain}; {chance.en}; {unlike} to differ from everybody else.",
        f"共逐特征考察 {m} 个人群，区间对全部 {m} 个同时成立（Bonferroni）。"
        f"其中 {gain} 个被证实获益，{chance.zh}；{unlike} 个被证实与其他人不同。",
    )


def _segments(report: Report, found: ArmFindings, arm: str) -> None:
    top, bottom = tails(found.segments)
    places = digits(segment.effect for segment in (*top, *bottom))
    drawn = [Row(s.words, s.effect.value, s.effect.low, s.effect.high) for s in (*top, *bottom)]
    average = Row(Words("everybody", "全体"), found.blp.mean.value, found.blp.mean.low, found.blp.mean.high, quiet=True)
    drawn.insert(len(top), average)
    caption = Words(
        f"{found.name}: the {len(top)} segments that stand out most above and the {len(bottom)} below the others",
        f"{found.name}：最明显高于其他人的 {len(top)} 个与低于其他人的 {len(bottom)} 个人群",
    )
    report.add_figure(caption, intervals(drawn, PER_UNIT, signed=True))
    rows: list[list[Cell]] = [
        [s.words, s.units, Percent(s.share), cell(s.effect.value, s.effect, places), _finding(s)]
        for s in (*top, *bottom)
    ]
    with report.folded(Words("The same as a table", "表格形式")):
        report.add_table(caption, [Words("segment", "人群"), UNITS, SHARE, EFFECT, Words("finding", "结论")], rows)
    report.add_figures(
        {
            f"segments_looked_at_{arm}": len(found.segments),
            f"segments_shown_to_gain_{arm}": [s.words.en for s in found.segments if s.gains],
            f"segments_shown_to_lose_{arm}": [s.words.en for s in found.segments if s.loses],
            f"segment_names_{arm}": [s.words.en for s in found.segments],
            f"segment_shares_{arm}": [s.share for s in found.segments],
            f"segment_effects_{arm}_mean": [s.effect.value for s in found.segments],
            f"segment_effects_{arm}_low": [s.effect.low for s in found.segments],
            f"segment_effects_{arm}_high": [s.effect.high for s in found.segments],
            f"segment_gaps_{arm}_mean": [s.gap.value for s in found.segments],
            f"segment_gaps_{arm}_low": [s.gap.low for s in found.segments],
            f"segment_gaps_{arm}_high": [s.gap.high for s in found.segments],
        }
    )


def tails(found: Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """The segments that stand out most to either side, and all that lose; best effect first, none twice."""
    above = sorted((s for s in found if s.evidence > 0), key=lambda s: -s.evidence)[:TAIL]
    below = sorted((s for s in found if s not in above), key=lambda s: (not s.loses, s.evidence))
    losers = sum(s.loses for s in below)
    kept = below[: max(TAIL, min(losers, 2 * TAIL))]
    return _by_effect(above), _by_effect(kept)


def _by_effect(found: Sequence[Segment]) -> list[Segment]:
    return sorted(found, key=lambda segment: -segment.effect.value)


def _finding(segment: Segment) -> Words:
    """Against zero, and against the others."""
    zero = Words("not told apart from zero", "与零无显著差异")
    if segment.gains:
        zero = Words("gains", "获益")
    elif segment.loses:
        zero = Words("loses", "受损")
    if segment.gap.low > 0:
        return Words(f"{zero.en}, more than the others", f"{zero.zh}，高于其他人")
    if segment.gap.high < 0:
        return Words(f"{zero.en}, less than the others", f"{zero.zh}，低于其他人")
    return zero


def _leaves(report: Report, found: ArmFindings, arm: str) -> None:
    if len(found.leaves) < 2:
        report.add_text(
            Words(
                "A tree of segments finds no cut that is clearer than the best of as many by chance.",
                "人群树没有找到比偶然更清晰的划分。",
            )
        )
        return
    places = digits(leaf.effect for leaf in found.leaves)
    rows: list[list[Cell]] = [
        [
            Words(" and ".join(rule.en for rule in leaf.rules), " 且 ".join(rule.zh for rule in leaf.rules)),
            leaf.units,
            Percent(leaf.share),
            cell(leaf.effect.value, leaf.effect, places),
        ]
        for leaf in found.leaves
    ]
    report.add_table(
        Words(
            f"{found.name}: a shallow tree of effects; rules grown on one half of the units, effects and intervals"
            f" (for all {len(rows)} at once) from the other",
            f"{found.name}：效应的浅层树；规则由一半单位得出，效应与区间（对 {len(rows)} 个叶同时成立）来自另一半",
        ),
        [Words("rule", "规则"), UNITS, SHARE, EFFECT],
        rows,
    )
    report.add_figures(
        {
            f"tree_rules_{arm}": [" and ".join(rule.en for rule in leaf.rules) for leaf in found.leaves],
            f"tree_effects_{arm}_mean": [leaf.effect.value for leaf in found.leaves],
            f"tree_effects_{arm}_low": [leaf.effect.low for leaf in found.leaves],
            f"tree_effects_{arm}_high": [leaf.effect.high for leaf in found.leaves],
        }
    )


def harm_words(found: ArmFindings) -> Words:
    """Whom the arm is predicted to harm, and whether it does."""
    harm = found.harm
    if harm.observed is None and harm.share > 0:
        share = percent(harm.share)
        return Words(
            f"{found.name} is predicted to harm {share} of the units, too few to look at.",
            f"{found.name} 预计会损害 {share} 的单位，人数太少，无法考察。",
        )
    if harm.observed is None:
        return Words(
            f"{found.name} is predicted to harm nobody.",
            f"{found.name} 预计不会损害任何人。",
        )
    seen = shown(harm.observed.value, harm.observed)
    if harm.observed.high < 0:
        verdict = Words("they do lose: leave them alone", "他们确实受损：不应打扰")
    elif harm.observed.low > 0:
        verdict = Words("they gain all the same: the prediction is wrong", "但他们实际获益：预测有误")
    else:
        verdict = Words("harm is not shown", "损害未被证实")
    return Words(
        f"{found.name} is predicted to harm {percent(harm.share)} of the units; the effect observed among them is"
        f" {seen}: {verdict.en}.",
        f"{found.name} 预计会损害 {percent(harm.share)} 的单位；其中实测效应为 {seen}，{verdict.zh}。",
    )


def _harm_figures(report: Report, found: ArmFindings, arm: str) -> None:
    report.add_figures({f"share_predicted_harmed_{arm}": found.harm.share})
    if found.harm.observed is not None:
        report.add_figures(flat(f"effect_among_predicted_harmed_{arm}", found.harm.observed.value, found.harm.observed))
