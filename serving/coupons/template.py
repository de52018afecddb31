"""What may be claimed (template) and what pays for it (campaign): frozen, versioned values.

A template that is in use is never changed: an edit makes the next version, and coupons keep the version they were
issued under. ``access`` is closed until somebody opens it: ``decision`` lets a stored decision give the coupon,
``open`` lets anybody claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from serving.coupons.kinds import Kind, kind_from_data, kind_to_data
from serving.coupons.money import InvalidError, check_cents, check_int
from serving.coupons.scope import Scope
from serving.coupons.validity import Validity, validity_from_data, validity_to_data

ACCESS = ("closed", "decision", "open")
NONE = "none"
ALL_GOODS = Scope("all")


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template. ``None`` for a limit means unlimited; no terminals means all terminals."""

    template_id: str
    name: str
    kind: Kind
    validity: Validity
    scope: Scope = ALL_GOODS
    terminals: tuple[str, ...] = ()
    quantity: int | None = None
    per_user: int | None = None
    per_user_day: int | None = None
    campaign_id: str | None = None
    access: str = "closed"
    version: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= 50:
            raise InvalidError("name", self.name[:60], "1 to 50 characters")
        if self.template_id == NONE:
            raise InvalidError("template_id", NONE, "an id other than the control offer")
        if self.access not in ACCESS:
            raise InvalidError("access", self.access, f"one of: {', '.join(ACCESS)}")
        for field, limit in (
            ("quantity", self.quantity),
            ("per_user", self.per_user),
            ("per_user_day", self.per_user_day),
        ):
            if limit is not None:
                check_int(field, limit, 1, 10**9)

    def opened(self, access: str) -> Template:
        return replace(self, access=access)


@dataclass(frozen=True, slots=True)
class Campaign:
    """``budget_cents`` caps held and spent discount; ``liability_cents`` caps the face value of live coupons."""

    campaign_id: str
    name: str
    budget_cents: int
    liability_cents: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= 50:
            raise InvalidError("name", self.name[:60], "1 to 50 characters")
        check_cents("budget_cents", self.budget_cents)
        if self.liability_cents is not None:
            check_cents("liability_cents", self.liability_cents)


def template_to_data(template: Template) -> dict[str, Any]:
    """What is stored for ever; ``access`` is state of the shelf, not of the version."""
    return {
        "template_id": template.template_id,
        "name": template.name,
        "kind": kind_to_data(template.kind),
        "validity": validity_to_data(template.validity),
        "scope": str(template.scope),
        "without": list(template.scope.without),
        "terminals": list(template.terminals),
        "quantity": template.quantity,
        "per_user": template.per_user,
        "per_user_day": template.per_user_day,
        "campaign_id": template.campaign_id,
        "version": template.version,
    }


def template_from_data(data: Mapping[str, Any], access: str = "closed") -> Template:
    return Template(
        template_id=data["template_id"],
        name=data["name"],
        kind=kind_from_data(data["kind"]),
        validity=validity_from_data(data["validity"]),
        scope=Scope.parse(data["scope"], tuple(data["without"])),
        terminals=tuple(data["terminals"]),
        quantity=data["quantity"],
        per_user=data["per_user"],
        per_user_day=data["per_user_day"],
        campaign_id=data["campaign_id"],
        access=access,
        version=data["version"],
    )
