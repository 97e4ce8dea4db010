"""The exam room."""

import sqlalchemy as sa
from alembic import op

revision = "room_0001"
down_revision = None
branch_labels = ("room",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sitting",
        *_texts("sitting_id", "exam_id", "paper_id", "title"),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("not_before_utc_ms", sa.BigInteger(), nullable=True),
        *_texts("scoring_note", "manifest_sha256", "package_sha256"),
        *_texts("state", "changed_by"),
        sa.Column("boots", sa.Integer(), nullable=False),
        sa.Column("swaps", sa.Integer(), nullable=False),
        sa.Column("elapsed_ms", sa.BigInteger(), nullable=False),
        *_texts("room_code", "form_seed", "assignment_sha256"),
        sa.Column("exports", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sitting_id", name=op.f("pk_sitting")),
    )
    op.create_table(
        "form",
        sa.Column("form_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("form_number", name=op.f("pk_form")),
    )
    op.create_table(
        "candidate",
        *_texts("admission_number"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("name", "id_number", "unit", "team"),
        sa.Column("is_substitute", sa.Boolean(), nullable=False),
        *_texts("seat_id", "sits_at"),
        sa.Column("form_number", sa.Integer(), nullable=False),
        sa.Column("is_present", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("admission_number", name=op.f("pk_candidate")),
        sa.UniqueConstraint("seat_id", name=op.f("uq_candidate_seat_id")),
        sa.UniqueConstraint("sits_at", name=op.f("uq_candidate_sits_at")),
        sa.UniqueConstraint("form_number", name=op.f("uq_candidate_form_number")),
    )
    op.create_table(
        "seat",
        *_texts("seat_id"),
        sa.Column("failed_tries", sa.Integer(), nullable=False),
        sa.Column("is_locked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seat_id", name=op.f("pk_seat")),
    )
    op.create_table(
        "kiosk",
        *_texts("fingerprint", "seat_id", "signing_key", "enrolled_by"),
        sa.Column("issued_utc_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_kiosk")),
    )
    _create_sessions()
    _create_frames()
    op.create_table(
        "alarm",
        sa.Column("alarm_id", sa.Integer(), autoincrement=True, nullable=False),
        *_texts("seat_id", "code", "message"),
        sa.Column("raised_utc_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_alarm")),
    )


def downgrade() -> None:
    for table in (
        "alarm",
        "refused_frame",
        "frame_flag",
        "frame",
        "segment",
        "session",
        "kiosk",
        "seat",
        "candidate",
        "sitting",
    ):
        op.drop_table(table)


def _create_sessions() -> None:
    op.create_table(
        "session",
        *_texts("session_id", "admission_number", "seat_id"),
        sa.Column("form_number", sa.Integer(), nullable=False),
        *_texts("state", "stage", "token_sha256"),
        sa.Column("extra_ms", sa.BigInteger(), nullable=False),
        sa.Column("away_ms", sa.BigInteger(), nullable=False),
        sa.Column("moved_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("begun_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        *_texts("close_reason", "receipt"),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session")),
        sa.ForeignKeyConstraint(
            ["admission_number"],
            ["candidate.admission_number"],
            name=op.f("fk_session_admission_number_candidate"),
        ),
        sa.UniqueConstraint("admission_number", name=op.f("uq_session_admission_number")),
    )
    op.create_table(
        "segment",
        *_texts("segment_id", "session_id"),
        sa.Column("epoch", sa.Integer(), nullable=False),
        *_texts("seat_id", "signing_key"),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segment")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.session_id"], name=op.f("fk_segment_session_id_session")
        ),
        sa.UniqueConstraint("session_id", "epoch", name=op.f("uq_segment_session_id_epoch")),
    )


def _create_frames() -> None:
    op.create_table(
        "frame",
        *_texts("segment_id"),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("frame", sa.LargeBinary(), nullable=False),
        sa.Column("received_utc_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "seq", name=op.f("pk_frame")),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.segment_id"], name=op.f("fk_frame_segment_id_segment")
        ),
    )
    op.create_table(
        "frame_flag",
        *_texts("segment_id"),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        *_texts("code"),
        sa.PrimaryKeyConstraint("segment_id", "seq", "code", name=op.f("pk_frame_flag")),
    )
    op.create_table(
        "refused_frame",
        sa.Column("refused_frame_id", sa.Integer(), autoincrement=True, nullable=False),
        *_texts("segment_id"),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("frame", sa.LargeBinary(), nullable=False),
        *_texts("code"),
        sa.Column("received_utc_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("refused_frame_id", name=op.f("pk_refused_frame")),
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]
