"""Alembic's entry: runs on the connection that `serving.store.migrate` hands over."""

from alembic import context

from serving.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=False)
context.run_migrations()
