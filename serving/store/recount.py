"""What all claims of a template share, counted anew when the template is edited: a quota or a pool that the edit brings
holds for what was claimed before it too (F017, F059, F060).

Only periods that go on can be claimed in any more, so only those are counted. The event of the edit keeps the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import func, select, update

from serving.coupons.kinds import prices
from serving.coupons.template import Template
from serving.coupons.validity import local_day, midnight
from serving.coupons.windows import open_slot
from serving.store.rows import insert_new
from serving.store.schema import coupons
from serving.store.schema_claims import bundles, claim_pools, claim_quotas
from serving.store.unit import Transaction


@dataclass(frozen=True, slots=True)
class Recount:
    """``template`` as it will be; ``lock`` comes before its row is written, and ``count`` after."""

    tx: Transaction
    template: Template
    zone: tzinfo

    def lock(self) -> None:
        """Take the rows of the counters in the order of a claim, so that an edit and a claim never wait in a ring."""
        of = self.template.template_id
        if self.template.pool_cents is not None:
            insert_new(self.tx.connection, claim_pools, {"template_id": of, "promised_cents": 0})
            self._lock(claim_pools, {"template_id": of})
        for period in sorted(self._periods()):
            key = {"template_id": of, "period": period}
            insert_new(self.tx.connection, claim_quotas, {**key, "claimed": 0})
            self._lock(claim_quotas, key)

    def count(self) -> dict[str, Any]:
        """Write what was claimed under all versions; the figures, for the event."""
        of = self.template.template_id
        counted: dict[str, Any] = {"periods": {}}
        if self.template.pool_cents is not None:
            promised = func.coalesce(func.sum(coupons.c.face_cents * coupons.c.uses), 0)
            counted["promised_cents"] = self._sum(select(promised).where(coupons.c.template_id == of))
            statement = update(claim_pools).where(claim_pools.c.template_id == of)
            self.tx.connection.execute(statement.values(promised_cents=counted["promised_cents"]))
        issued = coupons if prices(self.template.kind) else bundles
        for period, since in self._periods().items():
            mine = issued.c.template_id == of, issued.c.claimed_at >= since
            claimed = self._sum(select(func.count()).select_from(issued).where(*mine))
            row = claim_quotas.c.template_id == of, claim_quotas.c.period == period
            self.tx.connection.execute(update(claim_quotas).where(*row).values(claimed=claimed))
            counted["periods"][period] = claimed
        return counted

    def _periods(self) -> dict[str, datetime]:
        """The counters of the moment (as ``slots.allowances`` names them) with when they began."""
        limits, now = self.template.limits, self.tx.now
        day = local_day(now, self.zone)
        began = midnight(day, self.zone)
        found = {f"{day}": began} if limits.day_quota is not None else {}
        if limits.carry:
            found[f"{day} slots"] = began
        index = None if limits.carry else open_slot(limits.slots, now, self.zone)
        if index is not None:
            start = limits.slots[index].start
            at = datetime.combine(day, start, self.zone).astimezone(UTC).replace(tzinfo=None)
            found[f"{day} {start.isoformat()}"] = at
        return found

    def _lock(self, table: Any, key: Mapping[str, str]) -> None:
        mine = [table.c[name] == value for name, value in key.items()]
        self.tx.connection.execute(select(table.c.template_id).where(*mine).with_for_update()).one()

    def _sum(self, query: Any) -> int:
        return int(self.tx.connection.execute(query).scalar_one())
