"""Which coupons come back when a paid order is undone: a table by scene, scope and kind (F119–F122).

An unpaid order never used its coupons, so they always come back. After a payment the table of the scene decides: its
words are ``any``, ``scope:<word>`` (``scope:all`` are coupons for all goods) and ``kind:<tag>``; a coupon comes back
when one of them fits it, and expires at once if its time is over.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from serving.coupons.kinds import KINDS
from serving.coupons.money import InvalidError
from serving.coupons.scope import WORDS
from serving.coupons.template import Template

# Scenes of an order that was never paid.
BEFORE_PAYMENT = ("order_unpaid", "order_cancelled")
# Scenes that end an order of which every unit has come back; the others undo an order that is whole.
AFTER_REFUNDS = ("after_sale_return",)


@dataclass(frozen=True, slots=True)
class Rollback:
    """Per scene, the coupons that come back after a payment.

    A category coupon would come back although the goods it was meant to sell did not sell: so after a return only
    coupons for all goods do, unless the shop says otherwise.
    """

    order_unpaid: tuple[str, ...] = ("any",)
    order_cancelled: tuple[str, ...] = ("any",)
    refund_before_shipping: tuple[str, ...] = ("any",)
    after_sale_return: tuple[str, ...] = ("scope:all",)

    def __post_init__(self) -> None:
        for field in fields(self):
            for word in getattr(self, field.name):
                of, _, name = word.partition(":")
                known = {"any": ("",), "scope": WORDS, "kind": tuple(KINDS)}.get(of, ())
                if name not in known:
                    raise InvalidError(f"rollback.{field.name}", word, "any, scope:<word> or kind:<tag>")

    def returns(self, scene: str, template: Template) -> bool:
        """Whether a coupon of ``template`` comes back in this scene.

        >>> from serving.coupons.kinds import NoThreshold
        >>> from serving.coupons.scope import Scope
        >>> from serving.coupons.validity import DaysFromClaim
        >>> shoes = Template("t", "t", NoThreshold(100), DaysFromClaim(7), Scope.parse("category:shoes"))
        >>> [Rollback().returns(scene, shoes) for scene in ("order_cancelled", "after_sale_return")]
        [True, False]
        """
        fitting = {"any", f"scope:{template.scope.of}", f"kind:{template.kind.TAG}"}
        return not fitting.isdisjoint(getattr(self, scene))
