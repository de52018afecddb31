"""The team of a fresh installation on one machine: one account per role, each let in by a one-time link."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from serving.coupons.refusals import Refuse
from serving.staff.account import LOCAL
from serving.staff.accounts import added, find
from serving.staff.links import GOOD_FOR, address_of, give, new_link
from serving.staff.roles import ADMIN, ANALYST, LEAD, OPERATOR, REVIEWER
from serving.store.unit import Answer, Request, Store, Transaction

TEAM: Mapping[str, str] = MappingProxyType(
    {REVIEWER: "rita", LEAD: "lena", OPERATOR: "oscar", ANALYST: "ana", ADMIN: "adam"}
)


def welcome(store: Store, console: str, length: timedelta = GOOD_FOR) -> dict[str, str]:
    """A fresh link for each role, at the address ``console``; accounts that are there stay as they are.

    A name that was shut or given another role since gets no link.
    """
    found = {}
    for role, name in TEAM.items():
        link = new_link()

        def command(tx: Transaction, role: str = role, name: str = name, link: str = link) -> Answer | Refuse:
            account = find(tx.connection, name) or added(tx, name, role, LOCAL)
            if isinstance(account, Refuse) or account.role != role:
                return Answer(200, {"given": False})
            answer = give(name, link, length)(tx)
            return answer if isinstance(answer, Refuse) else Answer(200, {"given": True})

        key = store.ids("wel")
        answer = store.write(Request("cli:welcome", key, "welcome", key), command)
        if answer.status == 200 and answer.body["given"]:
            found[role] = address_of(console, link)
    return found
