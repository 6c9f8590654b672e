"""Tables of the webhooks room."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from wherefrom.db import Json, Moment, metadata
from wherefrom.db.partial_index import PartialIndex

endpoint = Table(
    "endpoint",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),  # sealed
    Column("previous_secret", Text),  # sealed; signs beside the new one until previous_until, so no letter is refused
    Column("previous_until", Moment),
    Column("format", String(16), nullable=False),  # standard, roistat
    Column("events", Json, nullable=False, server_default='["message.received"]'),  # what is told, by event types
    Column("which", String(16), nullable=False),  # matched, all, first: of letters
    Column("automatic", Boolean, nullable=False),  # send automatic mail too
    Column("junk", Boolean, nullable=False),  # send letters of the junk folder too
    Column("attachments", String(8), nullable=False),  # objects, urls
    Column("deal_path", String(200), nullable=False),  # where in the answer the deal number stands; "" = usual names
    Column("status", String(16), nullable=False),  # enabled, paused, gone, failed
    Column("status_reason", Text, nullable=False),
    Column("status_at", Moment),  # when the status last changed; null: never
    Column("failing_since", Moment),
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row, over all its deliveries
    Column("quiet_until", Moment),  # nothing is started before: breaker, Retry-After, rate, or a probe on the way
    Column("per_minute", Integer),  # posts started a minute at most; null: no limit
    Column("created_at", Moment, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("endpoint_id", BigInteger, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # the very bytes (UTF-8) that are signed and posted, on every attempt
    Column("lead", String(40), nullable=False, server_default=""),  # whose letter: see lead.py; "" for a test
    Column("sequence", Integer),  # the letter's number among its lead's letters to this endpoint, from 1
    Column("status", String(16), nullable=False),  # pending, delivered, exhausted, cancelled
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row, since it was made or last sent again: the schedule's place
    Column("next_at", Moment, nullable=False),
    Column("claimed_until", Moment),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("uq_delivery_event", "site_id", "endpoint_id", "event_id", unique=True),
    Index("ix_delivery_subject", "site_id", "subject_id"),
    Index("ix_delivery_status", "site_id", "status", "id"),
    # By endpoint first: what waits for a dead endpoint is never walked over to find what another one may have.
    PartialIndex(
        "ix_delivery_due",
        "site_id",
        "endpoint_id",
        "next_at",
        where="status = 'pending'",
    ),
)

lead = Table(
    "lead",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("endpoint_id", BigInteger, primary_key=True, autoincrement=False),
    Column("lead", String(40), primary_key=True),
    Column("last", Integer, nullable=False),  # the last sequence number given out
)

attempt = Table(
    "attempt",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),  # 1 is the first
    Column("started_at", Moment, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("status_code", Integer),
    Column("error", Text, nullable=False),
    Column("answer", Text, nullable=False),  # the beginning of the answer's body
    Index("ix_attempt_delivery", "site_id", "delivery_id", "number"),
)

deal = Table(
    "deal",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("subject_id", BigInteger, primary_key=True, autoincrement=False),  # the message
    Column("number", String(200), nullable=False),  # "" while only its status or value is known
    Column("endpoint_id", BigInteger),  # whose answer gave the number; null: told through the API
    Column("status", String(100)),  # in the CRM's own words
    Column("value", BigInteger),  # ten-thousandths of the currency's unit: exact in every currency, and summed by SQL
    Column("currency", String(3)),  # ISO 4217
    Column("recorded_at", Moment, nullable=False),
    Index("ix_deal_number", "site_id", "number"),
)
