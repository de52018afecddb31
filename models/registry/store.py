"""MLflow as the place where versions live: log, promote by alias, load with the digest checked.

Only MLflow's tracking and registry client is used. The digest of the manifest is a tag of the version, so files that
were exchanged in the artefact store (hashes and all) are refused as well.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from features.errors import InputError
from models.registry.artefact import Artefact, ArtefactError

CHAMPION = "champion"
_DIGEST = "manifest_sha256"
_FOLDER = "model"


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
    Nothing is opened before the first call; the first call on a new SQLite file creates MLflow's tables (some 13 s).
    """

    def __init__(self, tracking_uri: str, artifact_root: str | Path) -> None:
        self.tracking_uri = tracking_uri
        self.artifact_root = str(artifact_root)

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
            self._client.log_artifacts(run_id, str(report_dir), "report")
        self._client.set_terminated(run_id)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{_FOLDER}"
        tags = {_DIGEST: digest, "kind": artefact.kind}
        version = self._client.create_model_version(name, source, run_id, tags=tags)
        return str(version.version)

    def promote(self, name: str, version: str, alias: str = CHAMPION, reason: str = "") -> None:
        """Point the alias at a version; the reason stays with the version. Rolling back is promoting the older one."""
        if reason:
            self._client.set_model_version_tag(name, version, f"promoted_{alias}", reason)
        self._client.set_registered_model_alias(name, alias, version)

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
            artefact = Artefact.from_dir(self._local(found, Path(folder)), digest)
        run = self._client.get_run(found.run_id)
        return Loaded(artefact, name, str(found.version), found.run_id, dict(run.data.metrics), dict(found.tags))

    def versions(self, name: str) -> tuple[str, ...]:
        """All versions, oldest first."""
        found = self._client.search_model_versions(f"name = '{name}'")
        return tuple(sorted((str(version.version) for version in found), key=int))

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

    def _local(self, found: Any, folder: Path) -> Path:
        source = str(found.source)
        if source.startswith("file://"):
            return Path(unquote(urlparse(source).path))
        if source.startswith("/"):
            return Path(source)
        from mlflow.artifacts import download_artifacts

        return Path(download_artifacts(source, dst_path=str(folder), tracking_uri=self.tracking_uri))
