"""Table of the events room: an append-only outbox."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from wherefrom.db import Json, Moment, metadata
from wherefrom.db.partial_index import PartialIndex

event = Table(
    "event",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(64), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("data", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    # Null until the webhooks room has made its deliveries. A mark on each row rather than a cursor over ids: on
    # PostgreSQL a lower id may be committed after a higher one, and a cursor would step over it.
    Column("fanned_at", Moment),
    PartialIndex(
        "ix_event_unfanned",
        "id",
        where="fanned_at IS NULL",
    ),
    Index("ix_event_subject", "site_id", "subject_id"),
)

alarm = Table(
    "alarm",  # events that people are told of by a letter; the row goes when they are
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # the event's
    Column("next_at", Moment, nullable=False, index=True),  # nobody else tries before
    Column("tries", Integer, nullable=False),
    Column("told", Json, nullable=False),  # the users who have their letter, by id
)

late_change = Table(
    "late_change",  # what reports may have counted has become another since: they count it anew
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # drawn at random: none stands for two changes
    Column("subject_id", BigInteger),  # the message that changed; null: whatever happened from begin_at to end_at
    Column("begin_at", Moment),
    Column("end_at", Moment),  # counts in
)
