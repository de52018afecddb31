"""Word lists behind the address keys: areas of China, street types, unit designators."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# First-level areas whose name may precede the city; the four municipalities are cities themselves.
PROVINCES = _words(
    """
    河北 山西 辽宁 吉林省 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南省 四川 贵州
    云南 陕西 甘肃 青海 台湾 内蒙古 广西壮族 广西 西藏 宁夏回族 宁夏 新疆维吾尔 新疆
    """
)

# Cities that are commonly written without 市.
CITIES = _words(
    """
    北京 上海 天津 重庆 广州 深圳 杭州 南京 苏州 成都 武汉 西安 长沙 郑州 青岛 济南 沈阳 大连 哈尔滨
    长春 福州 厦门 宁波 合肥 南昌 昆明 贵阳 南宁 海口 石家庄 太原 兰州 西宁 银川 乌鲁木齐 拉萨 呼和浩特
    无锡 常州 南通 徐州 扬州 镇江 泰州 盐城 连云港 淮安 宿迁 温州 嘉兴 绍兴 金华 台州 湖州 衢州 丽水
    舟山 佛山 东莞 中山 珠海 惠州 江门 汕头 湛江 肇庆 泉州 漳州 莆田 烟台 潍坊 临沂 淄博 济宁 威海
    洛阳 开封 新乡 南阳 襄阳 宜昌 荆州 株洲 湘潭 衡阳 岳阳 常德 桂林 柳州 绵阳 德阳 宜宾 遵义 唐山
    保定 邯郸 廊坊 包头 大同 吉林 鞍山 大庆 芜湖 蚌埠 赣州 九江 三亚
    """
)

STREET_WORDS = {
    "street": "st", "str": "st", "road": "rd", "avenue": "ave", "av": "ave", "boulevard": "blvd", "drive": "dr",
    "lane": "ln", "court": "ct", "place": "pl", "square": "sq", "highway": "hwy", "parkway": "pkwy", "terrace": "tce",
    "ter": "tce", "crescent": "cres", "cr": "cres", "parade": "pde", "circuit": "cct", "close": "cl", "grove": "gr",
    "gardens": "gdns", "circle": "cir", "mount": "mt", "saint": "st", "north": "n", "south": "s", "east": "e",
    "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw", "building": "bldg",
    "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th",
    "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
}  # fmt: skip

UNIT_WORDS = frozenset(_words("# apt apartment unit suite ste flat room rm no number villa lot shop"))

COUNTRY_WORDS = frozenset(_words("usa us united states america australia uk kingdom china prc canada"))

NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(_words("zero one two three four five six seven eight nine ten eleven twelve"))
}
