"""How does a bank of an older program become one of this program? Alembic's scripts, packaged."""
