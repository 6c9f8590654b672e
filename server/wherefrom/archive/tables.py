"""Table of the archive room."""

from sqlalchemy import Column, String, Table

from wherefrom.db import Moment, metadata

clock_mark = Table(
    "clock_mark",  # the latest time a machine is known to have seen, so that a clock that was set back is noticed
    metadata,
    Column("machine", String(255), primary_key=True),
    Column("seen_at", Moment, nullable=False),
)
