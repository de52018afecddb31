"""The ``fairdeal`` command line (DESIGN section 5)."""

from pipelines.cli.app import main

__all__ = ["main"]
