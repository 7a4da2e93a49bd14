"""What Alembic runs: the migrations, on the connection that `outsample.store.migrate` hands over."""

from alembic import context

__all__: list[str] = []

# Importing this file outside a migration does nothing.
if hasattr(context, "config"):
    context.configure(
        connection=context.config.attributes["connection"],
        # Everything or nothing, on SQLite too: our engine begins its transactions itself.
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()
