"""The second level of the kind: what a coupon is for (F031). Choosing a kind offers its own classes and no others.

Codes are permanent and stored with templates; the texts are for forms and cards in English and Chinese.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from serving.coupons.kinds import KINDS
from serving.coupons.money import InvalidError


class Names(NamedTuple):
    """How something is called."""

    en: str
    zh: str


KIND_NAMES: Mapping[str, Names] = {
    "threshold_cut": Names("Spend and save", "满减券"),
    "tiered_cut": Names("Spend more, save more", "阶梯满减券"),
    "percent": Names("Percent off", "折扣券"),
    "category_percent": Names("Percent off by category", "品类折扣券"),
    "special_price": Names("Special price", "特价券"),
    "no_threshold": Names("Cash off", "立减券"),
    "freight": Names("Freight coupon", "运费券"),
    "random_amount": Names("Surprise amount", "随机金额券"),
    "quantity_cut": Names("Buy several and save", "满件减券"),
    "gift": Names("Free gift", "赠品券"),
    "give_back": Names("Give-back", "返利券"),
    "bundle": Names("Bundle", "套装券"),
    "gift_pack": Names("Gift pack", "礼包"),
    "lucky_draw": Names("Lucky draw", "抽奖券"),
}

CLASS_NAMES: Mapping[str, Names] = {
    "general": Names("General", "通用券"),
    "newcomer": Names("Newcomer", "新人券"),
    "first_order": Names("First order", "首单券"),
    "member": Names("Member", "会员券"),
    "vip": Names("VIP exclusive", "VIP 专享券"),
    "special_care": Names("Special care", "关怀券"),
    "return_gift": Names("Return gift", "回归礼券"),
    "churn": Names("Win-back", "流失召回券"),
    "birthday": Names("Birthday", "生日券"),
    "member_day": Names("Member day", "会员日券"),
    "festival": Names("Festival", "节日券"),
    "anniversary": Names("Anniversary", "周年庆券"),
    "shop": Names("Shop", "店铺券"),
    "category_zone": Names("Category zone", "专区券"),
    "new_product": Names("New product", "新品券"),
    "early_bird": Names("Early bird", "早鸟券"),
    "limited_time": Names("Limited time", "限时券"),
    "viral": Names("Invite friends", "裂变券"),
    "social": Names("Social", "社交券"),
    "game": Names("Game", "游戏券"),
    "lucky": Names("Lucky", "幸运券"),
    "flash": Names("Flash price", "秒杀券"),
    "trial": Names("Try-out", "试用券"),
    "sample": Names("Sample", "小样券"),
    "remote_area": Names("Remote area", "偏远地区券"),
}

# The activity that a coupon belongs to (F029); carts report them as ``limited_time``, ``platform`` and ``preorder``.
ACTIVITY_NAMES: Mapping[str, Names] = {
    "limited_time_discount": Names("Limited-time discount", "限时折扣"),
    "platform_coupon": Names("Platform coupon", "平台券"),
    "preorder": Names("Pre-order", "预售预约"),
}

_PEOPLE = ("newcomer", "first_order", "member", "vip", "special_care", "return_gift", "churn")
_DAYS = ("birthday", "member_day", "festival", "anniversary")
_GOODS = ("shop", "category_zone", "new_product")
_HOURS = ("early_bird", "limited_time")
_PLAY = ("viral", "social", "game")
_EVERYDAY = ("general", *_PEOPLE, *_DAYS, *_GOODS, *_HOURS, *_PLAY)

CLASSES: Mapping[str, tuple[str, ...]] = {
    "threshold_cut": _EVERYDAY,
    "tiered_cut": _EVERYDAY,
    "percent": _EVERYDAY,
    "category_percent": ("general", *_PEOPLE, *_DAYS, "shop", "category_zone", *_HOURS),
    "special_price": ("general", *_PEOPLE, *_DAYS, *_GOODS, *_HOURS, "flash", "trial"),
    "no_threshold": (*_EVERYDAY, "trial"),
    "freight": ("general", *_PEOPLE, *_DAYS, "shop", *_HOURS, "remote_area"),
    "random_amount": ("general", *_PEOPLE, *_DAYS, *_HOURS, *_PLAY, "lucky"),
    "quantity_cut": ("general", *_PEOPLE, *_DAYS, *_GOODS, *_HOURS),
    "gift": ("general", *_PEOPLE, *_DAYS, *_GOODS, "trial", "sample"),
    "give_back": ("general", *_PEOPLE, *_DAYS, *_GOODS, *_HOURS),
    "bundle": ("general", *_PEOPLE, *_DAYS, *_GOODS, *_HOURS),
    "gift_pack": ("general", *_PEOPLE, *_DAYS, *_PLAY),
    "lucky_draw": ("general", *_PEOPLE, *_DAYS, *_PLAY, "lucky"),
}


def check_class(tag: str, coupon_class: str) -> None:
    """Refuse a class that is not one of the kind's."""
    if tag not in KINDS:
        raise InvalidError("kind", tag, f"one of: {', '.join(KINDS)}")
    if coupon_class not in CLASSES[tag]:
        raise InvalidError("coupon_class", coupon_class, f"a class of {tag}: {', '.join(CLASSES[tag])}")
