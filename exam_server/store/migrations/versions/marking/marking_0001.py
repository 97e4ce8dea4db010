"""The grading site: keys, centres, what was handed in, tasks and marks."""

import sqlalchemy as sa
from alembic import op

revision = "marking_0001"
down_revision = None
branch_labels = ("marking",)
depends_on = None

_SQLITE = """
CREATE TRIGGER mark_no_{verb} BEFORE {verb} ON mark
BEGIN SELECT RAISE(ABORT, 'marks are never changed'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE FUNCTION mark_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'marks are never changed'; END $$
"""
_POSTGRESQL_TRIGGER = """
CREATE TRIGGER mark_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON mark
FOR EACH STATEMENT EXECUTE FUNCTION mark_refuse()
"""


def upgrade() -> None:
    _create_what_came_in()
    _create_marking()
    if op.get_context().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(verb=verb))
    else:
        op.execute(_POSTGRESQL_FUNCTION)
        op.execute(_POSTGRESQL_TRIGGER)


def downgrade() -> None:
    for table in (
        "mark",
        "marking_task",
        "graded_session",
        "graded_candidate",
        "results_bundle",
        "centre",
        "answer_key",
        "grading_site",
    ):
        op.drop_table(table)
    if op.get_context().dialect.name != "sqlite":
        op.execute("DROP FUNCTION mark_refuse()")


def _create_what_came_in() -> None:
    op.create_table(
        "grading_site",
        sa.Column("site_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_salt", sa.String(), nullable=False),
        sa.Column("policy", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_grading_site")),
    )
    op.create_table(
        "answer_key",
        sa.Column("key_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("paper_id", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("imported_utc_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_version", name=op.f("pk_answer_key")),
    )
    op.create_table(
        "centre",
        sa.Column("centre_id", sa.String(), nullable=False),
        sa.Column("descriptor", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("centre_id", name=op.f("pk_centre")),
    )
    op.create_table(
        "results_bundle",
        sa.Column("centre_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("file_sha256", sa.String(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("audit_log", sa.Text(), nullable=False),
        sa.Column("imported_utc_ms", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        _centre_fk("results_bundle"),
        sa.PrimaryKeyConstraint("centre_id", name=op.f("pk_results_bundle")),
    )
    for table in ("graded_candidate", "graded_session"):
        op.create_table(
            table,
            sa.Column("admission_number", sa.String(), nullable=False),
            sa.Column("centre_id", sa.String(), nullable=False),
            sa.Column("content", sa.LargeBinary(), nullable=False),
            _centre_fk(table),
            sa.PrimaryKeyConstraint("admission_number", name=op.f(f"pk_{table}")),
            *_candidate_fk(table),
        )
        op.create_index(op.f(f"ix_{table}_centre_id"), table, ["centre_id"])


def _create_marking() -> None:
    op.create_table(
        "marking_task",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("response_text", sa.Text(), nullable=False),
        sa.Column("centre_id", sa.String(), nullable=False),
        _centre_fk("marking_task"),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_marking_task")),
    )
    for column in ("centre_id", "place"):
        op.create_index(op.f(f"ix_marking_task_{column}"), "marking_task", [column])
    op.create_table(
        "mark",
        sa.Column("mark_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("marker_id", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_mark_sequence")),
        sa.ForeignKeyConstraint(
            ["task_id"], ["marking_task.task_id"], name=op.f("fk_mark_task_id_marking_task")
        ),
        sa.PrimaryKeyConstraint("mark_id", name=op.f("pk_mark")),
        sa.UniqueConstraint("task_id", "sequence", name=op.f("uq_mark_task_id_sequence")),
    )
    op.create_index(op.f("ix_mark_marker_id_mark_id"), "mark", ["marker_id", "mark_id"])


def _centre_fk(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_centre_id_centre")
    return sa.ForeignKeyConstraint(["centre_id"], ["centre.centre_id"], name=name)


def _candidate_fk(table: str) -> list[sa.ForeignKeyConstraint]:
    if table == "graded_candidate":
        return []
    return [
        sa.ForeignKeyConstraint(
            ["admission_number"],
            ["graded_candidate.admission_number"],
            name=op.f(f"fk_{table}_admission_number_graded_candidate"),
        )
    ]
