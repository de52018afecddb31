"""What each role may do at the console; every page and every form asks here, on the server.

A permission is ``area.verb``. Who may decide cases may not manage staff, and nobody approves what is theirs: the
second pair of eyes is checked against the first by name where something is approved.
"""

from __future__ import annotations

from collections.abc import Mapping

REVIEWER, LEAD, OPERATOR, ANALYST, ADMIN = "reviewer", "lead", "operator", "analyst", "admin"

_LOOK = frozenset({"overview.read", "why.read", "simulator.use"})
_REVIEW = _LOOK | {"cases.read", "cases.decide", "lists.read", "lists.write", "appeals.read", "appeals.decide"}
_FIGURES = _LOOK | {"performance.read", "budget.read", "thresholds.read", "export"}

PERMISSIONS: Mapping[str, frozenset[str]] = {
    REVIEWER: frozenset(_REVIEW),
    LEAD: _REVIEW
    | _FIGURES
    | {"cases.approve", "feedback.read", "lab.read", "lab.write", "lab.approve", "identifiers.reveal", "audit.read"},
    OPERATOR: _FIGURES | {"budget.save"},
    ANALYST: _FIGURES | {"cases.read", "feedback.read", "lab.read", "audit.read"},
    ADMIN: _FIGURES | {"cases.read", "lists.read", "feedback.read", "lab.read", "audit.read", "staff.manage"},
}
ROLES = tuple(PERMISSIONS)


def may(role: str, permission: str) -> bool:
    """Whether a role carries a permission; an unknown role carries none."""
    return permission in PERMISSIONS.get(role, frozenset())
