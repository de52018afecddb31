"""What somebody types into the coupon simulator: a cart in any of three ways, and the link that says it all again.

Whatever way it was typed, what comes out is the body of ``POST /v1/quotes``; its own model says what is wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from decimal import Decimal

from serving.api.quote_bodies import TrialQuoteBody
from serving.console.forms import Form
from serving.console.simulation_checks import Body, NotReadableError, Wrong, check, parsed
from serving.coupons.cart import MAX_LINES
from serving.store.unit import canonical

LONGEST_LINK = 6_000
ROWS = 3
COLUMNS = ("sku", "category", "quantity", "price")
_MOST_UNPACKED = 400_000
_AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
_WHOLE = re.compile(r"[0-9]{1,9}")
_LINK = re.compile(r"[A-Za-z0-9_-]+")
_SIMPLE = {"line_no", "sku", "category", "quantity", "unit_price_cents"}


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was typed; ``at`` is a moment of the shop, ``rows`` have the cells of ``COLUMNS``."""

    user_id: str = ""
    at: str = ""
    terminal: str = ""
    freight: str = ""
    points: str = ""
    paste: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    templates: tuple[str, ...] = ()

    @classmethod
    def of(cls, form: Form) -> Typed:
        columns = [form.many(name) for name in COLUMNS]
        rows = zip(*columns, strict=False)
        texts = {name: form.one(name) for name in ("user_id", "at", "terminal", "freight", "points", "paste")}
        kept = tuple(tuple(cell.strip() for cell in row) for row in rows)
        return cls(**texts, rows=kept, templates=form.many("template"))

    @classmethod
    def back(cls, body: Body, zone: tzinfo) -> Typed:
        """The form that a body could have come from."""
        cart = body["cart"]
        lines = cart["lines"]
        simple = not cart.get("activities") and all(set(line) <= _SIMPLE for line in lines)
        ordered = all(line.get("line_no") == n for n, line in enumerate(lines, 1))
        at = TrialQuoteBody.model_validate(body).at
        typed = cls(
            user_id=body["user_id"],
            at=at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at is not None else "",
            terminal=cart.get("terminal", ""),
            freight=_yuan(cart["freight_cents"]) if cart.get("freight_cents") else "",
            points=str(cart["points"]) if cart.get("points") else "",
            templates=tuple(body.get("with_templates", ())),
        )
        if simple and ordered:
            rows = tuple(
                (line["sku"], line["category"], str(line["quantity"]), _yuan(line["unit_price_cents"]))
                for line in lines
            )
            return replace(typed, rows=rows)
        kept = {name: value for name, value in cart.items() if name in ("lines", "activities")}
        return replace(typed, paste=json.dumps(kept, indent=1, ensure_ascii=False))

    def padded(self, more: int = 0) -> tuple[tuple[str, ...], ...]:
        """The rows to show: those that were typed and some to go on with."""
        wanted = min(max(ROWS, len(self.rows) + 1) + more, MAX_LINES)
        return self.rows + (("",) * len(COLUMNS),) * max(0, wanted - len(self.rows))

    def body(self, zone: tzinfo) -> Body:
        """The body of a quote; raises ``NotReadableError`` with every field that is wrong."""
        wrong: list[Wrong] = []
        cart: Body = {}
        try:
            cart = _pasted(self.paste) if self.paste else {"lines": _lines(self.rows)}
        except NotReadableError as error:
            wrong += error.wrong
        if self.terminal:
            cart["terminal"] = self.terminal
        for name, key, pattern in (("freight", "freight_cents", _AMOUNT), ("points", "points", _WHOLE)):
            text = getattr(self, name)
            if text and not pattern.fullmatch(text):
                wrong.append(Wrong(name, "sim.wrong.amount" if name == "freight" else "sim.wrong.whole"))
            elif text:
                cart[key] = _cents(text) if name == "freight" else int(text)
        body: Body = {"user_id": self.user_id, "cart": cart}
        if self.at:
            try:
                body["at"] = datetime.fromisoformat(self.at).replace(tzinfo=zone).isoformat()
            except ValueError:
                wrong.append(Wrong("at", "sim.wrong.moment"))
        if self.templates:
            body["with_templates"] = list(self.templates)
        if wrong:
            raise NotReadableError(*wrong)
        check(body)
        return body


def link_of(body: Body) -> str:
    """The body as the value of a query, packed."""
    return base64.urlsafe_b64encode(zlib.compress(canonical(body).encode(), 9)).decode().rstrip("=")


