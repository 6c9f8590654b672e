"""Tables of the reports room: sums of what happened in spans of time that are over. All can be made anew from rows."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, Text

from wherefrom.db import Moment, metadata
from wherefrom.db.partial_index import PartialIndex
from wherefrom.outbound.milestone import EVENTS

report_state = Table(
    "report_state",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("settled", BigInteger, nullable=False),  # how often changes were taken note of: see rollup.py
)

report_span = Table(
    "report_span",  # of which there are sums; spans of a site never overlap
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("begin_at", Moment, primary_key=True, autoincrement=False),
    Column("end_at", Moment, nullable=False),  # does not count in
    Column("stale", Boolean, nullable=False),  # something changed since: the rows are to be counted
    PartialIndex(
        "ix_report_span_stale",
        "site_id",
        "begin_at",
        where="stale",
        on_sqlite="stale = 1",
    ),
)

report_sum = Table(
    "report_sum",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("dimension", String(16), primary_key=True),  # source, channel, …; "" for all together
    Column("begin_at", Moment, primary_key=True, autoincrement=False),  # the span's
    Column("number", Integer, primary_key=True, autoincrement=False),  # of the span's rows in this dimension
    Column("value", Text),  # "" has none; null: of letters of which no visit is known
    Column("currency", String(3), nullable=False),  # "" where there are no values of deals
    Column("visits", BigInteger, nullable=False),
    Column("exposures", BigInteger, nullable=False),
    Column("intents", BigInteger, nullable=False),
    Column("letters", BigInteger, nullable=False),
    Column("deals", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),  # of deals in the currency, in ten-thousandths of its unit
)

report_letter = Table(
    "report_letter",  # letters sent from here
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("begin_at", Moment, primary_key=True, autoincrement=False),  # the span's
    Column("list", String(100), primary_key=True),  # "" of none
    *(Column(event, BigInteger, nullable=False) for event in EVENTS),
)
