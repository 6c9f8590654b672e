"""Tables of the tracking room."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from wherefrom.db import Moment, metadata

link = Table(
    "link",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("send_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, in the order of the letter
    Column("url", Text, nullable=False),  # where it leads, as Location has it
)

# What came in the last seconds. It is written before each answer, so it has no index that is not appended to: one by
# the send costs twice of all the rest.
hit = Table(
    "hit",
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
    Index("ix_hit_seen", "seen_at"),
)

engagement = Table(
    "engagement",  # hits that were judged, with the verdict; their columns are the same
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("send_id", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("number", Integer, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("ip", String(45)),
    Column("agent", Text, nullable=False),
    Column("hint", String(8), nullable=False),
    Column("verdict", String(8), nullable=False),  # human, proxy, prefetch, scanner, unknown
    Column("reason", String(32), nullable=False),
    Index("ix_engagement_send", "site_id", "send_id", "seen_at"),
)
