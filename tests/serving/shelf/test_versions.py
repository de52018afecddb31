"""Versions never change: an edit writes the next one and checks what it rests on; the events explain every row."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes.shelf import Hand, flat
from fakes.shop import Clock, seeded_ids
from sqlalchemy import select, update

from serving.coupons.kinds import GiftPack, LuckyDraw, NoThreshold, Prize, ThresholdCut
from serving.coupons.refusals import Refuse
from serving.coupons.scope import Scope
from serving.coupons.template import Card, Limits
from serving.store import shelf
from serving.store.rebuild import EventRow, Rows
from serving.store.rebuild_shelf import Shelf
from serving.store.schema import events, templates
from serving.store.unit import Store, Transaction

ZONE = ZoneInfo("Asia/Shanghai")


def current(hand: Hand, template_id: str) -> Any:
    return hand.finds(lambda c: shelf.find_template(c, template_id))


def version(hand: Hand, template_id: str, number: int) -> Any:
    return hand.finds(lambda c: shelf.find_version(c, template_id, number))


def test_an_edit_writes_the_next_version_and_the_old_one_stays_as_it_was(hand: Hand) -> None:
    first = flat(access="decision")
    hand.adds(first)
    second = replace(first, kind=ThresholdCut(10_000, 2_000), name="now with a threshold", access="open")
    assert hand.edits(second, expected_version=1) == "done"
    assert version(hand, "flat_8", 1) == replace(first, access="closed")
    written = current(hand, "flat_8")
    assert (written.version, written.kind, written.name) == (2, second.kind, second.name)
    assert written.access == "decision", "an edit opens nothing"


def test_of_two_edits_of_the_same_version_the_second_is_stale_and_writes_nothing(hand: Hand) -> None:
    hand.adds(flat())
    assert hand.edits(replace(flat(), name="mine"), 1) == "done"
    assert hand.edits(replace(flat(), name="yours"), 1) == "version_stale"
    assert current(hand, "flat_8").name == "mine"
    assert hand.edits(replace(flat(), name="yours"), 2) == "done"
    assert hand.edits(flat("nobody"), 1) == "template_unknown"


def test_the_quantity_may_not_fall_below_what_was_issued(hand: Hand) -> None:
    hand.adds(flat(limits=Limits(quantity=500)))
    hand.does(lambda tx: tx.connection.execute(update(templates).values(issued=100)))
    assert hand.edits(flat(limits=Limits(quantity=99)), 1) == "limits_changed"
    assert hand.edits(flat(limits=Limits(quantity=100)), 1) == "done"
    assert hand.edits(flat(limits=Limits()), 2) == "done"
    assert current(hand, "flat_8").limits.quantity is None


@pytest.mark.requirement("F051")
def test_a_template_has_an_id_of_its_own_and_an_unknown_id_is_refused_when_linking(hand: Hand) -> None:
    assert hand.adds(flat("a")) == "done"
    assert hand.adds(flat("a", name="another")) == "template_exists"
    assert hand.adds(flat("b", campaign_id="nowhere")) == "campaign_unknown"
    assert hand.adds(flat("pack", kind=GiftPack(("a", "missing")))) == "template_unknown"
    assert hand.adds(flat("draw", kind=LuckyDraw((Prize("missing"),)))) == "template_unknown"
    assert hand.adds(flat("c"), flat("pack", kind=GiftPack(("a", "c")))) == "done"
    assert hand.edits(flat("pack", kind=GiftPack(("a", "pack"))), 1) == "template_unknown", "not of itself"
    assert hand.edits(flat("a", campaign_id="nowhere"), 1) == "campaign_unknown"


def test_what_a_refused_command_wrote_is_not_remembered_as_a_version(hand: Hand) -> None:
    def undone(tx: Transaction) -> Refuse:
        shelf.add_template(tx, flat(kind=NoThreshold(100)))
        assert shelf.find_version(tx.connection, "flat_8", 1).kind == NoThreshold(100)
        return Refuse("budget_exhausted")

    assert hand.does(undone) == "budget_exhausted"
    assert hand.adds(flat(kind=NoThreshold(900))) == "done"
    hand.does(lambda tx: shelf.find_version(tx.connection, "flat_8", 1))
    seen: list[Any] = []
    hand.does(lambda tx: seen.append(shelf.find_version(tx.connection, "flat_8", 1)))
    assert seen[0].kind == version(hand, "flat_8", 1).kind == NoThreshold(900)


def test_two_ledgers_of_one_process_never_see_each_others_versions(tmp_path: Path, clock: Clock) -> None:
    hands = [Hand(Store(f"sqlite:///{tmp_path / name}", clock, seeded_ids(clock))) for name in ("a.db", "b.db")]
    for cents, hand in enumerate(hands, 1):
        hand.adds(flat(kind=NoThreshold(cents)))
    assert [version(hand, "flat_8", 1).kind.face_cents for hand in hands] == [1, 2]
    for hand in hands:
        hand.store.close()


def test_many_versions_are_found_at_once_and_missing_ones_are_missing(hand: Hand) -> None:
    hand.adds(*(flat(f"t{n}") for n in range(450)))
    keys = [(f"t{n}", 1) for n in range(450)]
    found = hand.finds(lambda c: shelf.find_versions(c, [*keys, ("t0", 2)]))
    assert found.keys() == set(keys)
    with pytest.raises(KeyError):
        version(hand, "t0", 2)


def test_closing_takes_effect_at_once_and_keeps_its_reason(hand: Hand) -> None:
    hand.adds(flat())
    assert hand.opens("flat_8", "closed") == "done"
    assert current(hand, "flat_8").access == "closed"
    assert hand.opens("nobody", "closed") == "template_unknown"
    row = hand.finds(lambda c: c.execute(select(events).order_by(events.c.seq.desc())).first())
    assert (row.kind, json.loads(row.data)["reason"]) == ("template.access", "test")


def test_the_shelf_is_what_its_events_say(hand: Hand) -> None:
    hand.campaign()
    hand.adds(flat("a", campaign_id="spring"), flat("b", scope=Scope("sku", ("x", "y")), delivery="automatic"))
    hand.edits(flat("a", scope=Scope("tag", ("new",)), card=Card(places=("product_page",))), 1)
    hand.opens("a", "closed")
    hand.opens("b", "closed")
    hand.opens("b", "open")
    rebuilder = Shelf(ZONE)
    rebuilt: dict[str, Rows] = {table.name: {} for table in rebuilder.tables}
    for row in hand.finds(lambda c: c.execute(select(events).order_by(events.c.seq)).all()):
        rebuilder.take(rebuilt, EventRow(row.stream, row.n, row.kind, row.at, row.actor, json.loads(row.data)))
    for table in rebuilder.tables:
        keys = [column.name for column in table.primary_key.columns]
        rows = hand.finds(lambda c, table=table: c.execute(select(table)).mappings().all())
        assert {tuple(row[key] for key in keys): dict(row) for row in rows} == rebuilt[table.name], table.name
