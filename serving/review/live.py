"""Cases that a claim opens: a machine withheld a coupon, so a person looks."""

from __future__ import annotations

from serving.coupons.refusals import Refuse
from serving.review.case import Flag, Reason
from serving.review.store import put
from serving.scoring.messages import Risk
from serving.store.unit import Answer, Transaction, refusal


def report_withheld(tx: Transaction, user_id: str, risk: Risk, refuse: Refuse) -> Answer:
    """Keep the refusal and the case together; a user who is flagged already has a case."""
    if not risk.flagged:
        reasons = tuple(Reason(reason.code, reason.en, reason.zh) for reason in risk.reasons)
        flag = Flag(user_id, risk.score if risk.score is not None else 0.5, risk.action, reasons)
        put(tx, flag.subject, (flag,), "claim")
    return refusal(refuse)
