"""Tables of the tracking room."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, text

from wherefrom.db import Moment, metadata

link = Table(
    "link",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("send_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, in the order of the letter
    Column("url", Text, nullable=False),  # where it leads, as Location has it
)

engagement = Table(
    "engagement",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("send_id", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),  # open, click
    Column("number", Integer, nullable=False),  # the link's; 0 of an open
    Column("seen_at", Moment, nullable=False),
    Column("ip", String(45)),  # as the settings say: whole, its network, or none
    Column("agent", Text, nullable=False),
    Column("hint", String(8), nullable=False),  # what the request itself said: head, prefetch or ""
    Column("verdict", String(8), nullable=False),  # human, proxy, prefetch, scanner, unknown
    Column("reason", String(32), nullable=False),
    Column("judged_at", Moment),  # null: its neighbours in time have not been looked at yet
    Index("ix_engagement_send", "site_id", "send_id", "seen_at"),
    Index(
        "ix_engagement_unjudged",
        "seen_at",
        sqlite_where=text("judged_at IS NULL"),
        postgresql_where=text("judged_at IS NULL"),
    ),
)
