"""Run the migrations on the connection, and in the transaction, that the bank hands over."""

from alembic import context

from paper_builder.bank.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
context.run_migrations()
