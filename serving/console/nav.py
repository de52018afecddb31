"""The pages that a visitor may open, in groups: what the menu shows and where a role lands."""

from __future__ import annotations

from dataclasses import dataclass

from serving.console.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu: ``text`` is the key of its name."""

    path: str
    text: str
    permission: str
    group: str


ENTRIES = (
    Entry("/cases", "nav.queue", "cases.read", "nav.review"),
    Entry("/approvals", "nav.approvals", "cases.read", "nav.review"),
    Entry("/appeals", "nav.appeals", "appeals.read", "nav.review"),
    Entry("/lists", "nav.lists", "lists.read", "nav.review"),
    Entry("/feedback", "nav.feedback", "feedback.read", "nav.review"),
    Entry("/lab", "nav.lab", "lab.read", "nav.review"),
    Entry("/overview", "nav.overview", "overview.read", "nav.figures"),
    Entry("/cross", "nav.cross", "performance.read", "nav.figures"),
    Entry("/models", "nav.models", "performance.read", "nav.figures"),
    Entry("/drift", "nav.drift", "performance.read", "nav.figures"),
    Entry("/simulator", "nav.simulator", "simulator.use", "nav.tools"),
    Entry("/why", "nav.why", "why.read", "nav.tools"),
    Entry("/budget", "nav.budget", "budget.read", "nav.tools"),
    Entry("/thresholds", "nav.thresholds", "thresholds.read", "nav.tools"),
    Entry("/audit", "nav.audit", "audit.read", "nav.house"),
    Entry("/staff", "nav.staff", "staff.manage", "nav.house"),
)


def menu(visitor: Visitor) -> list[tuple[str, list[Entry]]]:
    """The groups with what the visitor may open."""
    groups: dict[str, list[Entry]] = {}
    for entry in ENTRIES:
        if visitor.may(entry.permission):
            groups.setdefault(entry.group, []).append(entry)
    return list(groups.items())


def home(visitor: Visitor) -> str:
    """Where the visitor begins: reviewers at the queue, everybody else at the figures."""
    return "/cases" if visitor.may("cases.decide") else "/overview"
