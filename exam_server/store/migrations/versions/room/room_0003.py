"""What the machine's clocks were at when the working time was last written.

A sitting under way gets no reading: the first start after the change counts no absence.
"""

import sqlalchemy as sa
from alembic import op

revision = "room_0003"
down_revision = "room_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    boot_id = sa.Column("read_boot_id", sa.String(), nullable=False, server_default="")
    op.add_column("sitting", boot_id)
    for name in ("read_monotonic_ms", "read_utc_ms"):
        reading = sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        op.add_column("sitting", reading)
