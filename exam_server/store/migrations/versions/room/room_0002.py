"""Frames follow each other as they come: segments get numbers, places are written apart.

`segment_place` starts empty; the first start scans all frames once and fills it.
"""

import sqlalchemy as sa
from alembic import op

revision = "room_0002"
down_revision = "room_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _number_segments()
        _chain_frames()
    else:
        _key_frames()
    op.create_table(
        "segment_place",
        sa.Column("segment_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("last_frame_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("segment_no", name=op.f("pk_segment_place")),
    )


def downgrade() -> None:
    raise NotImplementedError("the version before cannot read these frames")


def _number_segments() -> None:
    """SQLite cannot change a key in place: a new table takes the old one's name."""
    op.create_table(
        "segment_new",
        sa.Column("segment_no", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("segment_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.String(), nullable=False),
        sa.Column("signing_key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("segment_no", name=op.f("pk_segment")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.session_id"], name=op.f("fk_segment_session_id_session")
        ),
        sa.UniqueConstraint("segment_id", name=op.f("uq_segment_segment_id")),
        sa.UniqueConstraint("session_id", "epoch", name=op.f("uq_segment_session_id_epoch")),
    )
    op.execute(
        "INSERT INTO segment_new (segment_id, session_id, epoch, seat_id, signing_key)"
        " SELECT segment_id, session_id, epoch, seat_id, signing_key FROM segment ORDER BY rowid"
    )


def _chain_frames() -> None:
    """The old row's hidden number is its place in the order of arrival: it becomes `frame_no`."""
    op.create_table(
        "frame_new",
        sa.Column("frame_no", sa.Integer(), nullable=False),
        *_frame_columns(),
        sa.Column("prev_frame_no", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("frame_no", name=op.f("pk_frame")),
    )
    op.execute(
        "INSERT INTO frame_new"
        " (frame_no, segment_no, seq, frame, received_utc_ms, prev_frame_no)"
        " SELECT f.rowid, s.segment_no, f.seq, f.frame, f.received_utc_ms, p.rowid"
        " FROM frame f JOIN segment_new s ON s.segment_id = f.segment_id"
        " LEFT JOIN frame p ON p.segment_id = f.segment_id AND p.seq = f.seq - 1"
        " ORDER BY f.rowid"
    )
    for table in ("frame", "segment"):  # frames refer to segments: in this order
        op.drop_table(table)
        op.rename_table(f"{table}_new", table)


def _key_frames() -> None:
    op.execute("ALTER TABLE segment ADD COLUMN segment_no SERIAL")
    op.create_table("frame_new", *_frame_columns())
    op.execute(
        "INSERT INTO frame_new (segment_no, seq, frame, received_utc_ms)"
        " SELECT s.segment_no, f.seq, f.frame, f.received_utc_ms"
        " FROM frame f JOIN segment s ON s.segment_id = f.segment_id"
    )
    op.drop_table("frame")
    op.rename_table("frame_new", "frame")
    op.create_primary_key(op.f("pk_frame"), "frame", ["segment_no", "seq"])
    op.drop_constraint(op.f("pk_segment"), "segment")
    op.create_primary_key(op.f("pk_segment"), "segment", ["segment_no"])
    op.create_unique_constraint(op.f("uq_segment_segment_id"), "segment", ["segment_id"])


def _frame_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("segment_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("frame", sa.LargeBinary(), nullable=False),
        sa.Column("received_utc_ms", sa.BigInteger(), nullable=False),
    ]
