"""Table of the archive room."""

from sqlalchemy import BigInteger, Column, Index, String, Table

from wherefrom.db import Moment, metadata

loose_blob = Table(
    "loose_blob",  # bytes that a letter had which is gone: perhaps nobody needs them any more
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", String(64), primary_key=True),
    Column("loose_at", Moment, nullable=False),
    Index("ix_loose_blob_at", "loose_at"),
)
