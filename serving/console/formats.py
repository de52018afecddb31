"""Amounts, numbers and moments as the reader writes them (Babel), in the shop's currency and time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_compact_currency, format_currency, format_decimal, format_percent
from markupsafe import Markup

_LOCALES = {"en": "en_GB", "zh": "zh_Hans_CN"}
_JUST_NOW = {"en_GB": "just now", "zh_Hans_CN": "刚刚"}


class Formats:
    """One reader's way of writing: language, currency (ISO 4217) and time zone."""

    def __init__(self, language: str, currency: str, zone: tzinfo, now: datetime) -> None:
        self._locale = _LOCALES[language]
        self._currency = currency
        self._zone = zone
        self._now = now

    def money(self, cents: float | None, *, compact: bool = False) -> str:
        """Cents as an amount of the shop's currency; a dash for what is not known.

        >>> from datetime import UTC
        >>> Formats("zh", "CNY", UTC, datetime(2026, 5, 1)).money(123450)
        '¥1,234.50'
        """
        if cents is None:
            return "–"
        amount = Decimal(round(cents)) / 100
        write = format_compact_currency if compact and abs(amount) >= 100_000 else format_currency
        return str(write(amount, self._currency, locale=self._locale))

    def number(self, value: float | None, digits: int = 0) -> str:
        if value is None:
            return "–"
        return str(format_decimal(round(value, digits), format=f"#,##0.{'0' * digits}" if digits else "#,##0",
                                  locale=self._locale))  # fmt: skip

    def share(self, value: float | None, digits: int = 1) -> str:
        if value is None:
            return "–"
        return str(format_percent(value, format=f"0.{'0' * digits}%" if digits else "0%", locale=self._locale))

    def moment(self, at: datetime | None) -> Markup:
        """A UTC moment as ``<time>`` in the shop's zone, to the minute."""
        if at is None:
            return Markup("–")
        local = at.replace(tzinfo=UTC).astimezone(self._zone)
        shown = format_datetime(local, "y-MM-dd HH:mm", locale=self._locale)
        return Markup('<time datetime="{}Z">{}</time>').format(at.isoformat(timespec="seconds"), shown)

    def ago(self, at: datetime) -> str:
        """How long ago (or ahead) a UTC moment is, in words."""
        if abs(at - self._now) < timedelta(minutes=1):
            return _JUST_NOW[self._locale]
        return str(format_timedelta(at - self._now, add_direction=True, granularity="minute", locale=self._locale))

    def length(self, length: timedelta) -> str:
        return str(format_timedelta(length, granularity="minute", locale=self._locale))
