"""How the console works here: sessions, leases, second pairs of eyes, audits, and who may sign in from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator

from serving.shop_settings import Section
from serving.staff.roles import ROLES


class LockOut(Section):
    """Guessing: after so many wrong passwords the account rests for some minutes."""

    failures: int = Field(5, ge=1)
    minutes: int = Field(15, ge=1)


class Oidc(Section):
    """Sign-in at an identity provider; off while ``issuer`` is empty. ``roles`` maps values of the claim to roles."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    role_claim: str = "groups"
    roles: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("roles")
    @classmethod
    def _known(cls, roles: Mapping[str, str]) -> Mapping[str, str]:
        for value, role in roles.items():
            if role not in ROLES:
                raise ValueError(f"a role for {value!r}, one of {', '.join(ROLES)}, not {role!r}")
        return roles


class Console(Section):
    """The desk of the risk team, operators and analysts."""

    session_hours: int = Field(10, ge=1)
    idle_minutes: int = Field(60, ge=1)
    lock_out: LockOut = LockOut()
    oidc: Oidc = Oidc()
    public_url: str = ""
    coupons_url: str = ""
    coupons_key: str = ""
    lease_minutes: int = Field(15, ge=1)
    sla_hours: int = Field(24, ge=1)
    four_eyes_cents: int = Field(100_000, ge=0)
    audit_share: float = Field(0.015, ge=0, le=0.1)
    second_look_share: float = Field(0.05, ge=0, le=1)
