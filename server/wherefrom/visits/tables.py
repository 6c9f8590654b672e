"""Tables of the visits room."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from wherefrom.db import Json, Moment, metadata
from wherefrom.db.partial_index import PartialIndex

DEEDS = ("mailto", "copy", "select")
"""Kinds of intent that a person acts by: coming into view is none."""

visit = Table(
    "visit",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # the public visit number
    Column("visitor_id", BigInteger, nullable=False),  # a browser has no row but its visits; 0: nobody, of kind source
    Column("first_visit", BigInteger, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("pageviews", Integer, nullable=False),
    Column("landing_page", Text, nullable=False),
    Column("referrer", Text, nullable=False),
    Column("domain", String(253), nullable=False),
    Column("marker", Text, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("source_levels", Json, nullable=False),
    Column("utm_source", Text),
    Column("utm_medium", Text),
    Column("utm_campaign", Text),
    Column("utm_term", Text),
    Column("utm_content", Text),
    Column("click_id_name", String(32)),
    Column("click_id", Text),
    Column("country_code", String(2)),
    Column("country", String(100)),
    Column("region", String(200)),
    Column("city", String(200)),
    Column("ip", String(45)),
    Column("device", String(16), nullable=False),
    Column("os", String(64), nullable=False),
    Column("browser", String(64), nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("language", String(35)),
    Column("timezone", String(64)),
    Column("google_client_id", String(128)),
    Column("ym_uid", String(128)),
    Column("params", Json, nullable=False),
    Column("kind", String(8), nullable=False, server_default="visit"),  # visit; source: all who came by one source
    Column("source_key", String(64)),  # of kind source: the hash of what tells sources apart
    Column("contact_id", BigInteger),  # whose letter's link the visitor followed; null: nobody's
    Column("send_id", BigInteger),  # that letter, the last one
    Column("landing_title", Text),  # null: no page was shown first, or it is a pageview of its own, as it once was
    Column("landing_referrer", Text),  # the page before the first one, of the site or not
    Index("ix_visit_started", "site_id", "started_at"),
    Index("ix_visit_visitor", "site_id", "visitor_id", "id"),
)
PartialIndex(
    "uq_visit_source",
    visit.c.site_id,
    visit.c.source_key,
    unique=True,
    where=visit.c.source_key.is_not(None),
)

PartialIndex(
    "ix_visit_contact",
    visit.c.site_id,
    visit.c.contact_id,
    where=visit.c.contact_id.is_not(None),
)

visit_counter = Table(
    "visit_counter",  # visit numbers are given out in blocks: gaps are fine, repeats are not
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
)

pageview = Table(
    "pageview",  # of visits whose row has their first page, the further ones
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("visit_id", BigInteger, nullable=False),
    Column("page", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("referrer", Text, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("ix_pageview_visit", "site_id", "visit_id"),
)

intent = Table(
    "intent",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("visit_id", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # visible, mailto, copy, select
    Column("address", String(254), nullable=False),
    Column("page", Text, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("ix_intent_visit", "site_id", "visit_id"),
    # By kind: nearly all are "visible". The last two columns spare reports the rows.
    Index("ix_intent_kind", "site_id", "kind", "seen_at", "id", "visit_id"),
)

intent_hour = Table(
    "intent_hour",  # what visits did with addresses in an hour that is over; see reports/intents.py
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("begin_at", Moment, primary_key=True, autoincrement=False),
    Column("begun_at", Moment, nullable=False),  # when somebody began to count it
    Column("counted", Boolean, nullable=False),  # the numbers say nothing before
    # By kind: visits that did it for the first time, and those of them of which there is a letter.
    *(Column(f"{kind}_{what}", BigInteger, nullable=False) for kind in DEEDS for what in ("visits", "written")),
)

dropped = Table(
    "dropped",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),  # 0: the site is not known
    Column("day", String(10), primary_key=True),  # 2026-11-21, UTC
    Column("reason", String(32), primary_key=True),
    Column("count", BigInteger, nullable=False),
)
