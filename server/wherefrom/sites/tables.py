"""Tables of the sites room."""

from sqlalchemy import BigInteger, Boolean, Column, String, Table

from wherefrom.db import Json, Moment, metadata

site = Table(
    "site",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", String(40), nullable=False, unique=True),  # public: it stands in the page's script tag
    Column("name", String(100), nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False),
    Column("compat", String(16), nullable=False),  # "" or "roistat"
    Column("created_at", Moment, nullable=False),
    Column("mode", String(8), nullable=False, server_default="visits"),  # visits, source
    Column("without_consent", String(8), nullable=False, server_default="real"),  # real, source
    Column("off_paths", Json, nullable=False, server_default="[]"),  # rules: there the real address stands
    Column("zone", String(64), nullable=False, server_default="UTC"),  # IANA name: when its days begin
)

host = Table(
    "host",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(253), primary_key=True),
)
