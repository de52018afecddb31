"""Typed settings: ``configs/fairdeal.yaml``, then a profile's YAML, then ``FAIRDEAL_*`` environment variables.

Every field has a place in ``configs/fairdeal.yaml`` with the reason for its default; a production profile changes
addresses of stores, never code. Nothing is read on import.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from features.errors import InputError
from serving.coupons.claiming import NewcomerLinks
from serving.coupons.margin import Margin
from serving.coupons.rollback import Rollback as RollbackTable
from serving.coupons.shop_facts import Guide, ShopFacts
from serving.coupons.stacking import Stacking

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shop(_Section):
    """Facts of the one shop that an installation serves."""

    name: str = "Fairdeal demo shop"
    timezone: str = "Asia/Shanghai"
    currency: str = Field("CNY", pattern=r"^[A-Z]{3}$")
    language: str = Field("en", pattern=r"^(en|zh)$")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"an IANA time zone name, not {name!r}") from error
        return name


class Policy(_Section):
    """How coupons are chosen; every log stays fit for unbiased retraining."""

    budget_cents: int = Field(3_000_000, ge=0)
    exploration: float = Field(0.05, ge=0, le=1)
    holdout: float = Field(0.05, ge=0, lt=1)
    salt: str = "fairdeal"


class Advice(_Section):
    """What is known of the shop when a template is set up, and the figures of the rules of thumb (F008, F052–F055)."""

    cheapest_item_cents: int | None = Field(None, ge=1)
    average_order_cents: int | None = Field(None, ge=1)
    gross_margin_percent: int | None = Field(None, ge=0, le=100)
    user_value_cents: int | None = Field(None, ge=1)
    no_threshold_quantity: int = Field(500, ge=1)
    per_account: int = Field(3, ge=1)
    least_margin_percent: int = Field(10, ge=0, le=99)
    longest_days: int = Field(15, ge=1)

    def facts(self) -> ShopFacts:
        return ShopFacts(
            self.cheapest_item_cents, self.average_order_cents, self.gross_margin_percent, self.user_value_cents
        )

    def guide(self) -> Guide:
        return Guide(self.no_threshold_quantity, self.per_account, self.least_margin_percent, self.longest_days)


class Rollback(_Section):
    """Which coupons come back when a paid order is undone, per scene (F119–F122)."""

    order_unpaid: tuple[str, ...] = ("any",)
    order_cancelled: tuple[str, ...] = ("any",)
    refund_before_shipping: tuple[str, ...] = ("any",)
    after_sale_return: tuple[str, ...] = ("scope:all",)

    def value(self) -> RollbackTable:
        return RollbackTable(**self.model_dump())

    @model_validator(mode="after")
    def _known_words(self) -> Rollback:
        self.value()  # an unknown word is an error when the settings are read, not at the first return
        return self


class Pricing(_Section):
    """What a cart costs beside its coupons: worth of points, and what a line must still earn (F053, F107)."""

    points_per_yuan: int = Field(100, ge=1)
    least_margin_percent: int = Field(10, ge=0, le=99)
    margin_mode: Literal["warn", "refuse", "floor"] = "warn"

    def margin(self) -> Margin:
        return Margin(self.least_margin_percent, self.margin_mode)


class Meeting(_Section):
    """Whether two things may meet in one order, except for the named pairs (or kinds)."""

    together: bool = True
    exceptions: tuple[Any, ...] = Field((), alias="except")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class StackRules(_Section):
    """Which coupons may meet in one order, and what else they may meet there (F104–F111)."""

    mode: Literal["stack", "single"] = "stack"
    max_coupons: int = Field(5, ge=1, le=20)
    same_kind: bool = False
    kinds: Meeting = Meeting()
    activities: Meeting = Meeting()
    points: Meeting = Meeting()
    owners: Meeting = Meeting()

    def value(self) -> Stacking:
        data = self.model_dump(mode="json", by_alias=True)
        data["owners"] = {"together": self.owners.together}
        return Stacking.from_data(data)

    @model_validator(mode="after")
    def _known_words(self) -> StackRules:
        self.value()  # an unknown kind is an error when the settings are read, not at the first order
        return self


class Claims(_Section):
    """What a link to an older account means for a newcomer coupon, and how often is too often (F063, F064, F208)."""

    newcomer_phone: Literal["refuse", "look"] = "refuse"
    newcomer_identity: Literal["refuse", "look"] = "refuse"
    newcomer_device: Literal["refuse", "look"] = "refuse"
    newcomer_address: Literal["refuse", "look"] = "look"
    wrong_codes_per_minute: int = Field(10, ge=1)
    sign_in_days: int = Field(7, ge=1)
    shares_per_day: int = Field(3, ge=1)

    def links(self) -> NewcomerLinks:
        return NewcomerLinks(self.newcomer_phone, self.newcomer_identity, self.newcomer_device, self.newcomer_address)


class Checks(_Section):
    """Plain rules beside the model (F183–F186)."""

    large_order_cents: int = Field(500_000, ge=1)
    orders_in_a_row: int = Field(5, ge=1)
    orders_within_minutes: int = Field(10, ge=1)
    device_accounts: int = Field(3, ge=2)
    ip_claims_per_minute: int = Field(50, ge=1)
    capped_per_day: int = Field(1, ge=1)


class Webhooks(_Section):
    """Empty key: the one of ``risk``. ``allow_private`` lets webhooks go to this machine, for development."""

    signing_key: str = ""
    allow_private: bool = False


class Risk(_Section):
    """How abuse flags become actions."""

    review_capacity_per_day: int = Field(200, ge=1)
    key: str = Field("embedded-default-identifier-key", min_length=16)


class Service(_Section):
    """Where one app listens."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)


