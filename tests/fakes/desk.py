"""The coupons app as the tests of claims need it: templates are put on the shelf as values, all else speaks HTTP."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from fakes.shop import Clock, Scoring, Shop
from sqlalchemy import select

from serving.coupons.audience import Audience
from serving.coupons.kinds import GiftPack, NoThreshold, ThresholdCut
from serving.coupons.refusals import Refuse
from serving.coupons.template import Campaign, Limits, Template
from serving.coupons.validity import DaysFromClaim
from serving.people.profile import Profile
from serving.store import coupons as repository
from serving.store.people import put_profile
from serving.store.schema import events, templates
from serving.store.shelf import add_campaign, add_template, edit_template, set_access
from serving.store.unit import Answer, Command, Request
from serving.store.verify import LedgerReport, verify_ledger
from serving.views import coupon_view

ZONE = ZoneInfo("Asia/Shanghai")


class Desk(Shop):
    """The app with its shop's clock, and templates that are put on the shelf as values."""

    def __init__(self, home: Path, url: str, clock: Clock, scoring: Scoring) -> None:
        super().__init__(home, url, clock, scoring, scoring_deadline_ms=5000)
        self.url = url
        self.issuer = self.app.state.sides.live.issuer
        self.hasher = self.issuer.gate.hasher

    # -- setting up --------------------------------------------------------------------------------------------------

    def write(self, command: Command) -> Answer:
        key = f"desk-{next(self._numbers)}"
        return self.store.write(Request("desk", key, "desk", key), command)

    def template(self, template_id: str = "cut", **values: Any) -> Template:
        made = template_of(template_id, **values)
        self._put(lambda tx: add_template(tx, made))
        return made

    def campaign(self, campaign_id: str, budget_cents: int = 10**9, liability_cents: int | None = None) -> None:
        self._put(lambda tx: add_campaign(tx, Campaign(campaign_id, campaign_id, budget_cents, liability_cents)))

    def edit(self, template: Template, **values: Any) -> Template:
        edited = replace(template, **values)
        self._put(lambda tx: edit_template(tx, edited, template.version, ZONE))
        return replace(edited, version=template.version + 1)

    def access(self, template_id: str, access: str) -> None:
        self._put(lambda tx: set_access(tx, template_id, access, "test"))

    def user(self, user_id: str, **values: Any) -> None:
        """What the shop says of a user; ``phone``, ``identity``, ``device`` and ``address`` are links."""
        links = {
            kind: (str(self.hasher(kind, values.pop(kind))),)
            for kind in ("phone", "identity", "device", "address")
            if kind in values
        }
        self._put(lambda tx: put_profile(tx, Profile(user_id, links=links, **values)))

    def _put(self, write: Any) -> None:
        def command(tx: Any) -> Answer | Refuse:
            outcome = write(tx)
            return outcome if isinstance(outcome, Refuse) else Answer(201, {})

        answer = self.write(command)
        assert answer.status == 201, answer.body

    # -- asking ------------------------------------------------------------------------------------------------------

    async def claim(self, user_id: str, template_id: str = "cut", key: str | None = None, **values: Any) -> Any:
        body = {"user_id": user_id, "template_id": template_id, **values}
        return await self.post("issuance", "/v1/claims", body, key)

    async def code(self, user_id: str, code: str, **values: Any) -> Any:
        return await self.post("issuance", "/v1/claims", {"user_id": user_id, "code": code, **values})

    async def codes(self, template_id: str, count: int, **values: Any) -> list[str]:
        answer = await self.post("operator", f"/v1/templates/{template_id}/codes", {"count": count, **values})
        assert answer.status_code == 201, answer.text
        return list(answer.json()["codes"])

    async def push(self, template_id: str, user_id: str, **values: Any) -> Any:
        body = {"template_id": template_id, "user_id": user_id, **values}
        return await self.post("issuance", "/v1/pushes", body)

    async def push_all(self, template_id: str, users: Iterable[str], key: str | None = None) -> Any:
        body = {"template_id": template_id, "user_ids": list(users)}
        return await self.post("issuance", "/v1/pushes", body, key)

    async def reward(self, kind: str, user_id: str, template_id: str = "cut", **values: Any) -> Any:
        body = {"kind": kind, "user_id": user_id, "template_id": template_id, **values}
        return await self.post("issuance", "/v1/rewards", body)

    def wallet(self, user_id: str) -> list[dict[str, Any]]:
        rows = self.store.read(lambda connection: repository.usable_wallet(connection, user_id))
        return [coupon_view(coupon, template) for coupon, template in rows]

    # -- looking -----------------------------------------------------------------------------------------------------

    def events(self, kind: str) -> list[dict[str, Any]]:
        query = select(events.c.data).where(events.c.kind == kind).order_by(events.c.seq)
        return self.store.read(lambda connection: [json.loads(data) for data in connection.execute(query).scalars()])

    def issued(self, template_id: str = "cut") -> int:
        query = select(templates.c.issued).where(templates.c.template_id == template_id)
        return int(self.store.read(lambda connection: connection.execute(query).scalar_one()))

    def verify(self) -> LedgerReport:
        report = verify_ledger(self.url)
        assert report.exact, report.differences
        return report

    def at(self, day: date | str, clock: str) -> None:
        """Set the shop's own clock."""
        local = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE)
        self.clock.now = local.astimezone(UTC).replace(tzinfo=None)


def template_of(template_id: str = "cut", **values: Any) -> Template:
    """A template that anybody may claim: eight yuan off any price, for seven days."""
    limits = {name: values.pop(name) for name in tuple(values) if name in Limits.__dataclass_fields__}
    given: dict[str, Any] = {
        "name": template_id,
        "kind": NoThreshold(800),
        "validity": DaysFromClaim(7),
        "access": "open",
        "limits": Limits(**limits),
        **values,
    }
    return Template(template_id, **given)


def pack(desk: Desk, **values: Any) -> None:
    """The case of F012: 10 without a threshold, 99-20 and 199-50, valid for seven days."""
    desk.template("ten", kind=NoThreshold(1000), delivery="push", validity=DaysFromClaim(7))
    desk.template("twenty", kind=ThresholdCut(9900, 2000), delivery="push", validity=DaysFromClaim(7))
    desk.template("fifty", kind=ThresholdCut(19900, 5000), delivery="push", validity=DaysFromClaim(7), **values)
    desk.template("pack", kind=GiftPack(("ten", "twenty", "fifty")), audience=Audience(newcomer=True), per_user=1)


def told(answer: httpx.Response) -> str:
    """``won``, or the code of the refusal."""
    return "won" if answer.status_code in (200, 201) else str(answer.json()["code"])


def tally(answers: Iterable[httpx.Response]) -> Counter[str]:
    return Counter(told(answer) for answer in answers)
