"""When things happen: Prefect flows and the ``fairdeal`` command line."""
