"""Typed settings: ``configs/fairdeal.yaml``, then a profile's YAML, then ``FAIRDEAL_*`` environment variables.

Every field has a place in ``configs/fairdeal.yaml`` with the reason for its default; a production profile changes
addresses of stores, never code. Nothing is read on import.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from features.errors import InputError
from serving.console_settings import Console
from serving.policy_settings import Policy
from serving.risk_settings import Risk
from serving.shop_settings import Advice, Checks, Claims, Pricing, Rollback, Section, StackRules, Webhooks

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class Shop(Section):
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


class Service(Section):
    """Where one app listens."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)


class ApiKey(Section):
    """Who may call with a key, known by its SHA-256; scopes are those of ``serving.keys``."""

    principal: str = Field(pattern=r"^[a-z][a-z0-9_.-]{0,39}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[str, ...]
    test: bool = False
    expires: date | None = None


class Services(Section):
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


class Stores(Section):
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
    console: Console = Console()
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
