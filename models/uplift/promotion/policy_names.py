"""What the policies of the gate are called where people read about them."""

from __future__ import annotations

from models.report import Words
from models.uplift.promotion.gate import CANDIDATE, CHALLENGER, CHAMPION, NO_ONE, RANDOM, RESPONSE, SHARE, SINGLE

NAMES: dict[str, Words] = {
    CANDIDATE: Words("new model, within budget", "新模型（预算内）"),
    CHALLENGER: Words("challenger, within budget", "挑战者（预算内）"),
    CHAMPION: Words("champion, within budget", "现任模型（预算内）"),
    NO_ONE: Words("no one", "不发券"),
    RESPONSE: Words("response ranking, within budget", "响应率排序（预算内）"),
    SHARE: Words("best single offer to a random share, within budget", "最佳单券随机发放（预算内）"),
    SINGLE: Words("best single offer to everyone", "最佳单券发给所有人"),
    RANDOM: Words("random offers", "随机发券"),
}
