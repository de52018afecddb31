"""Words of the audit log."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "audit.chain": ("The sealed chain", "哈希链"),
    "audit.sealed": ("Sealed events", "已封存事件"),
    "audit.unsealed": ("Not sealed yet", "尚未封存"),
    "audit.head": ("Head", "链头"),
    "audit.head.help": (
        "Keep a copy elsewhere: fairdeal audit verify --head tells whether anything before it was cut off.",
        "请另存一份：fairdeal audit verify --head 可发现其前的记录是否被截断。",
    ),
    "audit.verified": ("Last verified", "上次校验"),
    "audit.verified.never": ("never", "从未"),
    "audit.verified.ok": ("intact", "完好"),
    "audit.verified.bad": ("broken", "已损坏"),
    "audit.verified.upto": ("{n} events by {by}", "{by} 校验 {n} 条事件"),
    "audit.verify": ("Verify now", "立即校验"),
    "audit.verifying": ("Verifying; reload to see the result.", "正在校验，刷新页面查看结果。"),
    "said.verifying": ("Verifying has begun; the result appears here.", "已开始校验，结果将显示在此。"),
    "audit.filters": ("Search the log", "搜索日志"),
    "audit.actor": ("Who", "操作者"),
    "audit.kind": ("What", "事件"),
    "audit.subject": ("About (id or stream)", "对象（编号或流）"),
    "audit.since": ("From", "开始时间"),
    "audit.until": ("Until", "结束时间"),
    "audit.text": ("Text in the data", "数据中的文字"),
    "audit.clear": ("Clear", "清除"),
    "audit.events": ("Events", "事件"),
    "audit.at": ("When", "时间"),
    "audit.n": ("No.", "编号"),
    "audit.data": ("Data", "数据"),
    "audit.request": ("Request", "请求"),
    "audit.none": ("Nothing fits.", "没有符合条件的事件。"),
    "audit.searched": (
        "Searched back to {at}; what is older was not looked at yet.",
        "已搜索至 {at}，更早的尚未搜索。",
    ),
    "audit.further": ("Search further back", "继续向前搜索"),
    "audit.newest": ("Newest", "最新"),
    "audit.csv.help": (
        "At most {n} events, newest first. The download is noted in the log.",
        "最多 {n} 条，最新在前。下载会记入日志。",
    ),
}
