"""Tables of the probes room."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from wherefrom.db import Moment, metadata

probe = Table(
    "probe",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("target_id", BigInteger, nullable=False),
    Column("substitute_id", BigInteger),  # null: a code made for this probe alone
    Column("address", String(254), nullable=False),
    Column("status", String(8), nullable=False),  # sent, returned, refused, unsent, lost
    Column("detail", Text, nullable=False),  # in words, for people
    Column("sent_at", Moment, nullable=False),
    Column("returned_at", Moment),
    Column("mailbox_id", BigInteger),  # where it came back to
    Index("ix_probe_target", "site_id", "target_id", "id"),
)