def body_of(link: str) -> Body:
    """The body in a link; raises ``NotReadableError`` for one that is broken, too long or unpacks into too much."""
    broken = NotReadableError(Wrong("link", "sim.wrong.link"))
    if not _LINK.fullmatch(link) or len(link) > LONGEST_LINK:
        raise broken
    try:
        packed = base64.urlsafe_b64decode(link + "=" * (-len(link) % 4))
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, _MOST_UNPACKED)
        if not unpacking.eof:
            raise broken
        found = parsed(text.decode("utf-8"))
    except (binascii.Error, zlib.error, UnicodeDecodeError) as error:
        raise broken from error
    if not isinstance(found, dict):
        raise broken
    check(found)
    return found


def with_return(body: Body, form: Form) -> Body:
    """The body with the units that the return form names: the first ones of each line, and the freight."""
    wrong, lines = [], []
    for line in body["cart"]["lines"]:
        text = form.one(f"back_{line['line_no']}")
        if not text or text == "0":
            continue
        if not _WHOLE.fullmatch(text) or int(text) > line["quantity"]:
            wrong.append(Wrong("back", "sim.wrong.units", {"most": line["quantity"]}, line["line_no"]))
        else:
            lines.append({"line_no": line["line_no"], "units": list(range(1, int(text) + 1))})
    if wrong:
        raise NotReadableError(*wrong)
    return {**body, "refund": {"lines": lines, "freight": form.one("back_freight") == "on"}}


def readparsed(text: str) -> Body:
    """The body that a form of ours carries along."""
    found = parsed(text)
    if not isinstance(found, dict):
        raise NotReadableError(Wrong("cart", "sim.wrong.json"))
    check(found)
    return found


def _pasted(text: str) -> Body:
    if text[0] not in "{[":
        return {"lines": _lines(_cells(text))}
    found = parsed(text)
    if isinstance(found, dict) and "cart" in found:
        found = found["cart"]
    if isinstance(found, list):
        found = {"lines": found}
    if not isinstance(found, dict):
        raise NotReadableError(Wrong("cart", "sim.wrong.json"))
    lines = found.get("lines")
    if isinstance(lines, list):  # whoever pastes lines need not number them
        numbered = [
            {"line_no": n, **line} if isinstance(line, dict) else line
            for n, line in enumerate(lines[: MAX_LINES + 1], 1)
        ]
        found = {**found, "lines": numbered}
    return dict(found)


def _cells(text: str) -> list[tuple[str, ...]]:
    try:
        rows = list(csv.reader(text.replace("，", ",").splitlines(), delimiter="\t" if "\t" in text else ","))
    except csv.Error as error:
        raise NotReadableError(Wrong("cart", "sim.wrong.cells")) from error
    found = [tuple(cell.strip() for cell in row) for row in rows]
    return found[1:] if found and tuple(cell.lower() for cell in found[0]) == COLUMNS else found


def _lines(rows: Sequence[tuple[str, ...]]) -> list[Body]:
    """Lines of a cart from cells; blank rows are left out, and every wrong cell is named by the row that has it."""
    lines: list[Body] = []
    wrong: list[Wrong] = []
    for n, row in enumerate(rows, 1):
        if not any(row):
            continue
        if len(row) != len(COLUMNS):
            wrong.append(Wrong("cart", "sim.wrong.cells", line=n))
            continue
        sku, category, quantity, price = row
        if not _WHOLE.fullmatch(quantity):
            wrong.append(Wrong("quantity", "sim.wrong.whole", line=n))
        if not _AMOUNT.fullmatch(price):
            wrong.append(Wrong("price", "sim.wrong.amount", line=n))
        wrong += [
            Wrong(name, "sim.wrong.missing", line=n)
            for name, cell in (("sku", sku), ("category", category))
            if not cell
        ]
        if not wrong:
            cells = {"sku": sku, "category": category, "quantity": int(quantity), "unit_price_cents": _cents(price)}
            lines.append({"line_no": len(lines) + 1, **cells})
    if wrong:
        raise NotReadableError(*wrong[:20])
    if not lines:
        raise NotReadableError(Wrong("cart", "sim.wrong.empty"))
    if len(lines) > MAX_LINES:
        raise NotReadableError(Wrong("cart", "sim.wrong.most", {"n": MAX_LINES}))
    return lines


def _cents(amount: str) -> int:
    return int(Decimal(amount) * 100)


def _yuan(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
