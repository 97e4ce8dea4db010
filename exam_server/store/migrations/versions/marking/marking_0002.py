"""The grading site: what of a session's journal does not count."""

import sqlalchemy as sa
from alembic import op

revision = "marking_0002"
down_revision = "marking_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_anomaly",
        sa.Column("anomaly_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("admission_number", sa.String(), nullable=False),
        sa.Column("centre_id", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["admission_number"],
            ["graded_session.admission_number"],
            name=op.f("fk_session_anomaly_admission_number_graded_session"),
        ),
        sa.ForeignKeyConstraint(
            ["centre_id"], ["centre.centre_id"], name=op.f("fk_session_anomaly_centre_id_centre")
        ),
        sa.PrimaryKeyConstraint("anomaly_id", name=op.f("pk_session_anomaly")),
    )
    op.create_index(op.f("ix_session_anomaly_centre_id"), "session_anomaly", ["centre_id"])


def downgrade() -> None:
    op.drop_table("session_anomaly")
