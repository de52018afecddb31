"""MLflow as the place where versions live: log, promote by alias, load with the digest checked.

Only MLflow's tracking and registry client is used. The digest of the manifest is a tag of the version, so files that
were exchanged in the artefact store (hashes and all) are refused as well.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from features.errors import InputError
from models.registry.artefact import Artefact, ArtefactError
from models.registry.trail import CHAMPION, CLEAR, PROMOTE, ROLL_BACK, Move, Version, moves_of, previous

CARD = "card.json"
_DIGEST = "manifest_sha256"
_FOLDER, _REPORT = "model", "report"


@dataclass(frozen=True)
class Loaded:
    """A checked artefact with the place it came from."""

    artefact: Artefact
    name: str
    version: str
    run_id: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class Registry:
    """Versions of the models ``uplift``, ``policy``, ``abuse`` (or any other name).

    ``tracking_uri``: what MLflow takes, by default SQLite. ``artifact_root``: a folder or an object-store address.
    ``clock`` gives UTC for the trail.
    Nothing is opened before the first call; the first call on a new SQLite file creates MLflow's tables (some 13 s).
    """

    def __init__(
        self, tracking_uri: str, artifact_root: str | Path, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.tracking_uri = tracking_uri
        self.artifact_root = str(artifact_root)
        self._clock = clock or (lambda: datetime.now(UTC))

    def log(
        self,
        name: str,
        artefact: Artefact,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        report_dir: Path | None = None,
    ) -> str:
        """Write a new version with its figures (and the report that goes with them); gives the version."""
        from mlflow.entities import Metric, Param
        from mlflow.utils.time import get_current_time_millis

        run_id = self._client.create_run(self._experiment(name)).info.run_id
        now = get_current_time_millis()
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), now, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)) for key, value in params.items()],
        )
        with tempfile.TemporaryDirectory() as folder:
            digest = artefact.to_dir(Path(folder))
            self._client.log_artifacts(run_id, folder, _FOLDER)
        if report_dir is not None:
            self._client.log_artifacts(run_id, str(report_dir), _REPORT)
        self._client.set_terminated(run_id)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{_FOLDER}"
        tags = {_DIGEST: digest, "kind": artefact.kind}
        version = self._client.create_model_version(name, source, run_id, tags=tags)
        return str(version.version)

    def promote(self, name: str, version: str, alias: str = CHAMPION, reason: str = "", by: str = "flow") -> Move:
        """Point the alias at a version. Who did it and why is written to the version's trail.

        Raises InputError for a version that does not exist.
        """
        return self._move(name, version, alias, PROMOTE, reason, by)

    def roll_back(self, name: str, reason: str, by: str, alias: str = CHAMPION) -> Move:
        """Point the alias at the version before; whoever polls it swaps by itself.

        Raises InputError when there is no version before to go back to.
        """
        before = previous(self.trail(name), alias)
        if before is None:
            raise InputError(f"{alias} of {name}", self.version(name, alias), "a version that followed another one")
        return self._move(name, before, alias, ROLL_BACK, reason, by)

    def clear(self, name: str, alias: str, reason: str, by: str = "flow") -> None:
        """Let the alias point nowhere; nothing happens where it does already."""
        version = self.version(name, alias)
        if version is not None:
            self._write(name, version, alias, CLEAR, reason, by)
            self._client.delete_registered_model_alias(name, alias)

    def trail(self, name: str) -> tuple[Move, ...]:
        """Every move of the model's aliases, oldest first."""
        return moves_of(version.tags for version in self.history(name))

    def note(self, name: str, version: str, **tags: str) -> None:
        """Write facts beside a version, e.g. why it was not promoted."""
        for key, value in tags.items():
            self._client.set_model_version_tag(name, version, key, value)

    def champion(self, name: str) -> Loaded | None:
        """The promoted version, or None while there is none."""
        return self.load(name) if self.version(name) is not None else None

    def version(self, name: str, alias: str = CHAMPION) -> str | None:
        """The version behind an alias without reading its files: cheap enough to poll for a swap."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self._client.get_model_version_by_alias(name, alias).version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def load(self, name: str, alias_or_version: str = CHAMPION) -> Loaded:
        """Read a version ("3") or what an alias points at; hashes, digest and golden rows are checked."""
        version = alias_or_version if alias_or_version.isdigit() else self.version(name, alias_or_version)
        found = self._find(name, version) if version is not None else None
        if found is None:
            raise InputError(f"model {name}", alias_or_version, "an alias or version that exists in the registry")
        digest = found.tags.get(_DIGEST)
        if not digest:
            raise ArtefactError(f"model {name} version {found.version}", "no digest", "a version logged by Fairdeal")
        with tempfile.TemporaryDirectory() as folder:
            artefact = Artefact.from_dir(self._local(str(found.source), Path(folder)), digest)
        run = self._client.get_run(found.run_id)
        return Loaded(artefact, name, str(found.version), found.run_id, dict(run.data.metrics), dict(found.tags))

    def names(self) -> tuple[str, ...]:
        """All models, by name."""
        return tuple(sorted(str(model.name) for model in self._client.search_registered_models()))

    def history(self, name: str) -> tuple[Version, ...]:
        """All versions without their files, oldest first; empty for a model that was never logged."""
        aliases: dict[str, list[str]] = {}
        for alias, version in self._aliases(name).items():
            aliases.setdefault(str(version), []).append(alias)
        found = []
        for one in self._client.search_model_versions(f"name = '{name}'"):
            logged = datetime.fromtimestamp(one.creation_timestamp / 1000, UTC).replace(tzinfo=None)
            pointing = tuple(sorted(aliases.get(str(one.version), ())))
            found.append(Version(name, str(one.version), logged, pointing, dict(one.tags)))
        return tuple(sorted(found, key=lambda version: int(version.version)))

    def versions(self, name: str) -> tuple[str, ...]:
        """All versions, oldest first."""
        return tuple(version.version for version in self.history(name))

    def card(self, name: str, version: str) -> dict[str, Any] | None:
        """The model card that was logged with a version; None for a version without one."""
        found = self._find(name, version)
        if found is None:
            raise InputError(f"version of {name}", version, f"one of {', '.join(self.versions(name)) or 'none'}")
        root = str(self._client.get_run(found.run_id).info.artifact_uri)
        with tempfile.TemporaryDirectory() as folder:
            if not any(one.path == f"{_REPORT}/{CARD}" for one in self._client.list_artifacts(found.run_id, _REPORT)):
                return None
            content = (self._local(f"{root}/{_REPORT}", Path(folder)) / CARD).read_bytes()
        card: dict[str, Any] = json.loads(content)
        return card

    @cached_property
    def _client(self) -> Any:
        if self.tracking_uri.startswith("sqlite:///"):
            Path(self.tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read while mlflow is imported
        from mlflow.tracking import MlflowClient

        return MlflowClient(self.tracking_uri, self.tracking_uri)

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            location = (
                self.artifact_root if "://" in self.artifact_root else Path(self.artifact_root).absolute().as_uri()
            )
            found_id = self._client.create_experiment(name, f"{location}/{name}")
        else:
            found_id = found.experiment_id
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return str(found_id)

    def _find(self, name: str, version: str) -> Any | None:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version(name, version)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _local(self, source: str, folder: Path) -> Path:
        if source.startswith("file://"):
            return Path(unquote(urlparse(source).path))
        if source.startswith("/"):
            return Path(source)
        from mlflow.artifacts import download_artifacts

        return Path(download_artifacts(source, dst_path=str(folder), tracking_uri=self.tracking_uri))

    def _aliases(self, name: str) -> dict[str, str]:
        from mlflow.exceptions import MlflowException

        try:
            return dict(self._client.get_registered_model(name).aliases)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise

    def _move(self, name: str, version: str, alias: str, action: str, reason: str, by: str) -> Move:
        if self._find(name, version) is None:
            raise InputError(f"version of {name}", version, f"one of {', '.join(self.versions(name)) or 'none'}")
        # The trail first: a move that is written down and not done is seen, one that is done and not written is not.
        move = self._write(name, version, alias, action, reason, by)
        self._client.set_registered_model_alias(name, alias, version)
        return move

    def _write(self, name: str, version: str, alias: str, action: str, reason: str, by: str) -> Move:
        trail = self.trail(name)
        at = self._clock().replace(tzinfo=None).isoformat(timespec="seconds")
        number = trail[-1].number + 1 if trail else 1
        move = Move(number, alias, action, version, self.version(name, alias) or "", by, reason, at)
        self._client.set_model_version_tag(name, version, *move.tag())
        return move
