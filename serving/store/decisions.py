"""Decisions: who was considered for what, with which probability, and why; the log that trains the next model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from serving.store.rows import Prepared, insert_rows
from serving.store.schema import decisions
from serving.store.unit import Transaction, canonical


@dataclass(frozen=True, slots=True)
class Decision:
    """``eligible`` always has ``none``; ``detail`` keeps scores, reasons and versions as they were answered."""

    decision_id: str
    user_id: str
    trigger: str
    campaign_id: str | None
    eligible: tuple[str, ...]
    offer: str
    propensity: float
    holdout: bool
    fallback: bool
    policy_version: str
    value_cents: float | None
    cost_cents: float | None
    detail: dict[str, Any]
    claim_until: datetime


def add_decision(tx: Transaction, decision: Decision) -> None:
    row = {
        "decision_id": decision.decision_id,
        "user_id": decision.user_id,
        "decided_at": tx.now,
        "trigger": decision.trigger,
        "campaign_id": decision.campaign_id,
        "eligible": canonical(list(decision.eligible)),
        "offer": decision.offer,
        "propensity": decision.propensity,
        "holdout": decision.holdout,
        "fallback": decision.fallback,
        "policy_version": decision.policy_version,
        "value_cents": decision.value_cents,
        "cost_cents": decision.cost_cents,
        "detail": canonical(decision.detail),
        "claim_until": decision.claim_until,
    }
    insert_rows(tx.connection, decisions, [{**row, "coupon_id": None}])
    event = {**row, "eligible": list(decision.eligible), "detail": decision.detail}
    event["decided_at"] = tx.now.isoformat()
    event["claim_until"] = decision.claim_until.isoformat()
    tx.append(f"decision:{decision.decision_id}", 1, "decision.taken", event)


_BY_ID = Prepared(select(decisions).where(decisions.c.decision_id == bindparam("of_decision")))
_TAKE = Prepared(
    update(decisions)
    .where(decisions.c.decision_id == bindparam("of_decision"), decisions.c.coupon_id.is_(None))
    .values(coupon_id=bindparam("taken"))
)


def find_decision(connection: Connection, decision_id: str) -> Row[Any] | None:
    found: Row[Any] | None = _BY_ID.one(connection, {"of_decision": decision_id})
    return found


def take_coupon(tx: Transaction, decision_id: str, coupon_id: str) -> bool:
    """Bind the one coupon of a decision; False when it has one."""
    return _TAKE.count(tx.connection, {"of_decision": decision_id, "taken": coupon_id}) == 1
