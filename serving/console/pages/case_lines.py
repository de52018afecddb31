"""The timeline by day of the shop, and how the score went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo
from itertools import groupby

from markupsafe import Markup

from serving.console.charts import Curve, lines
from serving.console.texts import Texts
from serving.review.evidence import Moment, Scored

LINES = 150


def days_of(told: Sequence[Moment], zone: tzinfo) -> list[tuple[str, list[Moment]]]:
    """(day, lines of the day), in the order of the lines; a day is one of the shop's zone."""
    days = groupby(told, key=lambda line: line.at.replace(tzinfo=UTC).astimezone(zone).date().isoformat())
    return [(day, list(found)) for day, found in days]


def history_of(history: Sequence[Scored], t: Texts) -> Markup | None:
    """The score over the hours since the first one; None while there is only one."""
    if len(history) < 2:
        return None
    inorder = sorted(history, key=lambda scored: scored.at)
    hours = [(scored.at - inorder[0].at).total_seconds() / 3600 for scored in inorder]
    curve = Curve(t("case.score"), hours, [scored.score for scored in inorder])
    return lines([curve], x=t("case.hours"), y=t("case.score"), label=t("case.history"), zero=True)
