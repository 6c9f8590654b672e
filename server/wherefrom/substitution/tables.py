"""Tables of the substitution room."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table

from wherefrom.db import Json, Moment, metadata

target = Table(
    "target",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", String(254), nullable=False),
    Column("address_key", String(254), nullable=False),  # lower case: what is compared
    Column("strategy", String(16), nullable=False),  # plus, pool, catchall
    Column("enabled", Boolean, nullable=False),
    Column("separator", String(1), nullable=False),  # plus
    Column("code_form", String(8), nullable=False),  # code, visit, name
    Column("domain", String(253), nullable=False),  # catchall
    Column("when_empty", String(8), nullable=False),  # pool: real, share
    Column("refused", Integer, nullable=False),  # how often a pool had nothing to lend
    Column("shared", Integer, nullable=False),  # how often it lent an address that was held
    Column("created_at", Moment, nullable=False),
    Column("proof", String(8), nullable=False, server_default="none"),  # coded: none, waiting, proved, lost
    Column("probe_at", Moment),  # coded: when the next probe goes; null: now, when probes are sent at all
    Column("probe_losses", Integer, nullable=False, server_default="0"),  # probes in a row that did not come back
    Index("uq_target_address", "site_id", "address_key", unique=True),
)

substitute = Table(
    "substitute",  # addresses of pools; coded ones exist as leases only
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("target_id", BigInteger, nullable=False),
    Column("address", String(254), nullable=False),
    Column("address_key", String(254), nullable=False),
    Column("status", String(16), nullable=False),  # unverified, free, leased, cooling, retired
    Column("lease_id", BigInteger),  # the lease it is out on, or was last
    Column("visitor_id", BigInteger),  # who holds it, or held it last
    Column("expires_at", Moment),  # the end of that lease
    Column("idle_since", Moment, nullable=False),  # longest idle is lent first
    Column("created_at", Moment, nullable=False),
    Column("probe_at", Moment),  # when the next probe goes; null: now, when probes are sent at all
    Column("probe_losses", Integer, nullable=False, server_default="0"),  # probes in a row that did not come back
    Column("claims", Json),  # earlier holders whose letter may still come: [lease, sign, ms, weight] each
    Index("uq_substitute_address", "site_id", "address_key", unique=True),
    Index("ix_substitute_lend", "site_id", "target_id", "status", "idle_since"),
)

shortage = Table(
    "shortage",  # a pool had nothing free for a visit that asked
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("target_id", BigInteger, nullable=False),
    Column("visit_id", BigInteger, nullable=False),
    Column("shared", Boolean, nullable=False),  # an address that was held was lent again; else the real one was shown
    Column("at", Moment, nullable=False),
    Index("ix_shortage_target", "site_id", "target_id", "at"),
    Index("ix_shortage_at", "at"),
)

pool_hour = Table(
    "pool_hour",  # what an hour that is over had out of a pool; see hours.py
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("target_id", BigInteger, primary_key=True, autoincrement=False),
    Column("begin_at", Moment, primary_key=True, autoincrement=False),
    Column("hold_minutes", Integer, nullable=False),  # the setting that ``wanted`` was counted by
    Column("begun_at", Moment, nullable=False),  # when somebody began to count
    Column("counted", Boolean, nullable=False),
    Column("peak", Integer, nullable=False),  # the most addresses out at one moment
    Column("wanted", Integer, nullable=False),  # the same with those that were not to be had
)

habit = Table(
    "habit",  # what the site's own letters teach about its visitors
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tally", Json, nullable=False),
    Column("counted_to", BigInteger, nullable=False),  # the last lease that is in the tally
)

lease = Table(
    "lease",
    metadata,
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("target_id", BigInteger, nullable=False),
    Column("strategy", String(16), nullable=False),
    Column("address", String(254), nullable=False),
    Column("address_key", String(254), nullable=False),
    Column("visit_id", BigInteger, nullable=False),
    Column("visitor_id", BigInteger, nullable=False),
    Column("guessable", Boolean, nullable=False),  # the bare visit number, not a code
    Column("shared", Boolean, nullable=False),  # lent although somebody held it
    Column("leased_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("ix_lease_address", "site_id", "address_key", "leased_at"),
    Index("ix_lease_visit", "site_id", "visit_id"),
    Index("ix_lease_target", "site_id", "target_id", "expires_at"),
    Index("ix_lease_visitor", "site_id", "visitor_id", "target_id"),
)
