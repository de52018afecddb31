"""What may be claimed (template) and what pays for it (campaign): frozen, versioned values.

A template that is in use is never changed: an edit makes the next version, and coupons keep the version they were
issued under. ``access`` is closed until somebody opens it: ``decision`` lets a stored decision give the coupon,
``open`` lets anybody claim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from serving.coupons.audience import EVERYBODY, Audience
from serving.coupons.classes import ACTIVITY_NAMES
from serving.coupons.kinds import Kind, RandomAmount, prices
from serving.coupons.money import InvalidError, check_cents, check_int
from serving.coupons.purpose import check_purpose
from serving.coupons.scope import Scope
from serving.coupons.validity import Validity
from serving.coupons.windows import Slot, Window, check_slots

ACCESS = ("closed", "decision", "open")
# How a coupon reaches its user (F013, F030, F056, F057): taken, pushed, by a code, or by itself at the order.
DELIVERIES = ("claim", "push", "code", "automatic")
# Where it is shown and may be taken (F050, F058, F097).
PLACES = ("coupon_centre", "product_page", "venue_page", "activity", "order_confirmation", "personal_centre")
# By what a push or a reminder is sent (F069).
CHANNELS = ("app_push", "sms", "email", "in_app", "official_account", "pop_up", "community")
OWNERS = ("platform", "merchant")
NONE = "none"
ALL_GOODS = Scope("all")
MOST_NAMES = 50
_WEB = re.compile(r"https?://[^\s/?#]+[^\s]*")
# An app's own scheme; the schemes that run or read something on the device are no links.
_DEEP = re.compile(r"(?!(?:javascript|data|file|vbscript|blob|about)\b)[a-z][a-z0-9+.-]+://[^\s]+", re.IGNORECASE)


def _check_word(field: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise InvalidError(field, word, f"one of: {', '.join(words)}")


def _check_name(name: str) -> None:
    """Refuse a name of blanks and marks that nobody can see."""
    if len(name) > MOST_NAMES or not any(mark.isprintable() and not mark.isspace() for mark in name):
        raise InvalidError("name", name[:60], "1 to 50 characters that can be seen")


def _check_names(field: str, names: tuple[str, ...], known: tuple[str, ...] | None = None) -> None:
    check_int(field, len(names), 0, MOST_NAMES)
    for name in names:
        if known is not None:
            _check_word(field, name, known)
    if len(set(names)) != len(names) or "" in names:
        raise InvalidError(field, list(names), "every name once, and none empty")


def _is_deep_link(link: str) -> bool:
    return _DEEP.fullmatch(link) is not None and not link.lower().startswith(("http:", "https:"))


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may be claimed; None is unlimited. ``quantity`` in all, the others per user, thing or day.

    ``day_quota`` is for all users per shop-local day (F059); ``slots`` are claim windows of a day with their own quota
    (F060), of which the unused part goes to the next slot only when ``carry`` is set.
    """

    quantity: int | None = None
    per_user: int | None = None
    per_user_day: int | None = None
    per_device: int | None = None
    per_ip: int | None = None
    per_address: int | None = None
    day_quota: int | None = None
    slots: tuple[Slot, ...] = ()
    carry: bool = False

    def __post_init__(self) -> None:
        for field in ("quantity", "per_user", "per_user_day", "per_device", "per_ip", "per_address", "day_quota"):
            limit = getattr(self, field)
            if limit is not None:
                check_int(field, limit, 1, 10**9)
        check_int("slots", len(self.slots), 0, MOST_NAMES)
        check_slots(self.slots)
        if self.carry and not self.slots:
            raise InvalidError("carry", self.carry, "slots whose unused quota could be carried")


@dataclass(frozen=True, slots=True)
class Bearers:
    """Who pays the discount, in percent (F123, F150)."""

    platform: int = 100
    merchant: int = 0
    supplier: int = 0

    def __post_init__(self) -> None:
        for field in ("platform", "merchant", "supplier"):
            check_int(f"bearers.{field}", getattr(self, field), 0, 100)
        if self.platform + self.merchant + self.supplier != 100:
            raise InvalidError("bearers", self.platform + self.merchant + self.supplier, "percentages that sum to 100")


