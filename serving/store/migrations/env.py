"""Alembic's entry: runs on the connection that `serving.store.migrate` hands over."""

from alembic import context

from serving.store.schema import metadata


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic runs this file; another import does nothing
    run()
