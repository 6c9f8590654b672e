"""Tables of the contacts room."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from wherefrom.db import Moment, metadata

contact = Table(
    "contact",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("email", String(254), nullable=False),  # in lower case
    Column("name", Text, nullable=False),
    Column("reference", String(200), nullable=False),  # the owner's own; "" for none
    Column("consent", String(8), nullable=False),  # unknown, granted, denied: to be measured, not to be mailed
    Column("consent_at", Moment),  # null: never said
    Column("consent_method", String(200), nullable=False),
    Column("mode", String(16), nullable=False),  # all; open_date: of opens the last day alone is kept
    Column("opened_on", Moment),  # the beginning (UTC) of the last day a letter was opened, of mode open_date
    Column("emails_sent_count", Integer, nullable=False),
    Column("emails_opened_count", Integer, nullable=False),  # sends that a person opened, however often
    Column("emails_clicked_count", Integer, nullable=False),
    Column("last_email_sent_at", Moment),
    Column("last_email_opened_at", Moment),
    Column("last_email_clicked_at", Moment),
    Column("created_at", Moment, nullable=False),
    Index("uq_contact_email", "site_id", "email", unique=True),
    Index("ix_contact_reference", "site_id", "reference"),
)

consent = Table(
    "consent",  # each change of what a contact agreed to; the last is the contact's own columns
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("consent", String(8), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("method", String(200), nullable=False),  # how it was said, in the owner's words
    Column("by", String(320), nullable=False),  # who wrote it down: "key 7", a person's address, "operator"
    Column("at", Moment, nullable=False),
    Index("ix_consent_contact", "site_id", "contact_id", "at"),
)