class ApiKey(_Section):
    """Who may call with a key, known by its SHA-256; scopes are those of ``serving.keys``."""

    principal: str = Field(pattern=r"^[a-z][a-z0-9_.-]{0,39}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[str, ...]
    test: bool = False
    expires: date | None = None


class Services(_Section):
    scoring: Service = Service(port=8101)
    coupons: Service = Service(port=8102)
    console: Service = Service(port=8103)
    flows: Service = Service(port=8104)
    scoring_deadline_ms: int = Field(150, ge=1)
    hold_minutes: int = Field(30, ge=1)
    # Not named "keys": Prefect takes anything with that attribute for a mapping.
    api_keys: tuple[ApiKey, ...] = ()
    scoring_url: str = ""
    scoring_key: str = ""


class Stores(_Section):
    """Empty means the embedded default below ``home``."""

    ledger_url: str = ""
    sandbox_url: str = ""
    mlflow_uri: str = ""
    mlflow_artifacts: str = ""
    feast_online: str = ""
    engine: str = Field("duckdb", pattern=r"^(duckdb|pyspark)$")


class Settings(BaseSettings):
    """All settings of an installation; relative paths are relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix="FAIRDEAL_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path = Path(".fairdeal")
    shop: Shop = Shop()
    policy: Policy = Policy()
    advice: Advice = Advice()
    rollback: Rollback = Rollback()
    pricing: Pricing = Pricing()
    stacking: StackRules = StackRules()
    claims: Claims = Claims()
    checks: Checks = Checks()
    webhooks: Webhooks = Webhooks()
    risk: Risk = Risk()
    services: Services = Services()
    stores: Stores = Stores()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings  # the environment wins over the files

    @property
    def tables(self) -> Path:
        return self.home / "tables"

    @property
    def rejected(self) -> Path:
        return self.home / "rejected"

    @property
    def features(self) -> Path:
        return self.home / "features"

    @property
    def feast(self) -> Path:
        return self.home / "feast"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def ledger_url(self) -> str:
        return self.stores.ledger_url or f"sqlite:///{self.home.absolute() / 'ledger.db'}"

    @property
    def sandbox_url(self) -> str:
        return self.stores.sandbox_url or f"sqlite:///{self.home.absolute() / 'sandbox.db'}"

    @property
    def seals(self) -> Path:
        return self.home / "audit" / "seals.jsonl"

    @property
    def mlflow_uri(self) -> str:
        return self.stores.mlflow_uri or f"sqlite:///{self.home.absolute() / 'mlflow' / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> str:
        return self.stores.mlflow_artifacts or str(self.home.absolute() / "mlflow" / "artifacts")


def load_settings(profile: str | None = None, configs: Path = CONFIGS, **overrides: Any) -> Settings:
    """Read the settings of a profile (``$FAIRDEAL_PROFILE`` when not given; none means the embedded defaults)."""
    values: dict[str, Any] = _read_yaml(configs / "fairdeal.yaml")
    profile = profile or os.environ.get("FAIRDEAL_PROFILE")
    if profile:
        values = _merge(values, _read_yaml(configs / f"{profile}.yaml"))
    try:
        return Settings(**_merge(values, overrides))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "settings"
        raise InputError(field, first.get("input"), first["msg"]) from error


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError("settings file", str(path), "a YAML file that exists")
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError("settings file", str(path), f"valid UTF-8 YAML ({type(error).__name__})") from error
    if not isinstance(values, dict):
        raise InputError("settings file", str(path), "a YAML mapping of sections")
    return values


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
