"""Tables of the sites room."""

from sqlalchemy import BigInteger, Boolean, Column, String, Table

from wherefrom.db import Moment, metadata

site = Table(
    "site",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", String(40), nullable=False, unique=True),  # public: it stands in the page's script tag
    Column("name", String(100), nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False),
    Column("compat", String(16), nullable=False),  # "" or "roistat"
    Column("created_at", Moment, nullable=False),
)

host = Table(
    "host",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(253), primary_key=True),
)