@dataclass(frozen=True, slots=True)
class Card:
    """What a wallet card and a display place show (F034, F050, F096).

    ``link`` is where "use now" leads: a page or a place in an app; ``image`` is a picture on the web; ``channels`` are
    those by which a push is sent.
    """

    link: str | None = None
    image: str | None = None
    description: str = ""
    places: tuple[str, ...] = ("coupon_centre", "personal_centre", "order_confirmation")
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.link is not None and not (_WEB.fullmatch(self.link) or _is_deep_link(self.link)):
            raise InvalidError("card.link", self.link[:80], "a link such as https://… or app://…")
        if self.image is not None and not _WEB.fullmatch(self.image):
            raise InvalidError("card.image", self.image[:80], "a link such as https://…")
        for field, link in (("card.link", self.link), ("card.image", self.image)):
            check_int(field, len(link or ""), 0, 2000)
        check_int("card.description", len(self.description), 0, 500)
        _check_names("card.places", self.places, PLACES)
        _check_names("card.channels", self.channels, CHANNELS)


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template. No terminals means all terminals, no windows means at any time.

    ``coupon_class`` is the second level of the kind (F031): newcomer, member, birthday, viral …; ``uses`` is how many
    orders one coupon serves (F049); ``stackable`` False means alone in its order (F111); ``strict`` kinds ask for more
    than the minimum (F101); ``minimum_on`` is ``before`` (the price before any coupon) or ``left`` (what earlier
    coupons left). ``pool_cents`` bounds the sum that all draws of a random amount may promise (F017);
    ``activity_type`` names the kind of activity that the coupon belongs to (F029).
    """

    template_id: str
    name: str
    kind: Kind
    validity: Validity
    scope: Scope = ALL_GOODS
    limits: Limits = Limits()
    audience: Audience = EVERYBODY
    terminals: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    coupon_class: str = "general"
    delivery: str = "claim"
    owner: str = "platform"
    merchant_id: str | None = None
    bearers: Bearers = Bearers()
    uses: int = 1
    stackable: bool = True
    minimum_on: str = "before"
    pool_cents: int | None = None
    card: Card = Card()
    activity_type: str | None = None
    campaign_id: str | None = None
    access: str = "closed"
    version: int = 1

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not self.template_id or self.template_id == NONE:
            raise InvalidError("template_id", self.template_id, "an id, other than that of the control offer")
        _check_word("access", self.access, ACCESS)
        _check_word("delivery", self.delivery, DELIVERIES)
        _check_word("owner", self.owner, OWNERS)
        _check_word("minimum_on", self.minimum_on, ("before", "left"))
        if self.activity_type is not None:
            _check_word("activity_type", self.activity_type, tuple(ACTIVITY_NAMES))
        check_int("uses", self.uses, 1, 1000)
        check_int("windows", len(self.windows), 0, MOST_NAMES)
        _check_names("terminals", self.terminals)
        self._check_kind()
        self._check_owner()
        check_purpose(self)

    def _check_kind(self) -> None:
        """What only some kinds have."""
        if self.pool_cents is not None:
            check_cents("pool_cents", self.pool_cents, 1)
            if not isinstance(self.kind, RandomAmount):
                raise InvalidError("pool_cents", self.pool_cents, f"none for {self.kind.TAG}: its amount is not drawn")
            if self.pool_cents < self.kind.low_cents:
                expected = f"at least low_cents ({self.kind.low_cents})"
                raise InvalidError("pool_cents", self.pool_cents, expected)
        drawn = isinstance(self.kind, RandomAmount)
        if self.delivery == "automatic" and (drawn or not prices(self.kind)):
            # A quote promises what the order will get; what is drawn at the order cannot be promised (F017).
            raise InvalidError("delivery", self.delivery, f"claim, push or code for {self.kind.TAG}")
        if prices(self.kind):
            return
        if self.uses != 1:
            raise InvalidError("uses", self.uses, f"1 for {self.kind.TAG}")

    def _check_owner(self) -> None:
        """A merchant's coupon sees the lines of that merchant and no others (F022, F024)."""
        if self.owner == "platform":
            if self.merchant_id is not None:
                raise InvalidError("merchant_id", self.merchant_id, "none for a coupon of the platform")
            return
        if not self.merchant_id:
            raise InvalidError("merchant_id", self.merchant_id, "the merchant whose coupon it is")
        if self.scope.of != "merchant" or self.scope.names != (self.merchant_id,):
            raise InvalidError("scope", str(self.scope), f"merchant:{self.merchant_id} for a coupon of that merchant")

    def opened(self, access: str) -> Template:
        return replace(self, access=access)

    def shown_at(self, place: str) -> bool:
        """Whether a display place shows it (F050)."""
        return place in self.card.places


@dataclass(frozen=True, slots=True)
class Campaign:
    """``budget_cents`` caps held and spent discount; ``liability_cents`` caps the face value of live coupons."""

    campaign_id: str
    name: str
    budget_cents: int
    liability_cents: int | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        check_cents("budget_cents", self.budget_cents)
        if self.liability_cents is not None:
            check_cents("liability_cents", self.liability_cents)
