"""A shelf without a shop around it: a store on either database, templates, and commands with keys of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from serving.coupons.kinds import NoThreshold
from serving.coupons.refusals import Pass, Refuse
from serving.coupons.template import Campaign, Template
from serving.coupons.validity import DaysFromClaim
from serving.store import shelf
from serving.store.unit import Answer, Request, Store, Transaction


def flat(template_id: str = "flat_8", **values: Any) -> Template:
    """A template that takes 8 off any order and that anybody may claim, unless ``values`` say otherwise."""
    given = {
        "name": template_id,
        "kind": NoThreshold(800),
        "validity": DaysFromClaim(7),
        "access": "open",
        **values,
    }
    return Template(template_id, **given)


@dataclass
class Hand:
    """Somebody who puts things on the shelf; every command has a key of its own."""

    store: Store
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def does(self, change: Callable[[Transaction], Any]) -> str:
        """Run a change; ``done``, or the code of its refusal."""

        def command(tx: Transaction) -> Answer | Refuse:
            outcome = change(tx)
            return outcome if isinstance(outcome, Refuse) else Answer(200, {"code": "done"})

        request = Request("operator", f"hand-{next(self._numbers)}", "test", "body")
        return str(self.store.write(request, command).body["code"])

    def campaign(self, campaign_id: str = "spring") -> str:
        return self.does(lambda tx: shelf.add_campaign(tx, Campaign(campaign_id, campaign_id, 100_000)))

    def adds(self, *templates: Template) -> str:
        def change(tx: Transaction) -> Any:
            for template in templates:
                verdict = shelf.add_template(tx, template)
                if isinstance(verdict, Refuse):
                    return verdict
            return Pass()

        return self.does(change)

    def edits(self, template: Template, expected_version: int) -> str:
        return self.does(lambda tx: shelf.edit_template(tx, template, expected_version, UTC))

    def opens(self, template_id: str, access: str) -> str:
        return self.does(lambda tx: shelf.set_access(tx, template_id, access, "test"))

    def finds(self, query: Callable[[Any], Any]) -> Any:
        return self.store.read(query)
