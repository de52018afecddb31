"""The names of policies for people."""

from __future__ import annotations

from models.policy.compare import BEST_ARM, NO_ONE, POLICY, RANDOM, RESPONSE
from models.report import Words

_POLICIES = {
    POLICY: Words("the policy", "本策略"),
    NO_ONE: Words("no coupons", "不发券"),
    BEST_ARM: Words("best single offer to everyone", "全员最佳单一券"),
    RANDOM: Words("random offer", "随机发券"),
    RESPONSE: Words("response ranking", "响应排序"),
}


def policy_words(name: str) -> Words:
    """A policy's name for people: ``everyone:flat_8`` is "everyone: flat_8", 全员 flat_8."""
    kind, _, arm = name.partition(":")
    return Words(f"everyone: {arm}", f"全员 {arm}") if kind == "everyone" else _POLICIES.get(name, Words(name, name))
