"""contacts by what they did, totals over time, consent with its history, the site's time zone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("zone", sa.String(length=64), server_default="UTC", nullable=False))
    op.create_table(
        "contact_filter",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_contact_filter")),
    )
    op.create_index("uq_contact_filter_name", "contact_filter", ["site_id", "name"], unique=True)
    consent = op.create_table(
        "consent",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("consent", sa.String(length=8), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("method", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_contact", "consent", ["site_id", "contact_id", "at"])
    _keep_what_was_said(consent)
    op.create_index("ix_send_list", "send", ["site_id", "list"])
    op.create_index("ix_send_created", "send", ["site_id", "created_at"])
    for name in ("opened", "clicked"):
        some = sa.text(f"{name}_at IS NOT NULL")
        op.create_index(f"ix_send_{name}", "send", ["site_id", f"{name}_at"], sqlite_where=some, postgresql_where=some)
    op.create_index("ix_send_notice_happened", "send_notice", ["site_id", "status", "happened_at"])


def _keep_what_was_said(consent: sa.Table) -> None:
    """The history begins with what is known: the last word of each contact. Its row takes the contact's id."""
    names = ("site_id", "id", "consent", "mode", "consent_method", "consent_at")
    contact = sa.table("contact", *(sa.column(name) for name in names))
    said = sa.select(
        contact.c.site_id, contact.c.id, contact.c.id, contact.c.consent, contact.c.mode, contact.c.consent_method,
        sa.literal(""), contact.c.consent_at,
    ).where(contact.c.consent_at.is_not(None))  # fmt: skip
    columns = ["site_id", "id", "contact_id", "consent", "mode", "method", "by", "at"]
    op.execute(consent.insert().from_select(columns, said))
