"""A model card as text for the terminal: the card's data first, then everything that happened to the version."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from models.registry.trail import Move, Version

FEATURES_SHOWN = 12
_WIDTH = 118


def card_text(version: Version, card: Mapping[str, Any] | None, moves: Iterable[Move]) -> str:
    """What is known of a version; ``card`` is None for models that are logged without one."""
    out = Console(file=io.StringIO(), width=_WIDTH, highlight=False, markup=False)
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    out.print(f"{version.name} version {version.version}{aliases}, logged {version.logged_at:%Y-%m-%d %H:%M} UTC")
    if version.gate:
        out.print(f"gate      {version.gate}: {version.tags.get('gate_reason', '')}")
    if card is None:
        out.print("card      none was logged with this version")
    else:
        _card(out, card)
    _moves(out, moves)
    file = out.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().rstrip()


def _card(out: Console, card: Mapping[str, Any]) -> None:
    data, judged = card["data"], card["judged"]
    out.print(f"\n{card['purpose']['en']}\n")
    for part, words in (("train", "learnt from"), ("held_out", "judged on")):
        one = data[part]
        abusive = sum(data["abusive"][part].values())
        out.print(
            f"{words:<12}{one['decisions']:,} decisions of {one['users']:,} users, {one['from'].replace('T', ' ')} to "
            f"{one['until'].replace('T', ' ')} UTC"
        )
        if abusive:
            out.print(f"{'':<12}without {abusive:,} decisions of known abusers")
    gone = ", ".join(f"{count:,} {why.replace('_', ' ')}" for why, count in data["left_out"].items() if count)
    out.print(f"{'read':<12}{data['decisions_read']:,} decisions; left out: {gone or 'none'}")
    chance = data["propensity"]
    out.print(f"{'propensity':<12}{chance['source']['en']}, {chance['lowest']:.3f} to {chance['highest']:.3f}")
    rivals = Table("policy", "profit, cents", "cost, cents", "lead of the model", box=None, pad_edge=False)
    for name, one in judged["standings"].items():
        lead = one["lead_over_it"]
        rivals.add_row(name, _interval(one["profit"]), _interval(one["cost"]), _interval(lead) if lead else "")
    out.print()
    out.print(rivals)
    if judged["ahead_of_the_model"]:
        out.print(f"ahead of it by estimate: {', '.join(judged['ahead_of_the_model'])}")
    if judged["not_shown_to_be_behind"]:
        out.print(f"not shown to be behind it: {', '.join(judged['not_shown_to_be_behind'])}")
    out.print("\nlimits")
    for limit in card["limits"]:
        out.print(f"- {limit['en']}")
    used = [one for one in card["features"] if one["value_cents"] > 0 or one["cost_cents"] > 0]
    out.print(f"\nfeatures that matter: {len(used)} of {len(card['features'])}")
    table = Table("feature", "moves margin, cents", "moves cost, cents", "missing", box=None, pad_edge=False)
    for one in used[:FEATURES_SHOWN]:
        numbers = (f"{one['value_cents']:.1f}", f"{one['cost_cents']:.1f}", f"{one['missing']:.0%}")
        table.add_row(one["name"], *numbers)
    out.print(table)
    versions = ", ".join(f"{name} {number}" for name, number in card["versions"].items())
    out.print(f"\nseed {card['seed']}; {versions}")


def _moves(out: Console, moves: Iterable[Move]) -> None:
    shown = list(moves)
    out.print("\nwho moved what" if shown else "\nno alias ever pointed at it")
    for move in shown:
        before = f" from version {move.before}" if move.before else ""
        out.print(f"- {move.at} UTC {move.action} {move.alias}{before}, by {move.by}: {move.reason}")


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['value']:,.1f} [{found['low']:,.1f}, {found['high']:,.1f}]"
