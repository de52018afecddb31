"""Counters of claims, packs and draws, codes and rewards, derived anew from the events.

Every coupon and every pack counts under the version of the template that it was issued under, as the claim counted it:
a limit's counter is all that was claimed up to the last claim that the limit applied to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Any

from serving.coupons.catalogue import template_from_data
from serving.coupons.codes import Guesses
from serving.coupons.events import Claimed
from serving.coupons.refusals import Refuse
from serving.coupons.slots import allowances
from serving.coupons.template import Template
from serving.coupons.validity import local_day
from serving.store.bundles import OPENED
from serving.store.codes import GUESSED, MADE, USED, code_row, guess_row
from serving.store.limits import ALL_DAYS, THINGS
from serving.store.notices import NOTICED, WANTED
from serving.store.rebuild import EventRow, Rows
from serving.store.rewards import GIVEN, SEEN, reward_row
from serving.store.schema import user_claims
from serving.store.schema_claims import (
    bundles,
    claim_pools,
    claim_quotas,
    claim_things,
    code_guesses,
    codes,
    reward_days,
    rewards,
    sign_ins,
)


class ClaimCounters:
    """Rebuilds the tables of claims, and adds to ``templates`` how many coupons were issued."""

    tables = (
        user_claims,
        claim_things,
        claim_quotas,
        claim_pools,
        bundles,
        codes,
        code_guesses,
        rewards,
        reward_days,
        sign_ins,
    )
    kinds = ("template.edited", Claimed.TAG, OPENED, NOTICED, WANTED, MADE, USED, GUESSED, GIVEN, SEEN)

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._templates: dict[tuple[str, int], Template] = {}
        self._claimed: Counter[tuple[str, str, str]] = Counter()

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        data = row.data
        match row.kind:
            case "template.edited":
                _recounted(rows, data)
            case Claimed.TAG:
                self._count(rows, data, row.at, data["face_cents"] * data.get("uses", 1))
            case "bundle.opened":
                self._count(rows, data, row.at, 0)
                made = {column.name: data.get(column.name) for column in bundles.columns}
                rows["bundles"][data["bundle_id"],] = {**made, "claimed_at": row.at}
            case "codes.made" | "code.used" | "code.guessed":
                _codes(rows, row)
            case "reward.given" | "sign_in.seen":
                _rewards(rows, row)
            case _:
                pass  # a notice or a wish to notify changes no state

    def _count(self, rows: dict[str, Rows], data: Mapping[str, Any], at: datetime, promised_cents: int) -> None:
        template = self._template(rows, data["template_id"], data["template_version"])
        rows["templates"][template.template_id,]["issued"] += 1
        self._count_own(rows, template, data, local_day(at, self._zone))
        open_then = allowances(template.limits, at, self._zone)
        if isinstance(open_then, Refuse):
            raise ValueError(f"a claim of {template.template_id} outside its slots")
        for allowance in open_then:
            key = {"template_id": template.template_id, "period": allowance.period}
            quota = rows["claim_quotas"].setdefault(tuple(key.values()), {**key, "claimed": 0})
            quota["claimed"] += 1
        if template.pool_cents is not None:
            fresh = {"template_id": template.template_id, "promised_cents": 0}
            rows["claim_pools"].setdefault((template.template_id,), fresh)["promised_cents"] += promised_cents

    def _count_own(self, rows: dict[str, Rows], template: Template, data: Mapping[str, Any], day: date) -> None:
        limits, of = template.limits, template.template_id
        for limit, name in ((limits.per_user, ALL_DAYS), (limits.per_user_day, day.isoformat())):
            self._claimed[of, f"user {name}", data["user_id"]] += 1
            if limit is not None:
                key = {"template_id": of, "user_id": data["user_id"], "day": name}
                claimed = self._claimed[of, f"user {name}", data["user_id"]]
                rows["user_claims"][tuple(key.values())] = {**key, "claimed": claimed}
        for kind in THINGS:
            value = data.get(kind)
            if value is None:
                continue
            self._claimed[of, kind, value] += 1
            if getattr(limits, f"per_{kind}") is not None:
                key = {"template_id": of, "kind": kind, "value": value}
                claimed = self._claimed[of, kind, value]
                rows["claim_things"][tuple(key.values())] = {**key, "claimed": claimed}

    def _template(self, rows: dict[str, Rows], template_id: str, version: int) -> Template:
        key = template_id, version
        if key not in self._templates:
            self._templates[key] = template_from_data(json.loads(rows["template_versions"][key]["spec"]))
        return self._templates[key]


def _recounted(rows: dict[str, Rows], data: Mapping[str, Any]) -> None:
    """What an edit counted anew; edits from before there was such a thing counted nothing."""
    counted, of = data.get("counted", {}), data["spec"]["template_id"]
    if "promised_cents" in counted:
        rows["claim_pools"][of,] = {"template_id": of, "promised_cents": counted["promised_cents"]}
    for period, claimed in counted.get("periods", {}).items():
        rows["claim_quotas"][of, period] = {"template_id": of, "period": period, "claimed": claimed}


def _codes(rows: dict[str, Rows], row: EventRow) -> None:
    data = row.data
    if row.kind == MADE:
        until = datetime.fromisoformat(data["expires_at"]) if data["expires_at"] else None
        for code in data["hashes"]:
            rows["codes"][code,] = code_row(data["batch_id"], data["template_id"], code, until)
    elif row.kind == USED:
        rows["codes"][data["code_hash"],]["used_for"] = data["used_for"]
    else:
        for kind, value, times, locks in data["states"]:
            guesses = Guesses(tuple(datetime.fromisoformat(at) for at in times), locks)
            rows["code_guesses"][kind, value] = guess_row(kind, value, guesses)


def _rewards(rows: dict[str, Rows], row: EventRow) -> None:
    data = row.data
    if row.kind == SEEN:
        rows["sign_ins"][data["user_id"],] = {
            "user_id": data["user_id"],
            "last_day": date.fromisoformat(data["day"]),
            "streak": data["streak"],
            "n": data["n"],
        }
        return
    for subject in data["subjects"]:
        made = reward_row(data["kind"], subject, data["reward_id"], data["user_id"], row.at)
        rows["rewards"][data["kind"], subject] = made
    if data["day"] is not None:
        key = {"kind": data["kind"], "user_id": data["user_id"], "day": data["day"]}
        counted = rows["reward_days"].setdefault(tuple(key.values()), {**key, "rewarded": 0})
        counted["rewarded"] += 1
