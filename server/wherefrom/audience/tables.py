"""Table of the audience room."""

from sqlalchemy import BigInteger, Column, Index, String, Table

from wherefrom.db import Json, Moment, metadata

contact_filter = Table(
    "contact_filter",  # engagement filters that were given a name
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(100), nullable=False),
    Column("definition", Json, nullable=False),  # see filter.py
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("uq_contact_filter_name", "site_id", "name", unique=True),
)
