"""Make codes that are exchanged for coupons: random, stored as keyed hashes, shown once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from serving.coupons.claiming import CODE
from serving.coupons.codes import RANDOM_BYTES, normal, write_code
from serving.coupons.money import InvalidError
from serving.coupons.refusals import Refuse
from serving.issuer import Issuer
from serving.store.codes import add_codes
from serving.store.shelf import find_template
from serving.store.unit import Answer, Command, Transaction


@dataclass(frozen=True, slots=True)
class Minted:
    """New codes in the clear, for the one answer that shows them, and the command that stores their hashes.

    The stored answer does not have them: a replay says how many there are, and nobody can read them again.
    """

    codes: tuple[str, ...]
    command: Command


def mint(issuer: Issuer, template_id: str, count: int, expires_at: datetime | None) -> Minted:
    codes = tuple(write_code(issuer.store.ids.entropy(RANDOM_BYTES)) for _ in range(count))
    hashes = [issuer.gate.hasher("code", normal(code)) or "" for code in codes]

    def command(tx: Transaction) -> Answer | Refuse:
        template = find_template(tx.connection, template_id)
        if template is None:
            return Refuse("template_unknown")
        if template.delivery != CODE:
            raise InvalidError("template_id", template_id, "a template whose delivery is code")
        if expires_at is not None and expires_at <= tx.now:
            raise InvalidError("expires_at", expires_at.isoformat(), "a moment that is still to come")
        batch_id = tx.ids("bat")
        add_codes(tx, batch_id, template_id, hashes, expires_at)
        return Answer(201, {"batch_id": batch_id, "template_id": template_id, "count": count})

    return Minted(codes, command)
