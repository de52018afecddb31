"""What the parts of a study are called, in both languages."""

from __future__ import annotations

from models.abuse.study.log import FUTURE, NEGATIVE_AMOUNT, WITHOUT_USER
from models.report import Words

LEFT_OUT: dict[str, Words] = {
    WITHOUT_USER: Words("without a user", "无用户"),
    NEGATIVE_AMOUNT: Words("with a negative amount", "金额为负"),
    FUTURE: Words("later than today", "晚于今日"),
}
NAMES: dict[str, Words] = {
    "shared_ip_ever": Words("Any shared IP, ever", "曾共用任一 IP"),
    "device_accounts_ever_2": Words("Two or more accounts per device, ever", "同一设备累计不少于两个账号"),
    "device_7_days": Words("Another account on the device in 7 days", "7 天内同一设备有其他账号"),
    "address_30_days": Words("Another account at the address in 30 days", "30 天内同一地址有其他账号"),
    "isolation_forest": Words("Isolation Forest, own columns", "孤立森林（仅自身字段）"),
    "ecod": Words("ECOD, own columns", "ECOD（仅自身字段）"),
    "lightgbm_without_links": Words("LightGBM without links", "LightGBM（无关联特征）"),
    "lightgbm_links": Words("LightGBM with links", "LightGBM（关联特征）"),
    "lightgbm_links_past_labels": Words("LightGBM, links and past labels", "LightGBM（关联特征与历史标签）"),
    "anomaly": Words("Ours without labels, own columns", "本项目（无需标签，仅自身字段）"),
    "label_free_links": Words("Ours without labels, links", "本项目（无需标签，关联特征）"),
    "stacked_links": Words("Ours: models stacked on links", "本项目：关联特征上的叠加模型"),
}
RATES: dict[str, Words] = {
    "0_1": Words("0.1 % false positives", "误报率 0.1 %"),
    "1": Words("1 % false positives", "误报率 1 %"),
    "its_own": Words("as the rule says", "按规则本身"),
}
RECALL = Words("recall", "召回率")
FALSE_POSITIVES = Words("false-positive rate", "误报率")
AVERAGE_PRECISION = Words("average precision", "平均精度")
