"""Alembic's entry: runs the versions on the connection that `migrate` opened."""

from alembic import context

from exam_server.store.base import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
