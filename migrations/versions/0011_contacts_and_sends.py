"""contacts, sends, and what reached their links and pixels"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("consent", sa.String(length=8), nullable=False),
        sa.Column("consent_at", sa.BigInteger(), nullable=True),
        sa.Column("consent_method", sa.String(length=200), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("opened_on", sa.BigInteger(), nullable=True),
        sa.Column("emails_sent_count", sa.Integer(), nullable=False),
        sa.Column("emails_opened_count", sa.Integer(), nullable=False),
        sa.Column("emails_clicked_count", sa.Integer(), nullable=False),
        sa.Column("last_email_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("last_email_opened_at", sa.BigInteger(), nullable=True),
        sa.Column("last_email_clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_contact")),
    )
    op.create_index("ix_contact_reference", "contact", ["site_id", "reference"], unique=False)
    op.create_index("uq_contact_email", "contact", ["site_id", "email"], unique=True)
    op.create_table(
        "link",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("send_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "send_id", "number", name=op.f("pk_link")),
    )
    op.create_table(
        "engagement",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("send_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("hint", sa.String(length=8), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_engagement")),
    )
    op.create_index("ix_engagement_send", "engagement", ["site_id", "send_id", "seen_at"], unique=False)
    op.create_index(
        "ix_engagement_unjudged",
        "engagement",
        ["seen_at"],
        unique=False,
        sqlite_where=sa.text("judged_at IS NULL"),
        postgresql_where=sa.text("judged_at IS NULL"),
    )
    op.create_table(
        "send",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("list", sa.String(length=100), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("tracks_opens", sa.Boolean(), nullable=False),
        sa.Column("tracks_clicks", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("last_opened_at", sa.BigInteger(), nullable=True),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("clicks", sa.Integer(), nullable=False),
        sa.Column("open_told", sa.Boolean(), nullable=False),
        sa.Column("click_told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_send")),
    )
    op.create_index("ix_send_contact", "send", ["site_id", "contact_id", "id"], unique=False)
    op.create_index("ix_send_reference", "send", ["site_id", "reference"], unique=False)
    op.create_table(
        "send_notice",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("send_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_send_notice")),
    )
    op.create_index("uq_send_notice", "send_notice", ["site_id", "send_id", "status", "happened_at"], unique=True)
