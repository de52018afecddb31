"""Models as data: LightGBM text and JSON with hashes, logged to MLflow and loaded by alias.

Serving imports this package, so nothing here imports a learner, scikit-learn, pickle or ``mlflow.pyfunc``, and neither
LightGBM nor MLflow is imported before the first model is read.
"""

from models.registry.artefact import Artefact, ArtefactError
from models.registry.effects import Effects, effects
from models.registry.store import Loaded, Registry

__all__ = ["Artefact", "ArtefactError", "Effects", "Loaded", "Registry", "effects"]
