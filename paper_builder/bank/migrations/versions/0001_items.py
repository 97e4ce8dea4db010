"""Items and their versions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "item",
        sa.Column("bank_item_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("item_type", sa.String(20), nullable=False),
        sa.Column("domain", sa.String(100), nullable=False),
        sa.Column("remark", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("bank_item_id", name="pk_item"),
        sa.UniqueConstraint("position", name="uq_item_position"),
    )
    op.create_table(
        "image",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_image"),
    )
    op.create_table(
        "item_version",
        sa.Column("bank_item_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("imported_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("bank_item_id", "version", name="pk_item_version"),
        sa.ForeignKeyConstraint(
            ["bank_item_id"], ["item.bank_item_id"], name="fk_item_version_bank_item_id"
        ),
    )
